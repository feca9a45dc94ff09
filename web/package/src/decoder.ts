import { prepared } from "./decode.js";
import { bytesOf } from "./decoded.js";
import type { EncodedFile, Prepared } from "./engine.js";
import { checkAbort, PhotonetError } from "./errors.js";
import { Queue } from "./queue.js";
import type { WasmSource } from "./types.js";
import { classifierWasm } from "./wasm.js";

/** Prepares photos for an engine in another thread: it has the wasm, and neither a model nor a device. */
export class Decoder {
  readonly #preprocessing: string;
  readonly #queue = new Queue();

  private constructor(preprocessing: string) {
    this.#preprocessing = preprocessing;
  }

  static async open(wasm: WasmSource | undefined, preprocessing: string): Promise<Decoder> {
    await classifierWasm.start(wasm);
    return new Decoder(preprocessing);
  }

  /**
   * One after another, so that one is decoded at a time; the next one's file is read meanwhile. Nothing of a photo on which the
   * wasm failed: where memory ran out, the engine may still have some, and its answer is the one that counts.
   */
  prepare(photo: EncodedFile, signal: AbortSignal): Promise<Prepared | undefined> {
    const reading = bytesOf(photo);
    // Where the photo is aborted, nobody asks.
    reading.catch(() => undefined);
    return this.#queue.run(signal, async () => {
      await reading.catch(() => undefined);
      checkAbort(signal);
      let over = false;
      const failed = (): void => {
        over = true;
        throw new PhotonetError("the wasm failed");
      };
      try {
        return await prepared(photo, (decoded) => decoded.tensor(this.#preprocessing), failed, reading);
      } catch (error) {
        if (over) return undefined;
        throw error;
      }
    });
  }
}
