/** The base of all errors of this package, except aborts, which are the platform's `AbortError`. */
export class PhotonetError extends Error {
  override name = "PhotonetError";
}

/** The model cannot be fetched, is damaged, or is not a Photonet model. */
export class ModelError extends PhotonetError {
  override name = "ModelError";
}

/** A photo cannot be fetched, read or decoded. */
export class ImageError extends PhotonetError {
  override name = "ImageError";
}

/** The wasm or the device that computes is missing, refused, or gone. */
export class DeviceError extends PhotonetError {
  override name = "DeviceError";
}

/** Says whether an error is the platform's answer to an abort. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

export function abortError(): DOMException {
  return new DOMException("The operation was aborted.", "AbortError");
}

/** Throws where the signal is aborted. The reason is always an `AbortError`, whatever was given to `abort()`. */
export function checkAbort(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError();
}

export interface PlainError {
  kind: "model" | "image" | "device" | "abort" | "other";
  message: string;
}

/** An error in a form that can be posted between threads. */
export function toPlain(error: unknown): PlainError {
  const message = error instanceof Error ? error.message : String(error);
  if (isAbort(error)) return { kind: "abort", message };
  if (error instanceof ModelError) return { kind: "model", message };
  if (error instanceof ImageError) return { kind: "image", message };
  if (error instanceof DeviceError) return { kind: "device", message };
  return { kind: "other", message };
}

export function fromPlain({ kind, message }: PlainError): Error {
  switch (kind) {
    case "model":
      return new ModelError(message);
    case "image":
      return new ImageError(message);
    case "device":
      return new DeviceError(message);
    case "abort":
      return abortError();
    case "other":
      return new PhotonetError(message);
  }
}

/** What the wasm threw, as an error of this package. */
export function fromWasm(error: unknown, what?: string): Error {
  const prefix = what ? `${what}: ` : "";
  if (error instanceof WebAssembly.RuntimeError) {
    return new ImageError(`${prefix}the decoder failed on it, or memory ran out (${error.message})`);
  }
  const kind = (error as { kind?: PlainError["kind"] } | null)?.kind;
  const message = prefix + (error instanceof Error ? error.message : String(error));
  return fromPlain({ kind: kind ?? "other", message });
}
