import type { Instance } from "./platform.js";

/** What computes: the GPU's shaders, or the processor. */
export type Backend = "webgpu" | "cpu";

/** Where a model comes from: an address, a file, or its bytes. */
export type ModelSource = string | Instance<"URL"> | Instance<"Blob"> | ArrayBuffer | Uint8Array;

/** Anything that shows a photo. Elements that are drawn (canvas, video, image) are read as they are shown. */
export type PhotoSource =
  | string
  | Instance<"URL">
  | Instance<"Blob">
  | ArrayBuffer
  | Uint8Array
  | Instance<"ImageData">
  | Instance<"ImageBitmap">
  | Instance<"VideoFrame">
  | Instance<"HTMLCanvasElement">
  | Instance<"OffscreenCanvas">
  | Instance<"HTMLImageElement">
  | Instance<"HTMLVideoElement">;

/** Who read a photo's pixels. */
export type DecodedBy = "photonet" | "browser";

/** Where the wasm comes from: beside the module unless said otherwise. */
export type WasmSource = string | Instance<"URL"> | ArrayBuffer | ArrayBufferView | WasmModule;

type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Type } } } ? Type : never;

export interface Progress {
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all, where the server says so. */
  total: number | undefined;
  /** Whether the bytes come from this device and not from the network. */
  cached: boolean;
}

/** How numbers lie in a GPU's memory. */
export type Precision = "f32" | "f16";

export interface LoadOptions {
  /** `auto` takes WebGPU on a real GPU and the CPU everywhere else. */
  backend?: "auto" | Backend | undefined;
  /**
   * `f16` stores weights and activations on a GPU in half precision: half the memory. Numbers are rounded to three digits at
   * each layer, which moves logits by some per cent of the largest at most. The CPU computes in `f32`, the default, whatever is
   * asked for.
   */
  precision?: Precision | undefined;
  /** Called while the model downloads. What it throws is an uncaught error, as with the platform's events, and stops nothing. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Called when the device was lost and work went on elsewhere, or anything else was not as asked; throwing is as above. */
  onNotice?: ((message: string) => void) | undefined;
  signal?: Instance<"AbortSignal"> | undefined;
  /** How many classes an answer names, unless the call says otherwise; 5 by default. */
  topK?: number | undefined;
  /** The model's SHA-256 in hexadecimal: it is checked, and a cached copy is used without asking the server. */
  sha256?: string | undefined;
  /** Whether models from the network are kept in the Cache API, for offline use; true by default. */
  cache?: boolean | undefined;
  /** The wasm, where it is not beside the module. */
  wasm?: WasmSource | undefined;
  /** A worker that runs `photonet/worker`: everything heavy then happens there. */
  worker?: Instance<"Worker"> | undefined;
  /**
   * Further workers that run `photonet/worker` and decode photos for `classifyAll`, while the engine computes. A function
   * starts one: it is called as often as the machine has cores for, once a second photo waits, and the workers are ended when
   * they have nothing to do. A list is used as it is, and stays the caller's. It may
   * have ports (`portTo`). In a worker of Firefox, which cannot be relied on to start others, the function is not called.
   */
  decoders?: readonly (Instance<"Worker"> | Instance<"MessagePort">)[] | (() => Instance<"Worker"> | Promise<Instance<"Worker">>) | undefined;
}

export interface CallOptions {
  signal?: Instance<"AbortSignal"> | undefined;
}

export interface ClassifyOptions extends CallOptions {
  topK?: number | undefined;
}

export interface ClassifyAllOptions extends ClassifyOptions {
  /** Called with each answer, in order. */
  onResult?: ((outcome: Outcome) => void) | undefined;
}

export interface Ranked {
  index: number;
  label: string;
  probability: number;
}

/** Milliseconds. */
export interface Timings {
  decode: number;
  resize: number;
  upload: number;
  compute: number;
  readBack: number;
  total: number;
}

export interface Classification {
  /** The most probable classes, first one first. */
  top: Ranked[];
  /** The probability of every class. */
  probabilities: Float32Array;
  /** What the network gave for every class. */
  logits: Float32Array;
  timings: Timings;
  backend: Backend;
  /** The photo's upright size in pixels. */
  width: number;
  height: number;
  /** `browser` for HEIC, AVIF and drawn elements: their pixels are the browser's and may differ by a little. */
  decodedBy: DecodedBy;
}

/** What became of one of many photos. */
export type Outcome =
  | { index: number; result: Classification; error?: undefined }
  | { index: number; result?: undefined; error: Error };

/** Facts of a model. */
export interface ModelInfo {
  architecture: string;
  family: string;
  classes: number;
  /** Side of the network's input in pixels. */
  size: number;
  parameters: number;
  macs: number;
  /** Length of an embedding. */
  embedding: number;
  epochs: number;
  /** Accuracy on the validation photos, 0 to 1. */
  top1: number | null;
  train_images: number;
  val_images: number;
  version: string;
  test_vectors: number;
  /** SHA-256 of the file in hexadecimal; empty where the platform cannot compute it. */
  sha256: string;
  /** Bytes of the file. */
  bytes: number;
  /** Whether the file came from this device's cache. */
  cached: boolean;
}

export interface Verdict {
  /** Test vectors in the file that were run. */
  vectors: number;
  /** Largest difference of a logit, relative to the largest. */
  difference: number;
  ok: boolean;
}
