import { decoded, type Held, nameOf, type PhotoReader, type Undecoded } from "./decoded.js";
import type { Prepared } from "./engine.js";
import { fromWasm } from "./errors.js";

/** Decodes a photo and brings it to what is wanted of it, as `taken` does. `by` and `failed` are as for `decoded`. */
export async function prepared<P extends Held>(
  input: Undecoded,
  by: PhotoReader<P>,
  taken: (photo: P) => Uint8Array,
  failed: () => void = () => undefined,
  reading?: Promise<Uint8Array>,
): Promise<Prepared> {
  const started = performance.now();
  const { photo, ...facts } = await decoded(input, by, failed, reading);
  try {
    const read = performance.now();
    const pixels = taken(photo);
    return { kind: "prepared", pixels, ...facts, decode: read - started, resize: performance.now() - read };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) failed();
    throw fromWasm(error, nameOf(input));
  } finally {
    photo.free();
  }
}
