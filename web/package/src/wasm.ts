import { DeviceError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import init from "./photonet_wasm.js";
import type { WasmSource } from "./types.js";

/** Gives the wasm where the caller names none; Node has its own. */
export type WasmFinder = () => WasmSource | Promise<WasmSource>;

let find: WasmFinder = () => new URL("./photonet_wasm_bg.wasm", import.meta.url);

export function findWasmWith(finder: WasmFinder): void {
  find = finder;
}

let started: Promise<WebAssembly.Module> | undefined;

/** Loads the wasm, once for all classifiers, and gives it compiled; a failure can be tried again. */
export function startWasm(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  started ??= start(source).catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

/** The smallest module that has a vector instruction. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

async function start(source: WasmSource | undefined): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== "object") {
    throw new DeviceError("this browser has no WebAssembly, or it is switched off (as in the Lockdown Mode of iOS)");
  }
  if (!WebAssembly.validate(SIMD)) {
    throw new DeviceError("this browser is too old: WebAssembly SIMD is needed (Chrome 94, Firefox 93, Safari 16.4)");
  }
  const from = source ?? (await found());
  const given = typeof from === "string" || from instanceof URL ? await download(String(from)) : from;
  try {
    const module = isModule(given) ? given : await WebAssembly.compile(given as BufferSource);
    await init({ module_or_path: module });
    return module;
  } catch (error) {
    throw explain(error, "the wasm");
  }
}

/** Of any window: the class of another one is another class. */
function isModule(given: unknown): given is WebAssembly.Module {
  return Object.prototype.toString.call(given) === "[object WebAssembly.Module]";
}

async function found(): Promise<WasmSource> {
  try {
    return await find();
  } catch (error) {
    throw new DeviceError(
      `the wasm is not found: ${textOf(error)}. A bundle that is no ES module (esbuild's format iife, for one) does not know ` +
        "where it lies, and what is bundled for a server may have left it behind: pass its address, or its bytes, as `wasm`.",
    );
  }
}

async function download(url: string): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new DeviceError(`cannot fetch the wasm from ${url}: ${textOf(error)}. ${hints.unreachable}`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || type.includes("html")) {
    response.body?.cancel().catch(() => undefined);
    const hint = response.status === 403 ? FORBIDDEN : NOT_THERE;
    throw new DeviceError(`the server answered ${response.status} ${type} for the wasm at ${url}. ${hint}`);
  }
  try {
    // Compiling from a stream needs the type application/wasm, which not every server sends.
    return type.startsWith("application/wasm")
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    throw explain(error, `the wasm from ${url}`);
  }
}

const NOT_THERE =
  "The file was probably not copied beside the bundle, or a single-page fallback sent an HTML page: copy " +
  "dist/photonet_wasm_bg.wasm of the package, or pass its address as `wasm`. With Vite, up to 7, add " +
  "optimizeDeps: { exclude: ['photonet'] }.";

const FORBIDDEN =
  "It may not send this file. Vite's development server sends none from outside the project, as of a package that is a " +
  "symbolic link: install the package's tarball, or add its folder to server.fs.allow.";

function explain(error: unknown, what: string): DeviceError {
  const message = textOf(error);
  const hint = /unsafe-eval|Content Security Policy|CSP|disallowed by embedder/i.test(message)
    ? "The Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
    : /magic/i.test(message)
      ? `It is no wasm file. ${NOT_THERE}`
      : "It may be damaged, or of another version than the package.";
  return new DeviceError(`${what} does not start: ${message}. ${hint}`);
}
