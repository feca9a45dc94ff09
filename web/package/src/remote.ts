import { absolute } from "./address.js";
import type { Engine, Hooks, Loaded, OpenOptions, PhotoInput, RawOutcome } from "./engine.js";
import { abortable, checkAbort, DeviceError, fromPlain } from "./errors.js";
import type { Call, PlainOutcome, Reply } from "./protocol.js";
import type { Verdict } from "./types.js";

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * A worker whose script failed before anybody listened, or that runs something else, says nothing: silence beyond this many
 * milliseconds is noted, and then an error, since a script may be long in coming.
 */
const PATIENCE = [10_000, 30_000] as const;

const CAUSES =
  "Does it run photonet/worker as a module, and does the Content-Security-Policy (worker-src, script-src) allow it?";

let engines = 0;

/** The engine in a worker that runs `photonet/worker`. Several classifiers may share one worker. */
export class RemoteEngine implements Engine {
  loaded!: Loaded;
  readonly #worker: Worker;
  readonly #engine = ++engines;
  readonly #hooks: Hooks;
  readonly #waiting = new Map<number, Waiting>();
  #silence: ReturnType<typeof setTimeout>[] = [];
  #calls = 0;

  private constructor(worker: Worker, hooks: Hooks) {
    this.#worker = worker;
    this.#hooks = hooks;
    worker.addEventListener("message", this.#onMessage);
    worker.addEventListener("messageerror", this.#onMessageError);
    worker.addEventListener("error", this.#onError);
  }

  static async open(worker: Worker, options: OpenOptions, hooks: Hooks): Promise<RemoteEngine> {
    const engine = new RemoteEngine(worker, hooks);
    try {
      const { source, wasm } = options;
      const opened = engine.#call({ op: "open", options: { ...options, source: fromHere(source), wasm: fromHere(wasm) } }, hooks.signal);
      engine.#silence = [
        setTimeout(() => hooks.onNotice(`the worker has not answered yet. ${CAUSES}`), PATIENCE[0]),
        setTimeout(() => engine.#fail("it does not answer"), PATIENCE[1]),
      ];
      engine.loaded = (await opened) as Loaded;
      return engine;
    } catch (error) {
      engine.close();
      throw error;
    } finally {
      engine.#heard();
    }
  }

  #onMessage = ({ data }: MessageEvent<Reply>): void => {
    if (data?.photonet !== this.#engine) return;
    this.#heard();
    if ("alive" in data) return;
    if ("progress" in data) return this.#hooks.onProgress(data.progress);
    if ("notice" in data) return this.#hooks.onNotice(data.notice);
    const waiting = this.#waiting.get(data.call);
    this.#waiting.delete(data.call);
    if ("error" in data) waiting?.reject(fromPlain(data.error));
    else waiting?.resolve(data.value);
  };

  #heard(): void {
    this.#silence.forEach((timer) => clearTimeout(timer));
  }

  #onMessageError = (): void => this.#fail("its answer cannot be read");

  #onError = (event: ErrorEvent): void => this.#fail(event.message || "its script was not found or may not be loaded");

  #fail(reason: string): void {
    const error = new DeviceError(`the worker failed: ${reason}. ${CAUSES}`);
    for (const [call, { reject }] of this.#waiting) {
      this.#waiting.delete(call);
      reject(error);
    }
  }

  async #call(what: Call["what"], signal: AbortSignal | undefined, photos: PhotoInput[] = []): Promise<unknown> {
    checkAbort(signal);
    const call = ++this.#calls;
    const answer = new Promise((resolve, reject) => this.#waiting.set(call, { resolve, reject }));
    const stop = (): void => {
      this.#post({ photonet: this.#engine, call, what: { op: "abort" } });
      this.#waiting.delete(call);
    };
    signal?.addEventListener("abort", stop, { once: true });
    try {
      this.#post({ photonet: this.#engine, call, what }, photos.flatMap(buffersOf));
      return await abortable(answer, signal);
    } catch (error) {
      this.#waiting.delete(call);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  #post(message: Call, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  async run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]> {
    const outcomes = (await this.#call({ op: "run", wanted, photos }, signal, photos)) as PlainOutcome[];
    return outcomes.map((outcome) => {
      if ("plain" in outcome) return { error: fromPlain(outcome.plain) };
      this.loaded.backend = outcome.result.backend;
      return outcome;
    });
  }

  async tensor(photo: PhotoInput, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return (await this.#call({ op: "tensor", photo }, signal, [photo])) as Uint8Array;
  }

  async verify(signal: AbortSignal | undefined): Promise<Verdict> {
    return (await this.#call({ op: "verify" }, signal)) as Verdict;
  }

  close(): void {
    this.#post({ photonet: this.#engine, call: 0, what: { op: "close" } });
    this.#worker.removeEventListener("message", this.#onMessage);
    this.#worker.removeEventListener("messageerror", this.#onMessageError);
    this.#worker.removeEventListener("error", this.#onError);
  }
}

/** What goes to the worker without another copy. */
function buffersOf(photo: PhotoInput): ArrayBuffer[] {
  const bytes = photo.kind === "pixels" ? photo.rgba : photo.file;
  // Part of a buffer: of Node's, which has one for many files.
  if (bytes instanceof Blob || bytes.byteLength < bytes.buffer.byteLength) return [];
  return [bytes.buffer as ArrayBuffer];
}

/** Addresses are meant from the page, and the worker may lie elsewhere. */
function fromHere<T>(source: T): Exclude<T, URL> | string {
  if (source instanceof URL) return source.href;
  if (typeof source === "string") return absolute(source) ?? source;
  return source as Exclude<T, URL>;
}
