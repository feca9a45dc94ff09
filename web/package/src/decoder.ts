import { bytesOf, prepared } from "./decode.js";
import type { EncodedFile, Prepared } from "./engine.js";
import { checkAbort } from "./errors.js";
import { Queue } from "./queue.js";
import type { WasmSource } from "./types.js";
import { startWasm } from "./wasm.js";

/** Prepares photos for an engine in another thread: it has the wasm, and neither a model nor a device. */
export class Decoder {
  readonly #preprocessing: string;
  readonly #queue = new Queue();

  private constructor(preprocessing: string) {
    this.#preprocessing = preprocessing;
  }

  static async open(wasm: WasmSource | undefined, preprocessing: string): Promise<Decoder> {
    await startWasm(wasm);
    return new Decoder(preprocessing);
  }

  /** One after another, so that one is decoded at a time; the next one's file is read meanwhile. */
  prepare(photo: EncodedFile, signal: AbortSignal): Promise<Prepared> {
    const reading = bytesOf(photo);
    // Where the photo is aborted, nobody asks.
    reading.catch(() => undefined);
    return this.#queue.run(signal, async () => {
      await reading.catch(() => undefined);
      checkAbort(signal);
      return prepared(photo, (decoded) => decoded.tensor(this.#preprocessing), reading);
    });
  }
}
