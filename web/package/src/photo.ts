import type { PhotoInput } from "./engine.js";
import { checkAbort, ImageError, isAbort } from "./errors.js";
import { view } from "./model.js";
import type { PhotoSource } from "./types.js";

/** Brings any source into one of the two forms that an engine takes. */
export async function toInput(source: PhotoSource, signal: AbortSignal | undefined): Promise<PhotoInput> {
  checkAbort(signal);
  if (typeof source === "string" || source instanceof URL) return fetched(String(source), signal);
  if (source instanceof Blob) return { kind: "file", file: source, name: blobName(source) };
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    return { kind: "file", file: view(source), name: "the photo" };
  }
  if (typeof ImageData === "function" && source instanceof ImageData) {
    return { kind: "pixels", rgba: source.data, width: source.width, height: source.height };
  }
  return drawn(source as Exclude<PhotoSource, string | URL | Blob | ArrayBuffer | Uint8Array | ImageData>);
}

function blobName(blob: Blob): string {
  return "name" in blob && blob.name ? String(blob.name) : "the photo";
}

async function fetched(url: string, signal: AbortSignal | undefined): Promise<PhotoInput> {
  let response: Response;
  let file: Blob;
  try {
    response = await fetch(url, signal ? { signal } : {});
    file = await response.blob();
  } catch (error) {
    if (isAbort(error) || signal?.aborted) checkAbort(signal);
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(
      `cannot fetch the photo from ${url}: ${reason}. The server may be unreachable, may not allow other sites (CORS), ` +
        "or this page's Content-Security-Policy forbids it.",
    );
  }
  if (!response.ok) throw new ImageError(`the server answered ${response.status} for the photo at ${url}`);
  return { kind: "file", file, name: url };
}

type Drawable = ImageBitmap | HTMLCanvasElement | OffscreenCanvas | HTMLImageElement | HTMLVideoElement;

/** Reads the pixels that an element shows. */
export function drawn(source: Drawable): PhotoInput {
  const [width, height] = sizeOf(source);
  if (!width || !height) {
    throw new ImageError("the element shows nothing yet: wait until the image has loaded or the video plays");
  }
  if (width * height > 100_000_000) {
    throw new ImageError(`the image is too large: ${width} x ${height} pixels, where at most 100000000 in all are allowed`);
  }
  const context = canvas(width, height).getContext("2d", { willReadFrequently: true }) as
    | CanvasRenderingContext2D
    | OffscreenCanvasRenderingContext2D
    | null;
  if (!context) throw new ImageError("the browser gives no canvas to read the pixels from");
  try {
    context.drawImage(source, 0, 0);
    return { kind: "pixels", rgba: context.getImageData(0, 0, width, height).data, width, height };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(`the pixels cannot be read: ${reason}. An image of another site needs crossorigin and CORS.`);
  }
}

function sizeOf(source: Drawable): [number, number] {
  if ("videoWidth" in source) return [source.videoWidth, source.videoHeight];
  if ("naturalWidth" in source) return [source.naturalWidth, source.naturalHeight];
  return [source.width, source.height];
}

function canvas(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas === "function") return new OffscreenCanvas(width, height);
  if (typeof document === "object") return Object.assign(document.createElement("canvas"), { width, height });
  throw new ImageError("only files can be classified here: there is no canvas");
}

/** Decodes what Photonet's own decoders do not read, such as HEIC and AVIF; nothing where the browser cannot either. */
export async function decodedByBrowser(file: Blob): Promise<PhotoInput | undefined> {
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
