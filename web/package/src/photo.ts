import { absolute, localFile } from "./address.js";
import type { PhotoInput, Pixels } from "./engine.js";
import { abortable, checkAbort, ImageError, isAbort, textOf } from "./errors.js";
import { hints } from "./hints.js";
import type { PhotoSource } from "./types.js";

/**
 * Brings any source into one of the two forms that an engine takes. Buffers are copied and elements drawn at once: a photo is
 * what it was at the call, whatever becomes of its buffer while others are computed.
 */
export async function toInput(source: PhotoSource, signal: AbortSignal | undefined): Promise<PhotoInput> {
  checkAbort(signal);
  if (typeof source === "string" || source instanceof URL) return fetched(String(source), signal);
  if (source instanceof Blob) return { kind: "file", file: source, name: nameOf(source) };
  if (source instanceof ArrayBuffer) return { kind: "file", file: new Uint8Array(source.slice(0)), name: "the photo" };
  if (source instanceof Uint8Array) return { kind: "file", file: new Uint8Array(source), name: "the photo" };
  if (typeof ImageData === "function" && source instanceof ImageData) {
    return { kind: "pixels", rgba: new Uint8ClampedArray(source.data), width: source.width, height: source.height };
  }
  return drawn(source as Drawable);
}

function nameOf(blob: Blob): string {
  return "name" in blob && blob.name ? String(blob.name) : "the photo";
}

async function fetched(address: string, signal: AbortSignal | undefined): Promise<PhotoInput> {
  const local = localFile(address);
  if (local) {
    const file = await abortable(local, signal).catch((error: unknown) => {
      throw isAbort(error) ? error : new ImageError(`cannot read the photo ${address}: ${textOf(error)}. ${hints.unreadable}`);
    });
    return { kind: "file", file, name: address };
  }
  const url = absolute(address);
  if (url === undefined) throw new ImageError(`\`${address}\` is not the address of a photo: ${hints.address}`);
  // A data: URL would fill a message.
  const name = url.length > 300 ? `${url.slice(0, 60)}...` : url;
  let response: Response;
  let file: Blob;
  try {
    response = await fetch(url, signal ? { signal } : {});
    file = await response.blob();
  } catch (error) {
    checkAbort(signal);
    throw new ImageError(`cannot fetch the photo from ${name}: ${textOf(error)}. ${hints.unreachable}`);
  }
  if (!response.ok) throw new ImageError(`the server answered ${response.status} for the photo at ${name}`);
  return { kind: "file", file, name };
}

type Drawable = Exclude<PhotoSource, string | URL | Blob | ArrayBuffer | Uint8Array | ImageData>;

/**
 * Pixels of a canvas at most: Safari on phones silently gives an empty canvas beyond. Larger pictures are drawn
 * smaller, still many times the network's input.
 */
const MAX_AREA = 1 << 24;
/** Sides beyond this are cut off by some browsers. */
const MAX_SIDE = 1 << 14;

/** Reads the pixels that an element shows. */
export function drawn(source: Drawable): Pixels {
  const size = sizeOf(source);
  if (!size) {
    throw new ImageError(
      `${whatIs(source)} is no photo: give a File, Blob, URL, ArrayBuffer, Uint8Array, ImageData, ImageBitmap, VideoFrame, or an ` +
        "image, video or canvas element",
    );
  }
  const [fullWidth, fullHeight] = size;
  if (!fullWidth || !fullHeight) {
    throw new ImageError("the element shows nothing yet: wait until the image has loaded or the video plays");
  }
  const scale = Math.min(1, Math.sqrt(MAX_AREA / (fullWidth * fullHeight)), MAX_SIDE / Math.max(fullWidth, fullHeight));
  const width = Math.max(1, Math.floor(fullWidth * scale));
  const height = Math.max(1, Math.floor(fullHeight * scale));
  const context = canvas(width, height).getContext("2d", { willReadFrequently: true }) as
    | CanvasRenderingContext2D
    | OffscreenCanvasRenderingContext2D
    | null;
  if (!context) throw new ImageError("the browser gives no canvas to read the pixels from");
  try {
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, width, height);
    return { kind: "pixels", rgba: context.getImageData(0, 0, width, height).data, width, height, fullWidth, fullHeight };
  } catch (error) {
    throw new ImageError(`the pixels cannot be read: ${textOf(error)}. An image of another site needs crossorigin and CORS.`);
  }
}

/** A value's kind, for messages. */
export function whatIs(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? Object.prototype.toString.call(value) : typeof value;
}

function sizeOf(source: Drawable | null | undefined): [number, number] | undefined {
  if (typeof source !== "object" || source === null) return undefined;
  if ("videoWidth" in source) return [source.videoWidth, source.videoHeight];
  if ("naturalWidth" in source) return [source.naturalWidth, source.naturalHeight];
  if ("displayWidth" in source) return [source.displayWidth, source.displayHeight];
  const { width, height } = source;
  return typeof width === "number" && typeof height === "number" ? [width, height] : undefined;
}

function canvas(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas === "function") return new OffscreenCanvas(width, height);
  if (typeof document === "object") return Object.assign(document.createElement("canvas"), { width, height });
  throw new ImageError("only files can be classified here: there is no canvas");
}

/** Decodes what Photonet's own decoders do not read, such as HEIC and AVIF; nothing where the browser cannot either. */
export async function decodedByBrowser(file: Blob): Promise<Pixels | undefined> {
  if (typeof createImageBitmap !== "function") return undefined;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return undefined;
  }
  try {
    return drawn(bitmap);
  } finally {
    bitmap.close();
  }
}
