import { checkAbort, ModelError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import type { Progress } from "./types.js";

const unreachables = new WeakSet<ModelError>();

function unreachable(message: string): ModelError {
  const error = new ModelError(message);
  unreachables.add(error);
  return error;
}

/** Whether it was the network that failed, as opposed to a server that answered. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ModelError && unreachables.has(error);
}

export interface DownloadHooks {
  signal: AbortSignal | undefined;
  onProgress: (progress: Progress) => void;
  /** Called once with the front of the file, when there is enough of it to compile ahead. */
  onHeader: (start: Uint8Array) => void;
}

/** Downloads a model. Rejects with a `ModelError`, of which `isUnreachable` knows the cause. */
export async function download(url: string, hooks: DownloadHooks): Promise<Uint8Array> {
  const { signal, onProgress } = hooks;
  const response = await request(url, signal);
  const length = Number(response.headers.get("content-length"));
  const total = !response.headers.has("content-encoding") && length > 0 ? length : undefined;
  const parts = new Parts(hooks.onHeader);
  const next = reader(response);
  for (;;) {
    let part: Uint8Array | undefined;
    try {
      part = await next();
    } catch (error) {
      checkAbort(signal);
      throw unreachable(`the download of ${url} broke off after ${parts.length} bytes: ${textOf(error)}`);
    }
    checkAbort(signal);
    if (!part) break;
    parts.add(part);
    // Another site's server may compress without our being told: then the length is not that of the file.
    onProgress({ loaded: parts.length, total: total && parts.length <= total ? total : undefined, cached: false });
  }
  // Not every browser notices that a download broke off.
  if (response.type === "basic" && total !== undefined && parts.length < total) {
    throw unreachable(`the download of ${url} broke off after ${parts.length} of ${total} bytes`);
  }
  return parts.joined();
}

async function request(url: string, signal: AbortSignal | undefined): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    checkAbort(signal);
    throw unreachable(`cannot fetch the model from ${url}: ${textOf(error)}. ${hints.unreachable}`);
  }
  const type = response.headers.get("content-type") ?? "";
  const reason = !response.ok
    ? `the server answered ${response.status} ${response.statusText}`.trimEnd()
    : type.includes("html")
      ? "the server sent an HTML page"
      : undefined;
  if (reason) {
    // The rest of the answer is of no use.
    response.body?.cancel().catch(() => undefined);
    throw new ModelError(`${reason} for the model at ${url}: ${hints.deployed}`);
  }
  return response;
}

function reader(response: Response): () => Promise<Uint8Array | undefined> {
  const stream = response.body?.getReader();
  if (stream) return async () => (await stream.read()).value;
  let whole: Promise<ArrayBuffer> | undefined;
  return async () => {
    if (whole) return undefined;
    whole = response.arrayBuffer();
    return new Uint8Array(await whole);
  };
}

/** The longest header that is waited for: a model with a thousand labels stays below a tenth of it. */
const MAX_HEADER = 4 << 20;

/** The parts of a download, with its front handed out as soon as it is there. */
class Parts {
  length = 0;
  readonly #parts: Uint8Array[] = [];
  readonly #onHeader: (start: Uint8Array) => void;
  /** Bytes of the front, once they are known; 0 where nothing more is to be handed out. */
  #front: number | undefined;

  constructor(onHeader: (start: Uint8Array) => void) {
    this.#onHeader = onHeader;
  }

  add(part: Uint8Array): void {
    this.#parts.push(part);
    this.length += part.length;
    if (this.#front === undefined && this.length >= 8) this.#front = frontOf(this.#first(8));
    if (this.#front && this.length >= this.#front) {
      this.#onHeader(this.#first(this.#front));
      this.#front = 0;
    }
  }

  #first(bytes: number): Uint8Array {
    const first = new Uint8Array(bytes);
    let at = 0;
    for (const part of this.#parts) {
      const piece = part.subarray(0, bytes - at);
      first.set(piece, at);
      at += piece.length;
      if (at === bytes) break;
    }
    return first;
  }

  joined(): Uint8Array {
    return this.#first(this.length);
  }
}

/** A safetensors file begins with its header's length as 64 bits, low byte first. */
function frontOf(start: Uint8Array): number {
  const header = new DataView(start.buffer).getBigUint64(0, true);
  return header <= MAX_HEADER ? Number(header) + 8 : 0;
}
