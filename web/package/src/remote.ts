import type { Engine, Hooks, Loaded, OpenOptions, PhotoInput, RawOutcome } from "./engine.js";
import { abortError, checkAbort, DeviceError, fromPlain } from "./errors.js";
import type { Call, Reply } from "./protocol.js";
import type { Verdict } from "./types.js";

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

let engines = 0;

/** The engine in a worker that runs `photonet/worker`. Several classifiers may share one worker. */
export class RemoteEngine implements Engine {
  loaded!: Loaded;
  readonly #worker: Worker;
  readonly #engine = ++engines;
  readonly #hooks: Hooks;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #closed = false;

  private constructor(worker: Worker, hooks: Hooks) {
    this.#worker = worker;
    this.#hooks = hooks;
    worker.addEventListener("message", this.#onMessage);
    worker.addEventListener("error", this.#onError);
  }

  static async open(worker: Worker, options: OpenOptions, hooks: Hooks): Promise<RemoteEngine> {
    const engine = new RemoteEngine(worker, hooks);
    try {
      const { source, wasm } = options;
      // Addresses are meant from the page, and the worker may lie elsewhere.
      const absolute = { ...options, source: address(source), wasm: wasm instanceof URL ? wasm.href : wasm };
      engine.loaded = (await engine.#call({ op: "open", options: absolute }, hooks.signal)) as Loaded;
      return engine;
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  #onMessage = ({ data }: MessageEvent<Reply>): void => {
    if (data?.photonet !== this.#engine) return;
    if ("progress" in data) return this.#hooks.onProgress(data.progress);
    if ("notice" in data) return this.#hooks.onNotice(data.notice);
    const waiting = this.#waiting.get(data.call);
    this.#waiting.delete(data.call);
    if ("error" in data) waiting?.reject(fromPlain(data.error));
    else waiting?.resolve(data.value);
  };

  #onError = (event: ErrorEvent): void => {
    const reason = event.message || "its script was not found or may not be loaded";
    const error = new DeviceError(
      `the worker failed: ${reason}. Does it run photonet/worker as a module, and does the Content-Security-Policy ` +
        "(worker-src, script-src) allow it?",
    );
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  };

  #call(what: Call["what"], signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      checkAbort(signal);
      if (this.#closed) throw new DeviceError("this classifier was disposed of");
      const call = ++this.#calls;
      const stop = (): void => {
        this.#post({ photonet: this.#engine, call, what: { op: "abort" } });
        this.#waiting.delete(call);
        reject(abortError());
      };
      const done = (): void => signal?.removeEventListener("abort", stop);
      this.#waiting.set(call, {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener("abort", stop, { once: true });
      this.#post({ photonet: this.#engine, call, what });
    });
  }

  #post(message: Call): void {
    this.#worker.postMessage(message);
  }

  async run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]> {
    const outcomes = (await this.#call({ op: "run", wanted, photos }, signal)) as Extract<
      Reply,
      { value: unknown }
    >["value"][];
    return outcomes.map((outcome) => {
      const plain = outcome as { result: never } | { plain: Parameters<typeof fromPlain>[0] };
      return "plain" in plain ? { error: fromPlain(plain.plain) } : plain;
    });
  }

  async tensor(photo: PhotoInput): Promise<Uint8Array> {
    return (await this.#call({ op: "tensor", photo }, undefined)) as Uint8Array;
  }

  async verify(signal: AbortSignal | undefined): Promise<Verdict> {
    return (await this.#call({ op: "verify" }, signal)) as Verdict;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#post({ photonet: this.#engine, call: 0, what: { op: "close" } });
    // What is under way still answers; then nothing more comes.
    if (this.#waiting.size === 0) this.#detach();
    else setTimeout(() => this.#detach(), 60_000);
  }

  #detach(): void {
    this.#worker.removeEventListener("message", this.#onMessage);
    this.#worker.removeEventListener("error", this.#onError);
  }
}

function address(source: OpenOptions["source"]): OpenOptions["source"] {
  if (source instanceof URL) return source.href;
  if (typeof source !== "string" || typeof location !== "object") return source;
  try {
    return new URL(source, document?.baseURI ?? location.href).href;
  } catch {
    return source;
  }
}
