import { prepared } from "./decode.js";
import { bytesOf, type Held, type PhotoReader } from "./decoded.js";
import type { EncodedFile, Prepared } from "./engine.js";
import { checkAbort, PhotonetError } from "./errors.js";
import { Queue } from "./queue.js";

/** Prepares photos for another thread: it has a wasm, and neither a model nor a device. */
export class Decoder<P extends Held = Held> {
  readonly #prepare: (photo: EncodedFile, failed: () => void, reading: Promise<Uint8Array>) => Promise<Prepared>;
  readonly #queue = new Queue();

  /** For a wasm that is started: its photos, and what the other thread takes of one. */
  constructor(by: PhotoReader<P>, taken: (photo: P) => Uint8Array) {
    this.#prepare = (photo, failed, reading) => prepared(photo, by, taken, failed, reading);
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
        return await this.#prepare(photo, failed, reading);
      } catch (error) {
        if (over) return undefined;
        throw error;
      }
    });
  }
}
