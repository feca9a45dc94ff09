import { DeviceError, fromWasm, textOf } from "./errors.js";
import { hints } from "./hints.js";
import { orTrap } from "./trap.js";
import type { WasmSource } from "./types.js";

/** Gives the wasm where the caller names none; Node has its own. */
export type WasmFinder = () => WasmSource | Promise<WasmSource>;

/** What wasm-bindgen generates to start a wasm. */
type Init = (input: { module_or_path: WebAssembly.Module }) => Promise<unknown>;

/** One of the package's two wasm files, which is started once, whoever asks. */
export class Wasm {
  /** The file's name in `dist`. */
  readonly #file: string;
  readonly #init: Init;
  #find: WasmFinder;
  #started: Promise<WebAssembly.Module> | undefined;
  /** What ended it, if something did: its memory may be full, for one. */
  #trap: WebAssembly.RuntimeError | undefined;

  constructor(file: string, init: Init, find: WasmFinder) {
    this.#file = file;
    this.#init = init;
    this.#find = find;
  }

  findWith(finder: WasmFinder): void {
    this.#find = finder;
  }

  /** Whether it has trapped: nothing of it is to be touched any more, not even to free it. */
  get trapped(): boolean {
    return this.#trap !== undefined;
  }

  /** Throws where it has trapped. */
  checkTrap(): void {
    if (this.#trap) throw fromWasm(this.#trap);
  }

  /** What a call promises, or its error; a trap's is an error of this package, by which later calls are refused, whoever makes them. */
  async answer<T>(call: () => T | Promise<T>): Promise<T> {
    this.checkTrap();
    try {
      return await orTrap(Promise.resolve(call()));
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#trap = error;
      throw fromWasm(error);
    }
  }

  /** Loads the wasm and gives it compiled; a failure can be tried again, a trap cannot. */
  async start(source: WasmSource | undefined): Promise<WebAssembly.Module> {
    this.checkTrap();
    this.#started ??= this.#load(source).catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  async #load(source: WasmSource | undefined): Promise<WebAssembly.Module> {
    if (typeof WebAssembly !== "object") {
      throw new DeviceError("this browser has no WebAssembly, or it is switched off (as in the Lockdown Mode of iOS)");
    }
    if (!WebAssembly.validate(SIMD)) {
      throw new DeviceError("this browser is too old: WebAssembly SIMD is needed (Chrome 94, Firefox 93, Safari 16.4)");
    }
    const from = source ?? (await this.#found());
    const given = typeof from === "string" || from instanceof URL ? await this.#download(String(from)) : from;
    try {
      const module = isModule(given) ? given : await WebAssembly.compile(given as BufferSource);
      await this.#init({ module_or_path: module });
      return module;
    } catch (error) {
      throw this.#explain(error, "the wasm");
    }
  }

  async #found(): Promise<WasmSource> {
    try {
      return await this.#find();
    } catch (error) {
      throw new DeviceError(
        `the wasm is not found: ${textOf(error)}. A bundle that is no ES module (esbuild's format iife, for one) does not know ` +
          "where it lies, and what is bundled for a server may have left it behind: pass its address, or its bytes, as `wasm`.",
      );
    }
  }

  async #download(url: string): Promise<WebAssembly.Module> {
    let response: Response;
    try {
      response = await fetch(url);
    } catch (error) {
      throw new DeviceError(`cannot fetch the wasm from ${url}: ${textOf(error)}. ${hints.unreachable}`);
    }
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || type.includes("html")) {
      response.body?.cancel().catch(() => undefined);
      const hint = response.status === 403 ? FORBIDDEN : this.#notThere;
      throw new DeviceError(`the server answered ${response.status} ${type} for the wasm at ${url}. ${hint}`);
    }
    try {
      // Compiling from a stream needs the type application/wasm, which not every server sends.
      return type.startsWith("application/wasm")
        ? await WebAssembly.compileStreaming(response)
        : await WebAssembly.compile(await response.arrayBuffer());
    } catch (error) {
      throw this.#explain(error, `the wasm from ${url}`);
    }
  }

  get #notThere(): string {
    return (
      "The file was probably not copied beside the bundle, or a single-page fallback sent an HTML page: copy " +
      `dist/${this.#file} of the package, or pass its address as \`wasm\`. With Vite, up to 7, add ` +
      "optimizeDeps: { exclude: ['photonet'] }."
    );
  }

  #explain(error: unknown, what: string): DeviceError {
    const message = textOf(error);
    const hint = /unsafe-eval|Content Security Policy|CSP|disallowed by embedder/i.test(message)
      ? "The Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
      : /magic/i.test(message)
        ? `It is no wasm file. ${this.#notThere}`
        : "It may be damaged, or of another version than the package.";
    return new DeviceError(`${what} does not start: ${message}. ${hint}`);
  }
}

/** The smallest module that has a vector instruction. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

const FORBIDDEN =
  "It may not send this file. Vite's development server sends none from outside the project, as of a package that is a " +
  "symbolic link: install the package's tarball, or add its folder to server.fs.allow.";

/** Of any window: the class of another one is another class. */
function isModule(given: unknown): given is WebAssembly.Module {
  return Object.prototype.toString.call(given) === "[object WebAssembly.Module]";
}
