import type { Hooks, PhotoInput } from "./engine.js";
import { abortable, checkAbort, DeviceError, fromPlain } from "./errors.js";
import type { Call, Reply } from "./protocol.js";

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * A worker whose script failed before anybody listened, or that runs something else, says nothing: silence beyond this many
 * milliseconds is noted, and then an error, since a script may be long in coming.
 */
export const PATIENCE = [10_000, 30_000] as const;

/** The scripts of this package that workers run. */
export type Script = "photonet/worker" | "photonet/training-worker";

let links = 0;

/** The page's end of what was opened in a worker that runs one of this package's scripts. Several may share one worker. */
export class Link {
  /** Why the worker is of no use, once it has failed. */
  failed: DeviceError | undefined;
  readonly #worker: Worker | MessagePort;
  readonly #name: string;
  readonly #causes: string;
  readonly #number = ++links;
  readonly #hooks: Omit<Hooks, "signal">;
  readonly #waiting = new Map<number, Waiting>();
  #silence: ReturnType<typeof setTimeout>[] = [];
  #calls = 0;

  /** `name` is for messages, and the script that it is to run. */
  constructor(worker: Worker | MessagePort, name: string, script: Script, hooks: Omit<Hooks, "signal">) {
    this.#worker = worker;
    this.#name = name;
    this.#causes = `Does it run ${script} as a module, and does the Content-Security-Policy (worker-src, script-src) allow it?`;
    this.#hooks = hooks;
    this.#listen("addEventListener");
    if ("start" in worker) worker.start();
  }

  /** The first call, whose answer is not waited for in vain. */
  async open(what: Call["what"], signal: AbortSignal | undefined): Promise<unknown> {
    if (this.failed) throw this.failed;
    const opened = this.call(what, signal);
    this.#silence = [
      setTimeout(() => this.#hooks.onNotice(`${this.#name} has not answered yet. ${this.#causes}`), PATIENCE[0]),
      setTimeout(() => this.fail("it does not answer"), PATIENCE[1]),
    ];
    return opened.finally(() => this.#heard());
  }

  #onMessage = ({ data }: MessageEvent<Reply>): void => {
    if (data?.photonet !== this.#number) return;
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

  #onMessageError = (): void => this.fail("its answer cannot be read");

  #onError = (event: ErrorEvent): void => this.fail(event.message || "its script was not found or may not be loaded");

  /** Rejects what is not answered. */
  fail(reason: string): void {
    const error = new DeviceError(`${this.#name} failed: ${reason}. ${this.#causes}`);
    this.failed = error;
    for (const [call, { reject }] of this.#waiting) {
      this.#waiting.delete(call);
      reject(error);
    }
  }

  async call(what: Call["what"], signal: AbortSignal | undefined, transfer: Transferable[] = []): Promise<unknown> {
    checkAbort(signal);
    const call = ++this.#calls;
    const answer = new Promise((resolve, reject) => this.#waiting.set(call, { resolve, reject }));
    const stop = (): void => {
      this.#post({ photonet: this.#number, call, what: { op: "abort" } });
      this.#waiting.delete(call);
    };
    signal?.addEventListener("abort", stop, { once: true });
    try {
      this.#post({ photonet: this.#number, call, what }, transfer);
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

  close(): void {
    this.#post({ photonet: this.#number, call: 0, what: { op: "close" } });
    this.#listen("removeEventListener");
  }

  #listen(change: "addEventListener" | "removeEventListener"): void {
    // A port has no errors.
    const heard = { message: this.#onMessage, messageerror: this.#onMessageError, error: this.#onError };
    for (const [name, hear] of Object.entries(heard)) this.#worker[change](name, hear as (event: Event) => void);
  }
}

/** What goes to another thread without another copy. */
export function buffersOf(photo: PhotoInput): ArrayBuffer[] {
  const bytes = photo.kind === "file" ? photo.file : photo.kind === "pixels" ? photo.rgba : photo.pixels;
  // Part of a buffer: of Node's, which has one for many files.
  if (bytes instanceof Blob || bytes.byteLength < bytes.buffer.byteLength) return [];
  return [bytes.buffer as ArrayBuffer];
}
