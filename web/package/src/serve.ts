import type { Decoder } from "./decoder.js";
import { PhotonetError, toPlain } from "./errors.js";
import { buffersOf } from "./link.js";
import { type Call, HANDED_ON, type Reply } from "./protocol.js";
import type { WasmSource } from "./types.js";

/** The other end: who started this worker, or a port. */
interface Other {
  addEventListener(type: "message", listener: (event: MessageEvent<Call | typeof HANDED_ON>) => void): void;
  postMessage(message: Reply, transfer?: Transferable[]): void;
}

let other = globalThis as unknown as Other;

/** What a call is answered with, and what of it goes to the page without a copy. */
export type Answer = [value: unknown, transfer?: Transferable[]];

export const post = (message: Reply): void => other.postMessage(message);

/** What was opened, by its number; a worker that was started anew does not know it. */
export async function known<T>(opened: Map<number, Promise<T>>, photonet: number): Promise<T> {
  const found = await opened.get(photonet);
  if (!found) throw new PhotonetError("the worker knows nothing of what it is asked: was it started anew?");
  return found;
}

/**
 * Answers the calls that another thread makes of this worker, its starter or the one that was given its port; `close` ends what was
 * opened as a number.
 */
export function serve(answer: (call: Call, signal: AbortSignal) => Promise<Answer>, close: (photonet: number) => void): void {
  const aborts = new Map<string, AbortController>();
  const hear = ({ data, ports: [port] }: MessageEvent<Call | typeof HANDED_ON>): void => {
    if (data === HANDED_ON) {
      if (!port) return;
      other = port;
      port.addEventListener("message", hear);
      return port.start();
    }
    if (typeof data?.photonet !== "number" || !data.what) return;
    const { photonet, call, what } = data;
    const key = `${photonet}/${call}`;
    if (what.op === "abort") {
      aborts.get(key)?.abort();
      return;
    }
    if (what.op === "close") return close(photonet);
    const abort = new AbortController();
    aborts.set(key, abort);
    answer(data, abort.signal)
      // A compiled module is not cloned everywhere: posting fails then, which is an answer as well.
      .then(([value, transfer]) => other.postMessage({ photonet, call, value }, transfer))
      .catch((error: unknown) => post({ photonet, call, error: toPlain(error) }))
      .finally(() => aborts.delete(key));
  };
  other.addEventListener("message", hear);
}

/** A worker's decoders, of one wasm or the other. */
export class Decoding {
  readonly #open: (wasm: WasmSource | undefined, preprocessing: string) => Promise<Decoder>;
  readonly #opened = new Map<number, Promise<Decoder>>();

  constructor(open: (wasm: WasmSource | undefined, preprocessing: string) => Promise<Decoder>) {
    this.#open = open;
  }

  async answer({ photonet, what }: Call, signal: AbortSignal): Promise<Answer> {
    switch (what.op) {
      case "openDecoder": {
        post({ photonet, alive: true });
        const opened = this.#open(what.wasm, what.preprocessing);
        this.#opened.set(photonet, opened);
        await opened;
        return [undefined];
      }
      case "prepare": {
        const prepared = await (await known(this.#opened, photonet)).prepare(what.photo, signal);
        return [prepared, prepared ? buffersOf(prepared) : []];
      }
      default:
        return [undefined];
    }
  }

  close(photonet: number): void {
    this.#opened.delete(photonet);
  }
}
