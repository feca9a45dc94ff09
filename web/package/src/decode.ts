import type { EncodedFile, Pixels, Prepared } from "./engine.js";
import { fromWasm, ImageError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import { decodedByBrowser } from "./photo.js";
import { Photo } from "./photonet_wasm.js";
import type { DecodedBy } from "./types.js";

/** A photo in the wasm's memory, to be freed by the caller, and its upright size. */
interface Decoded {
  photo: Photo;
  decodedBy: DecodedBy;
  width: number;
  height: number;
}

type Undecoded = EncodedFile | Pixels;

function nameOf(input: Undecoded): string {
  return input.kind === "file" ? input.name : "the image";
}

/** Decodes a photo and brings it to the network's input, which `tensor` makes. `failed` is as for `decoded`. */
export async function prepared(
  input: Undecoded,
  tensor: (photo: Photo) => Uint8Array,
  failed: () => void = () => undefined,
  reading?: Promise<Uint8Array>,
): Promise<Prepared> {
  const started = performance.now();
  const { photo, ...facts } = await decoded(input, failed, reading);
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

/** The bytes of a photo's file. */
export async function bytesOf({ file, name }: EncodedFile): Promise<Uint8Array> {
  return file instanceof Uint8Array ? file : new Uint8Array(await readBlob(file, name));
}

/**
 * Decodes in the wasm, so that the pixels are those of every other machine; the browser only where that cannot be: a
 * format that is foreign to it, or a decoder that fails, as it does where memory runs out; `failed` is told of that, and may
 * throw. The file may be on its way already, as `reading`.
 */
async function decoded(
  input: Undecoded,
  failed: () => void,
  reading?: Promise<Uint8Array>,
): Promise<Decoded> {
  const name = nameOf(input);
  try {
    if (input.kind === "pixels") return fromPixels(input);
    const { file } = input;
    const bytes = await (reading ?? bytesOf(input));
    try {
      const photo = decodedHere(bytes);
      return { photo, decodedBy: "photonet", width: photo.width, height: photo.height };
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) failed();
      else if (!isForeign(error)) throw error;
      const pixels = await decodedByBrowser(file instanceof Blob ? file : new Blob([file as BlobPart]));
      if (!pixels) throw error;
      return fromPixels(pixels);
    }
  } catch (error) {
    throw fromWasm(error, name);
  }
}

/** Twice, before a photo is called damaged: WebKit's compiler threads spoil one call in some hundreds on x86-64. */
function decodedHere(bytes: Uint8Array): Photo {
  try {
    return Photo.decode(bytes);
  } catch (error) {
    if (isForeign(error)) throw error;
    return Photo.decode(bytes);
  }
}

function isForeign(error: unknown): boolean {
  return (error as { foreign?: boolean } | null)?.foreign === true;
}

function fromPixels({ rgba, width, height, fullWidth, fullHeight }: Pixels): Decoded {
  const bytes = new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  const photo = Photo.fromRgba(bytes, width, height);
  return { photo, decodedBy: "browser", width: fullWidth ?? width, height: fullHeight ?? height };
}

async function readBlob(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (error) {
    throw new ImageError(`${name} cannot be read: ${textOf(error)}. ${hints.unreadable}`);
  }
}
