import { DeviceError } from "./errors.js";
import init from "./photonet_wasm.js";
import type { WasmSource } from "./types.js";

/** Gives the wasm where the caller names none; Node has its own. */
export type WasmFinder = () => WasmSource | Promise<WasmSource>;

let find: WasmFinder = () => new URL("./photonet_wasm_bg.wasm", import.meta.url);

export function findWasmWith(finder: WasmFinder): void {
  find = finder;
}

let started: Promise<void> | undefined;

/** Loads the wasm, once for all classifiers; a failure can be tried again. */
export function startWasm(source: WasmSource | undefined): Promise<void> {
  started ??= start(source).catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function start(source: WasmSource | undefined): Promise<void> {
  const from = source ?? (await find());
  const module = typeof from === "string" || from instanceof URL ? await download(String(from)) : from;
  try {
    await init({ module_or_path: module });
  } catch (error) {
    throw explain(error, "the wasm");
  }
}

async function download(url: string): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new DeviceError(
      `cannot fetch the wasm from ${url}: ${text(error)}. Is the network there, and does a Content-Security-Policy ` +
        "(connect-src) or a missing CORS header stand in the way?",
    );
  }
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || type.includes("html")) {
    throw new DeviceError(
      `the server answered ${response.status} ${type} for the wasm at ${url}. The file was probably not copied beside ` +
        "the bundle, or a single-page fallback sent an HTML page: copy dist/photonet_wasm_bg.wasm of the package, or pass " +
        "its address as `wasm`. With Vite, add optimizeDeps: { exclude: ['photonet'] }.",
    );
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

function explain(error: unknown, what: string): DeviceError {
  const message = text(error);
  const policy = /unsafe-eval|Content Security Policy|disallowed by embedder/i.test(message);
  const hint = policy
    ? "The Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
    : "It may be damaged, or of another version than the package.";
  return new DeviceError(`${what} does not start: ${message}. ${hint}`);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
