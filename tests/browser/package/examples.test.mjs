// Every example is built as its README says, with the package from its tarball, and used in a real browser.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { launch, watch } from "../browser.mjs";
import { serve } from "../server.mjs";
import { fixtures, installed, lacksTools, model, npm, packageFolder, packed, root, somePhotos, statedPolicy, tools } from "./harness.mjs";

const examples = join(root, "web/examples");
const vite = join(root, "web/node_modules/vite/bin/vite.js");

let project, browser, photo;
before(async () => {
  project = installed("examples");
  [photo] = somePhotos(1);
  browser = await launch({ webgpu: false });
});
after(() => browser?.close());

/** A copy of an example, with the package installed in the folder above it. */
function copy(name, as = name) {
  const folder = join(project, as);
  cpSync(join(examples, name), folder, { recursive: true, filter: (path) => !/node_modules|dist$/.test(path) });
  return folder;
}

/** The build's tools are this repository's own, of the versions that the example names. */
function pinned(name, tool, installedAt) {
  const { devDependencies } = JSON.parse(readFileSync(join(examples, name, "package.json"), "utf8"));
  assert.equal(JSON.parse(readFileSync(join(installedAt, tool, "package.json"), "utf8")).version, devDependencies[tool]);
}

/** Opens a folder's page, chooses photos and waits for what the page then says. */
async function used(folders, { files = [photo.path], says, headers }) {
  const server = await serve({ folders, headers });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const problems = watch(page);
    await page.goto(server.url);
    await page.waitForFunction(() => /Choose/.test(document.querySelector("output").textContent), undefined, { timeout: 30_000 });
    await page.setInputFiles("input", files);
    await page.waitForFunction((says) => document.body.innerText.includes(says), says, { timeout: 30_000 });
    const text = await page.evaluate(() => document.body.innerText);
    assert.deepEqual(problems.filter((problem) => !/favicon|404/.test(problem)), []);
    return text;
  } catch (error) {
    throw new Error(`${error.message}\nthe page says: ${await context.pages()[0]?.evaluate(() => document.body.innerText)}`);
  } finally {
    await context.close();
    await server.close();
  }
}

test("each is installed from the tarball, as its README says, though the package is not on npm", () => {
  const { tarball } = packed(project);
  for (const name of ["node", "plain"]) {
    const folder = copy(name, `${name}-installed`);
    assert.match(readFileSync(join(folder, "README.md"), "utf8"), new RegExp(`npm install ../${basename(tarball)}`));
    npm(folder, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", `../${basename(tarball)}`);
    assert.ok(existsSync(join(folder, "node_modules/photonet/dist/index.js")));
  }
});

test("plain", async () => {
  const folder = copy("plain");
  copyFileSync(model, join(folder, "model.safetensors"));
  // Installed beside the page, as its README says.
  mkdirSync(join(folder, "node_modules"));
  cpSync(join(project, "node_modules/photonet"), join(folder, "node_modules/photonet"), { recursive: true });
  const headers = { "content-security-policy": statedPolicy() };
  assert.match(await used([folder], { says: photo.top[0].label, headers }), new RegExp(`${photo.top[0].label} [\\d.]+ %`));
});

for (const [name, expected] of [
  ["vite", { says: " %" }],
  ["worker", { says: "Done" }],
]) {
  test(name, async () => {
    pinned(name, "vite", join(root, "web/node_modules"));
    const folder = copy(name);
    mkdirSync(join(folder, "public"));
    copyFileSync(model, join(folder, "public/model.safetensors"));
    execFileSync(process.execPath, [vite, "build", "--logLevel", "warn"], { cwd: folder, stdio: "pipe" });
    writeFileSync(join(folder, "no.jpg"), "text");
    const files = name === "worker" ? [photo.path, join(folder, "no.jpg"), photo.path] : undefined;
    const text = await used([join(folder, "dist")], { ...expected, ...(files && { files }) });
    assert.match(text, new RegExp(photo.top[0].label));
    if (name === "worker") assert.match(text, /no\.jpg: no\.jpg: .*text/);
  });
}

test("training", async () => {
  pinned("training", "vite", join(root, "web/node_modules"));
  const folder = copy("training");
  mkdirSync(join(folder, "public"));
  copyFileSync(model, join(folder, "public/model.safetensors"));
  execFileSync(process.execPath, [vite, "build", "--logLevel", "warn"], { cwd: folder, stdio: "pipe" });
  const drawn = (name) => readdirSync(join(fixtures, "drawn", name)).slice(0, 8).map((file) => join(fixtures, "drawn", name, file));
  const server = await serve({ folders: [join(folder, "dist")] });
  const gpu = await launch();
  try {
    const page = await gpu.newPage();
    const problems = watch(page);
    const says = (part) =>
      page.waitForFunction((part) => document.querySelector("output").textContent.includes(part), part, { timeout: 60_000 }).catch(async () => {
        throw new Error(`the page says: ${await page.textContent("output")}`);
      });
    await page.goto(server.url);
    await page.click("button");
    await says("0 photos of 0 classes");
    await page.setInputFiles("#cats", drawn("checks"));
    await page.setInputFiles("#dogs", drawn("dots"));
    await page.click("button");
    await says("of 4 photos that were set aside are right");
    await page.setInputFiles("#photo", drawn("checks")[0]);
    await says("cats ");
    assert.deepEqual(problems.filter((problem) => !/favicon|404/.test(problem)), []);
  } finally {
    await gpu.close();
    await server.close();
  }
});

/** What Vite's development server, which may send the files in `allowed` alone, makes the example say. */
async function developed(folder, allowed) {
  mkdirSync(join(folder, "public"), { recursive: true });
  copyFileSync(model, join(folder, "public/model.safetensors"));
  const { createServer } = await import(join(root, "web/node_modules/vite/dist/node/index.js"));
  const server = await createServer({ root: folder, logLevel: "error", server: { port: 0, host: "127.0.0.1", fs: { allow: [allowed] } }, cacheDir: join(folder, ".vite") });
  await server.listen();
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    let problem;
    page.on("pageerror", ({ message }) => (problem = message));
    await page.goto(server.resolvedUrls.local[0]);
    for (let waited = 0; waited < 30_000; waited += 100) {
      const says = await page.evaluate(() => document.querySelector("output").textContent);
      if (problem || says === "Choose a photo") return problem ?? says;
      await page.waitForTimeout(100);
    }
    throw new Error("the page says nothing");
  } finally {
    await context.close();
    await server.close();
  }
}

test("vite's development server, where pre-bundling must leave the wasm alone", async () => {
  assert.equal(await developed(copy("vite"), project), "Choose a photo");
});

test("vite's development server with the package as a symbolic link says what to do", async () => {
  const folder = copy("vite", "vite-linked");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(packageFolder, join(folder, "node_modules/photonet"), "junction");
  assert.match(await developed(folder, folder), /403.*server\.fs\.allow/);
});

/** webpack in this folder; gives what it says. */
function webpack(folder) {
  return execFileSync(process.execPath, [join(tools, "node_modules/webpack-cli/bin/cli.js")], {
    cwd: folder,
    stdio: "pipe",
    encoding: "utf8",
    env: { ...process.env, NODE_PATH: join(tools, "node_modules") },
  });
}

test("webpack", async (context) => {
  if (lacksTools(context)) return;
  for (const tool of ["webpack", "webpack-cli"]) pinned("webpack", tool, join(tools, "node_modules"));
  const folder = copy("webpack");
  copyFileSync(model, join(folder, "model.safetensors"));
  assert.doesNotMatch(webpack(folder), /warning/i);
  assert.match(await used([folder], { says: " %" }), new RegExp(photo.top[0].label));
});

test("webpack for Node, and as Next.js has it for servers", (context) => {
  if (lacksTools(context)) return;
  for (const [name, more] of [
    ["node-bundled", {}],
    ["next-bundled", { output: { publicPath: "/_next/" }, module: { parser: { javascript: { url: "relative" } } } }],
  ]) {
    const folder = copy("node", name);
    const config = { mode: "production", target: "node20", entry: "./index.js", ...more };
    config.output = { ...config.output, filename: "main.cjs" };
    writeFileSync(join(folder, "webpack.config.js"), `export default ${JSON.stringify(config)};`);
    webpack(folder);
    const run = spawnSync(process.execPath, ["dist/main.cjs", model, photo.path], { cwd: folder, encoding: "utf8" });
    assert.equal(run.status, 0, `${name}: ${run.stdout}${run.stderr}`);
    assert.match(run.stdout, new RegExp(`\t${photo.top[0].label} `), name);
  }
});

test("node", () => {
  const folder = copy("node");
  writeFileSync(join(folder, "notes.jpg"), "just text");
  const run = (...photos) => spawnSync(process.execPath, ["index.js", model, ...photos], { cwd: folder, encoding: "utf8" });
  const good = run(photo.path);
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, new RegExp(`\t${photo.top[0].label} 0\\.\\d{4}`));
  const mixed = run("notes.jpg", photo.path);
  assert.equal(mixed.status, 1);
  assert.match(mixed.stdout, /notes\.jpg\t.*text/);
  assert.match(mixed.stdout, new RegExp(photo.top[0].label));
  assert.equal(run().status, 2);
});
