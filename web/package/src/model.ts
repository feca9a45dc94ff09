import { absolute, localFile } from "./address.js";
import { download, type DownloadHooks, isUnreachable } from "./download.js";
import { abortable, checkAbort, isAbort, ModelError, textOf } from "./errors.js";
import { digest } from "./hash.js";
import { hints } from "./hints.js";
import { type Kept, Store } from "./store.js";
import type { ModelSource } from "./types.js";

/** A model file's bytes, and where they came from. */
export interface ModelBytes {
  bytes: Uint8Array;
  name: string;
  sha256: string;
  cached: boolean;
}

export interface ModelRequest extends DownloadHooks {
  source: ModelSource;
  sha256: string | undefined;
  cache: boolean;
  onNotice: (message: string) => void;
}

/** The model's bytes from wherever they are, checked against the hash where one is known. */
export async function readModel(request: ModelRequest): Promise<ModelBytes> {
  const { source, signal } = request;
  checkAbort(signal);
  if (typeof source === "string" || source instanceof URL) return fromAddress(String(source), request);
  if (source instanceof Blob) {
    const name = "name" in source && source.name ? String(source.name) : "the model";
    return given(source.arrayBuffer(), name, request);
  }
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    return given(Promise.resolve(source), "the model", request);
  }
  throw new ModelError(`a model is an address, a File, a Blob, an ArrayBuffer or a Uint8Array, not ${source}`);
}

async function given(
  reading: Promise<ArrayBuffer | Uint8Array>,
  name: string,
  request: ModelRequest,
): Promise<ModelBytes> {
  let read: ArrayBuffer | Uint8Array;
  try {
    read = await abortable(reading, request.signal);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ModelError(`cannot read the model ${name}: ${textOf(error)}. ${hints.unreadable}`);
  }
  const bytes = read instanceof Uint8Array ? read : new Uint8Array(read);
  request.onProgress({ loaded: bytes.length, total: bytes.length, cached: true });
  const sha256 = await digest(bytes);
  mustMatch(sha256, request.sha256, name);
  return { bytes, name, sha256, cached: false };
}

async function fromAddress(address: string, request: ModelRequest): Promise<ModelBytes> {
  const local = localFile(address);
  if (local) return given(local, address, request);
  const url = absolute(address);
  if (url === undefined) throw new ModelError(`\`${address}\` is not the address of a model: ${hints.address}`);
  const store = request.cache ? await Store.open() : undefined;
  const expected = request.sha256?.toLowerCase();
  if (expected) {
    const kept = await store?.get(expected);
    checkAbort(request.signal);
    if (kept) return fromStore(kept, url, request);
  }
  let bytes: Uint8Array;
  try {
    bytes = await download(url, request);
  } catch (error) {
    // Offline, the copy of the last visit answers; a server that says no is believed.
    const kept = isUnreachable(error) ? await store?.latest(url) : undefined;
    if (!kept || (expected && kept.sha256 !== expected)) throw error;
    request.onNotice(`${textOf(error)} Using the copy on this device`);
    return fromStore(kept, url, request);
  }
  const sha256 = await digest(bytes);
  mustMatch(sha256, expected, url);
  return { bytes, name: url, sha256, cached: false };
}

function fromStore(kept: Kept, name: string, request: ModelRequest): ModelBytes {
  request.onProgress({ loaded: kept.bytes.length, total: kept.bytes.length, cached: true });
  return { ...kept, name, cached: true };
}

/** Keeps a model that has proved to be one. A full or forbidden storage is not an error: it only costs a download. */
export async function keepModel(model: ModelBytes, onNotice: (message: string) => void): Promise<void> {
  if (model.cached || !model.sha256 || !/^https?:/.test(model.name)) return;
  try {
    await (await Store.open())?.put(model.name, model.sha256, model.bytes);
  } catch (error) {
    onNotice(`the model is not kept on this device for the next visit: ${textOf(error)}`);
  }
}

function mustMatch(sha256: string, expected: string | undefined, name: string): void {
  if (!expected || sha256 === expected.toLowerCase()) return;
  throw new ModelError(
    sha256
      ? `${name} has the SHA-256 ${sha256}, expected ${expected}: it was changed, or damaged on its way`
      : `the SHA-256 of ${name} cannot be checked here: browsers compute it on https and localhost only`,
  );
}
