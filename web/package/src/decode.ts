import type { PhotoInput, Pixels } from "./engine.js";
import { fromWasm, ImageError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import { decodedByBrowser } from "./photo.js";
import { Photo } from "./photonet_wasm.js";
import type { DecodedBy } from "./types.js";

/** A photo in the wasm's memory, to be freed by the caller, and its upright size. */
export interface Decoded {
  photo: Photo;
  decodedBy: DecodedBy;
  width: number;
  height: number;
}

export function nameOf(input: PhotoInput): string {
  return input.kind === "file" ? input.name : "the image";
}

/**
 * Decodes in the wasm, so that the pixels are those of every other machine; the browser only where that cannot be: a
 * format that is foreign to it, or a decoder that fails, as it does where memory runs out.
 */
export async function decoded(input: PhotoInput): Promise<Decoded> {
  const name = nameOf(input);
  try {
    if (input.kind === "pixels") return fromPixels(input);
    const { file } = input;
    const bytes = file instanceof Uint8Array ? file : new Uint8Array(await readBlob(file, name));
    try {
      const photo = decodedHere(bytes);
      return { photo, decodedBy: "photonet", width: photo.width, height: photo.height };
    } catch (error) {
      if (!isForeign(error) && !(error instanceof WebAssembly.RuntimeError)) throw error;
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
