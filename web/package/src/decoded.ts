import type { EncodedFile, Pixels } from "./engine.js";
import { fromWasm, ImageError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import { decodedByBrowser } from "./photo.js";
import type { DecodedBy } from "./types.js";

/** A photo in a wasm's memory. */
export interface Held {
  readonly width: number;
  readonly height: number;
  free(): void;
}

/** The class of such photos: each wasm has its own. */
export interface PhotoReader<P> {
  decode(bytes: Uint8Array): P;
  fromRgba(rgba: Uint8Array, width: number, height: number): P;
}

/** A photo in the wasm's memory, to be freed by the caller, and its upright size. */
interface Decoded<P> {
  photo: P;
  decodedBy: DecodedBy;
  width: number;
  height: number;
}

export type Undecoded = EncodedFile | Pixels;

export function nameOf(input: Undecoded): string {
  return input.kind === "file" ? input.name : "the image";
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
export async function decoded<P extends Held>(
  input: Undecoded,
  by: PhotoReader<P>,
  failed: () => void = () => undefined,
  reading?: Promise<Uint8Array>,
): Promise<Decoded<P>> {
  const name = nameOf(input);
  try {
    if (input.kind === "pixels") return fromPixels(input, by);
    const { file } = input;
    const bytes = await (reading ?? bytesOf(input));
    try {
      const photo = decodedHere(bytes, by);
      return { photo, decodedBy: "photonet", width: photo.width, height: photo.height };
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) failed();
      else if (!isForeign(error)) throw error;
      const pixels = await decodedByBrowser(file instanceof Blob ? file : new Blob([file as BlobPart]));
      if (!pixels) throw error;
      return fromPixels(pixels, by);
    }
  } catch (error) {
    throw fromWasm(error, name);
  }
}

/** Twice, before a photo is called damaged: WebKit's compiler threads spoil one call in some hundreds on x86-64. */
function decodedHere<P>(bytes: Uint8Array, by: PhotoReader<P>): P {
  try {
    return by.decode(bytes);
  } catch (error) {
    if (isForeign(error)) throw error;
    return by.decode(bytes);
  }
}

function isForeign(error: unknown): boolean {
  return (error as { foreign?: boolean } | null)?.foreign === true;
}

function fromPixels<P>({ rgba, width, height, fullWidth, fullHeight }: Pixels, by: PhotoReader<P>): Decoded<P> {
  const bytes = new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  const photo = by.fromRgba(bytes, width, height);
  return { photo, decodedBy: "browser", width: fullWidth ?? width, height: fullHeight ?? height };
}

async function readBlob(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (error) {
    throw new ImageError(`${name} cannot be read: ${textOf(error)}. ${hints.unreadable}`);
  }
}
