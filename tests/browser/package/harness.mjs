// The package as a user gets it: packed, installed from the tarball, served to a real browser.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, watch } from "../browser.mjs";
import { fixtures, model, photos as all, root } from "../fixtures.mjs";
import { serve } from "../server.mjs";

export { fixtures, model, root };

/** The photos that the native program can read. */
export function photos() {
  return all().filter(({ logits }) => logits);
}

export const packageFolder = join(root, "web/package");
const scratch = join(root, "target/browser/package");

/** Where package.json names what some tests need beside the browser. */
export const tools = fileURLToPath(new URL(".", import.meta.url));

/** Installs that; says whether it cannot be had, and skips the test then. */
export function lacksTools(context) {
  try {
    // npm writes this file when all is there, of these versions.
    const [wanted, there] = ["package-lock.json", "node_modules/.package-lock.json"].map((name) => statSync(join(tools, name), { throwIfNoEntry: false }));
    if (!there || there.mtimeMs < wanted.mtimeMs) npm(tools, "ci");
    return false;
  } catch (error) {
    context.skip(`the tests' tools cannot be installed here: ${String(error.stderr ?? error).slice(-300)}`);
    return true;
  }
}

/** npm, without a word. */
export function npm(cwd, ...args) {
  return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32" });
}

/** The Content-Security-Policy that the package's README names. */
export function statedPolicy() {
  return /^default-src .*$/m.exec(readFileSync(join(packageFolder, "README.md"), "utf8"))[0];
}

/** A fresh folder for a test file, gone when it ends; another run beside this one has its own. */
export function folder(name) {
  const path = join(scratch, `${name}-${process.pid}`);
  const remove = () => rmSync(path, { recursive: true, force: true });
  remove();
  mkdirSync(path, { recursive: true });
  process.on("exit", remove);
  return path;
}

/** Packs the package into a folder and gives the tarball's path and its list of files. */
export function packed(into) {
  if (!existsSync(join(packageFolder, "dist/photonet_wasm_bg.wasm"))) {
    throw new Error(`${packageFolder}/dist is not built: run \`cargo xtask web\``);
  }
  const [{ filename, files, size, unpackedSize }] = JSON.parse(
    npm(packageFolder, "pack", "--json", "--ignore-scripts", "--pack-destination", into),
  );
  return { tarball: join(into, filename), files: files.map(({ path }) => path), size, unpackedSize };
}

/** A fresh project that has the package installed from its tarball; gives the project's folder. */
export function installed(name) {
  const project = folder(name);
  const { tarball } = packed(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  npm(project, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball);
  return project;
}

const HTML = `<!doctype html><meta charset="utf-8"><title>photonet</title>
<script type="importmap">{ "imports": { "photonet": "/node_modules/photonet/dist/index.js" } }</script>
<script type="module">import * as photonet from "photonet"; window.photonet = photonet;</script>`;

/** A route that answers with this. */
export function answer(body, type = "text/html; charset=utf-8", { status = 200, headers = {} } = {}) {
  return (_, response) => {
    response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), ...headers });
    response.end(body);
  };
}

/** A route that sends a file in small parts with pauses, so that something can happen meanwhile. */
export function slowly(path, { part = 64 << 10, pause = 30 } = {}) {
  return async (request, response) => {
    const bytes = readFileSync(path);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    for (let at = 0; at < bytes.length && !request.destroyed; at += part) {
      response.write(bytes.subarray(at, at + part));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    response.end();
  };
}

/**
 * A browser, a server of the installed package, the model at /model.safetensors and the photos at /photos/, and pages.
 * @param {string} name names the test file's scratch folder
 */
export async function bench(name, { webgpu = true, args = [], routes = {} } = {}) {
  const project = installed(name);
  const every = { "/": answer(HTML), "/favicon.ico": answer("", "image/png", { status: 204 }), "/model.safetensors": answer(readFileSync(model), "application/octet-stream"), ...routes };
  const server = await serve({ folders: [project, fixtures], routes: every });
  const browser = await launch({ webgpu, args });
  return {
    project,
    server,
    browser,
    url: server.url,
    /** Routes may be added and taken away while the server runs. */
    routes: every,
    /** A page of a fresh profile with the package's exports at `photonet`. */
    async page({ path = "/", init, ready = true, context: options = {} } = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      const problems = watch(page);
      if (init) await page.addInitScript(init);
      await page.addInitScript(helpers);
      await page.goto(server.url + path);
      if (ready) await page.waitForFunction(() => "photonet" in window);
      const { evaluate } = page;
      return Object.assign(page, {
        problems,
        /** As Playwright's, which would wait for ever. */
        evaluate: (...options) => limited(evaluate.apply(page, options), 120_000),
        free: () => context.close(),
      });
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

function limited(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the page gave no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What tests use inside the page. */
function helpers() {
  window.helpers = {
    /** A file of the server as a File. */
    async file(url, name = url.split("/").pop()) {
      return new File([await (await fetch(url)).blob()], name);
    },
    /** How a promise ends, in a form that can leave the page. */
    async ending(promise) {
      try {
        return { value: await promise };
      } catch (error) {
        const { photonet } = window;
        const kind = ["ModelError", "ImageError", "DeviceError", "AbortError"].find((name) => error instanceof photonet[name]);
        return { kind: kind ?? "other", name: error?.name, message: String(error?.message ?? error) };
      }
    },
    async sha256(bytes) {
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
    },
  };
}

/** The largest difference relative to the largest expected value, as `verify` counts. */
export function difference(found, expected) {
  const scale = Math.max(1e-6, ...expected.map(Math.abs));
  return Math.max(...expected.map((value, index) => Math.abs(value - found[index]))) / scale;
}

export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Some JPEGs, over and over where there are fewer, for tests that need just any. */
export function somePhotos(count) {
  const jpegs = photos().filter(({ path }) => path.endsWith(".jpg"));
  if (jpegs.length === 0) throw new Error("there is no JPEG among the photos");
  return Array.from({ length: count }, (_, index) => {
    const { path, top, logits } = jpegs[index % jpegs.length];
    return { url: `/photos/${encodeURIComponent(basename(path))}`, path, top, logits };
  });
}

/** A red AVIF of 16 x 8 pixels. */
export const AVIF = [
  "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcG",
  "l0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAKwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABq",
  "aXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAAAgAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAAB",
  "dpcG1hAAAAAAAAAAEAAQQBAoMEAAAAM21kYXQSAAoIGAy/tEBDQaEyHReHh4YhhJJJJlAAAADLqPQawNF7Mx6OQRJ0JyvA",
].join("");
