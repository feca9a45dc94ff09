import type { Instance } from "./platform.js";

/** The base of all errors of this package. */
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

/** A training cannot begin as it was asked for, or has gone wrong. */
export class TrainingError extends PhotonetError {
  override name = "TrainingError";
}

/** The signal was aborted. Its name is that of the platform's own aborts; `cause` is what `abort()` was given. */
export class AbortError extends PhotonetError {
  override name = "AbortError";
}

/** Says whether an error is the answer to an abort, of this package or of the platform. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function abortError(signal: Instance<"AbortSignal"> | undefined): AbortError {
  return new AbortError("The operation was aborted.", { cause: signal?.reason });
}

/** Throws where the signal is aborted. The error is always an `AbortError`, whatever was given to `abort()`. */
export function checkAbort(signal: Instance<"AbortSignal"> | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** The outcome of work, or an `AbortError` as soon as the signal is aborted; the work then ends unseen. */
export function abortable<T>(work: Promise<T>, signal: Instance<"AbortSignal"> | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(abortError(signal));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

export interface PlainError {
  kind: "model" | "image" | "device" | "training" | "abort" | "other";
  message: string;
}

/** An error in a form that can be posted between threads. */
export function toPlain(error: unknown): PlainError {
  const message = textOf(error);
  if (isAbort(error)) return { kind: "abort", message };
  if (error instanceof ModelError) return { kind: "model", message };
  if (error instanceof ImageError) return { kind: "image", message };
  if (error instanceof DeviceError) return { kind: "device", message };
  if (error instanceof TrainingError) return { kind: "training", message };
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
    case "training":
      return new TrainingError(message);
    case "abort":
      return abortError(undefined);
    case "other":
      return new PhotonetError(message);
  }
}

/** What the wasm threw, as an error of this package; `photo` names the photo where one was being read. */
export function fromWasm(error: unknown, photo?: string): Error {
  if (error instanceof PhotonetError) return error;
  const prefix = photo ? `${photo}: ` : "";
  if (error instanceof WebAssembly.RuntimeError) {
    return photo
      ? new ImageError(`${prefix}the decoder failed on it, or memory ran out (${error.message})`)
      : new DeviceError(`the engine failed, or memory ran out (${error.message}): reload the page`);
  }
  const kind = (error as { kind?: PlainError["kind"] } | null)?.kind;
  return fromPlain({ kind: kind ?? "other", message: prefix + textOf(error) });
}

/** What an error says, without its class. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
