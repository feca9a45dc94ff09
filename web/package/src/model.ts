import { checkAbort, isAbort, ModelError } from "./errors.js";
import type { ModelSource, Progress } from "./types.js";

/** A model file's bytes, and where they came from. */
export interface ModelBytes {
  bytes: Uint8Array;
  name: string;
  sha256: string;
  cached: boolean;
}

export interface ModelRequest {
  source: ModelSource;
  sha256: string | undefined;
  cache: boolean;
  signal: AbortSignal | undefined;
  onProgress: (progress: Progress) => void;
  onNotice: (message: string) => void;
  /** Called once with the front of the file, when there is enough of it to compile ahead. */
  onHeader: (start: Uint8Array) => void;
  headerLength: (start: Uint8Array) => number;
}

/** Reads addresses that `fetch` does not, such as files in Node. */
export type FileReader = (address: string) => Promise<Uint8Array> | undefined;

let readFile: FileReader = () => undefined;

export function readFilesWith(reader: FileReader): void {
  readFile = reader;
}

const CACHE = "photonet-models-1";

/** The model's bytes from wherever they are, checked against the hash where one is known. */
export async function readModel(request: ModelRequest): Promise<ModelBytes> {
  const { source, signal } = request;
  checkAbort(signal);
  if (typeof source === "string" || source instanceof URL) return fromAddress(String(source), request);
  const blob = source instanceof Blob ? source : undefined;
  const bytes = blob ? new Uint8Array(await readBlob(blob)) : view(source as ArrayBuffer | Uint8Array);
  checkAbort(signal);
  const name = blob && "name" in blob ? String(blob.name) : "the model";
  return given(bytes, name, request);
}

async function given(bytes: Uint8Array, name: string, request: ModelRequest): Promise<ModelBytes> {
  request.onProgress({ loaded: bytes.length, total: bytes.length, cached: true });
  const sha256 = await digest(bytes);
  mustMatch(sha256, request.sha256, name);
  return { bytes, name, sha256, cached: false };
}

async function readBlob(blob: Blob): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (error) {
    throw new ModelError(`the model file cannot be read: ${text(error)}. Was it moved or changed since it was chosen?`);
  }
}

async function fromAddress(address: string, request: ModelRequest): Promise<ModelBytes> {
  const file = readFile(address);
  if (file) {
    const bytes = await file.catch((error: unknown) => {
      throw new ModelError(`cannot read the model ${address}: ${text(error)}`);
    });
    return given(bytes, address, request);
  }
  const store = request.cache ? await openCache() : undefined;
  const base = typeof location === "object" && location.origin !== "null" ? location.href : undefined;
  let url: string;
  try {
    url = new URL(address, base).href;
  } catch {
    throw new ModelError(`\`${address}\` is not an address: give an absolute URL here`);
  }
  if (request.sha256) {
    const kept = await store?.get(request.sha256.toLowerCase());
    if (kept) return fromCache(kept, url, request);
  }
  let fetched: Uint8Array;
  try {
    fetched = await download(url, request);
  } catch (error) {
    // Offline, the copy of the last visit answers; a server that says no is believed.
    const kept = error instanceof Unreachable ? await store?.latest(url) : undefined;
    if (!kept || (request.sha256 && kept.sha256 !== request.sha256.toLowerCase())) throw error;
    request.onNotice(`${url} cannot be reached: using the copy on this device`);
    return fromCache(kept, url, request);
  }
  const sha256 = await digest(fetched);
  mustMatch(sha256, request.sha256, url);
  return { bytes: fetched, name: url, sha256, cached: false };
}

function fromCache(kept: Kept, name: string, request: ModelRequest): ModelBytes {
  request.onProgress({ loaded: kept.bytes.length, total: kept.bytes.length, cached: true });
  return { ...kept, name, cached: true };
}

/** Keeps a model that has proved to be one. A full or forbidden storage is not an error: it only costs a download. */
export async function keepModel(model: ModelBytes, onNotice: (message: string) => void): Promise<void> {
  if (model.cached || !model.sha256 || !/^https?:/.test(model.name)) return;
  const store = await openCache();
  try {
    await store?.put(model.name, model.sha256, model.bytes);
  } catch (error) {
    onNotice(`the model is not kept on this device for the next visit: ${text(error)}`);
  }
}

/** The network failed, as opposed to a server that answered. */
class Unreachable extends ModelError {}

async function download(url: string, request: ModelRequest): Promise<Uint8Array> {
  const { signal, onProgress } = request;
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    if (isAbort(error) || signal?.aborted) checkAbort(signal);
    throw new Unreachable(
      `cannot fetch the model from ${url}: ${text(error)}. Is the network there, and does a Content-Security-Policy ` +
        "(connect-src) or a missing CORS header stand in the way?",
    );
  }
  if (!response.ok) {
    throw new ModelError(`the server answered ${response.status} ${response.statusText} for the model at ${url}`.trim());
  }
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("html")) {
    throw new ModelError(`the server sent an HTML page for the model at ${url}: is the address right, and the file deployed?`);
  }
  const compressed = response.headers.has("content-encoding");
  const length = Number(response.headers.get("content-length"));
  const total = !compressed && length > 0 ? length : undefined;
  const parts = new Parts(request, total);
  try {
    if (response.body) {
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        parts.add(part.value);
        onProgress({ loaded: parts.length, total, cached: false });
      }
    } else {
      parts.add(new Uint8Array(await response.arrayBuffer()));
    }
  } catch (error) {
    if (isAbort(error) || signal?.aborted) checkAbort(signal);
    throw new Unreachable(`the download of ${url} broke off after ${parts.length} bytes: ${text(error)}`);
  }
  if (total !== undefined && parts.length < total) {
    throw new Unreachable(`the download of ${url} broke off after ${parts.length} of ${total} bytes`);
  }
  return parts.joined();
}

/** The parts of a download, with its front handed out as soon as it is there. */
class Parts {
  length = 0;
  #parts: Uint8Array[] = [];
  #header: number | undefined;
  #told = false;

  constructor(
    readonly request: ModelRequest,
    readonly total: number | undefined,
  ) {}

  add(part: Uint8Array): void {
    this.#parts.push(part);
    this.length += part.length;
    if (this.#told || this.length < 8) return;
    this.#header ??= this.request.headerLength(this.#front(8));
    if (this.#header === 0) this.#told = true;
    else if (this.length >= this.#header) {
      this.#told = true;
      this.request.onHeader(this.#front(this.#header));
    }
  }

  #front(bytes: number): Uint8Array {
    const front = new Uint8Array(bytes);
    let at = 0;
    for (const part of this.#parts) {
      const piece = part.subarray(0, bytes - at);
      front.set(piece, at);
      at += piece.length;
      if (at === bytes) break;
    }
    return front;
  }

  joined(): Uint8Array {
    return this.#front(this.length);
  }
}

interface Kept {
  bytes: Uint8Array;
  sha256: string;
}

/** Models by hash, and for each address the hash that it last had. */
class Store {
  constructor(
    readonly cache: Cache,
    readonly origin: string,
  ) {}

  #key(kind: "sha256" | "url", value: string): string {
    return `${this.origin}/.photonet/${kind}/${encodeURIComponent(value)}`;
  }

  async get(sha256: string): Promise<Kept | undefined> {
    const key = this.#key("sha256", sha256);
    const response = await this.cache.match(key);
    if (!response) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((await digest(bytes)) === sha256) return { bytes, sha256 };
    await this.cache.delete(key);
    return undefined;
  }

  async latest(url: string): Promise<Kept | undefined> {
    const response = await this.cache.match(this.#key("url", url));
    return response ? this.get(await response.text()) : undefined;
  }

  async put(url: string, sha256: string, bytes: Uint8Array): Promise<void> {
    const pointer = this.#key("url", url);
    const before = await (await this.cache.match(pointer))?.text();
    await this.cache.put(this.#key("sha256", sha256), new Response(bytes as BufferSource));
    await this.cache.put(pointer, new Response(sha256));
    // The version before is of no more use, and storage is small.
    if (before && before !== sha256) await this.cache.delete(this.#key("sha256", before));
  }
}

async function openCache(): Promise<Store | undefined> {
  if (typeof caches !== "object" || typeof location !== "object" || location.origin === "null") return undefined;
  try {
    return new Store(await caches.open(CACHE), location.origin);
  } catch {
    // Private windows and sandboxed frames may refuse; the network still works.
    return undefined;
  }
}

function mustMatch(sha256: string, expected: string | undefined, name: string): void {
  if (expected && sha256 !== expected.toLowerCase()) {
    throw new ModelError(
      `${name} has the SHA-256 ${sha256 || "(not computable here)"}, expected ${expected}: it was changed or damaged on its way`,
    );
  }
}

/** SHA-256 in hexadecimal; empty outside secure contexts, where the platform computes none. */
export async function digest(bytes: Uint8Array): Promise<string> {
  if (!globalThis.crypto?.subtle) return "";
  const hash = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function view(bytes: ArrayBuffer | Uint8Array): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
