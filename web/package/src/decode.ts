import { decoded, nameOf, type Undecoded } from "./decoded.js";
import type { Prepared } from "./engine.js";
import { fromWasm } from "./errors.js";
import { Photo } from "./photonet_wasm.js";

/** Decodes a photo and brings it to the network's input, which `tensor` makes. `failed` is as for `decoded`. */
export async function prepared(
  input: Undecoded,
  tensor: (photo: Photo) => Uint8Array,
  failed: () => void = () => undefined,
  reading?: Promise<Uint8Array>,
): Promise<Prepared> {
  const started = performance.now();
  const { photo, ...facts } = await decoded(input, Photo, failed, reading);
  try {
    const read = performance.now();
    const pixels = tensor(photo);
    return { kind: "prepared", pixels, ...facts, decode: read - started, resize: performance.now() - read };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) failed();
    throw fromWasm(error, nameOf(input));
  } finally {
    photo.free();
  }
}
