import type { Decoder } from "./decoder.js";
import { PhotonetError, toPlain } from "./errors.js";
import { buffersOf } from "./link.js";
import type { Call, Reply } from "./protocol.js";
import type { WasmSource } from "./types.js";

interface Scope {
  addEventListener(type: "message", listener: (event: MessageEvent<Call>) => void): void;
  postMessage(message: Reply, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;

/** What a call is answered with, and what of it goes to the page without a copy. */
export type Answer = [value: unknown, transfer?: Transferable[]];

export const post = (message: Reply): void => scope.postMessage(message);

/** What was opened, by its number; a worker that was started anew does not know it. */
export async function known<T>(opened: Map<number, Promise<T>>, photonet: number): Promise<T> {
  const found = await opened.get(photonet);
  if (!found) throw new PhotonetError("the worker knows nothing of what it is asked: was it started anew?");
  return found;
}

/** Answers the calls that other threads make of this worker; `close` ends what was opened as a number. */
export function serve(answer: (call: Call, signal: AbortSignal) => Promise<Answer>, close: (photonet: number) => void): void {
  const aborts = new Map<string, AbortController>();
  scope.addEventListener("message", ({ data }) => {
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
      .then(([value, transfer]) => scope.postMessage({ photonet, call, value }, transfer))
      .catch((error: unknown) => scope.postMessage({ photonet, call, error: toPlain(error) }))
      .finally(() => aborts.delete(key));
  });
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
