import type { Backend, DecodedBy, ModelInfo, ModelSource, Precision, Progress, Verdict, WasmSource } from "./types.js";

/**
 * A photo on its way to the engine, which may keep its buffers: an encoded file, pixels that somebody else decoded, or all but
 * the answer.
 */
export type PhotoInput = EncodedFile | Pixels | Prepared;

export interface EncodedFile {
  kind: "file";
  file: Blob | Uint8Array;
  name: string;
}

export interface Pixels {
  kind: "pixels";
  rgba: Uint8ClampedArray | Uint8Array;
  width: number;
  height: number;
  /** What the picture measured before it was drawn smaller. */
  fullWidth?: number;
  fullHeight?: number;
}

/** What is known of a photo once it is prepared, with the milliseconds that this took. */
export interface Facts {
  width: number;
  height: number;
  decodedBy: DecodedBy;
  decode: number;
  resize: number;
}

/** A photo as the network takes it, `size * size * 3` bytes; for a trainer, what that keeps of it. */
export interface Prepared extends Facts {
  kind: "prepared";
  pixels: Uint8Array;
}

/** What an engine says of one photo. */
export interface RawResult extends Facts {
  row: Float32Array;
  /** What computed: the CPU may take over on the way. */
  backend: Backend;
  upload: number;
  compute: number;
  readBack: number;
}

export type RawOutcome = { result: RawResult } | { error: Error };

export interface OpenOptions {
  source: ModelSource;
  backend: "auto" | Backend;
  precision: Precision;
  sha256: string | undefined;
  cache: boolean;
  wasm: WasmSource | undefined;
}

export interface Hooks {
  onProgress: (progress: Progress) => void;
  onNotice: (message: string) => void;
  signal: AbortSignal | undefined;
}

/** What is known once a model is loaded; backend and batch change where the CPU takes over. */
export interface Loaded {
  backend: Backend;
  /** Photos that go to the device together. */
  batch: number;
  labels: string[];
  info: ModelInfo;
  /** How photos are prepared, as the model's file writes it; nothing where only the engine can tell. */
  preprocessing: string | undefined;
}

/** Where the work is done: in this thread, or in a worker. */
export interface Engine {
  readonly loaded: Loaded;
  /** Runs photos together; a photo that cannot be read is an outcome, a device that fails is thrown. */
  run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]>;
  /** The bytes that the network would get. */
  tensor(photo: PhotoInput, signal: AbortSignal | undefined): Promise<Uint8Array>;
  verify(signal: AbortSignal | undefined): Promise<Verdict>;
  /** The compiled wasm, for other threads; rejects where it cannot be handed on. */
  module(): Promise<WebAssembly.Module>;
  /** Frees everything; aborted work may still be under way, later calls are a mistake. */
  close(): void;
}
