/// <reference lib="esnext.disposable" preserve="true" />
import { Decoders } from "./decoders.js";
import type { Engine, Loaded, RawResult } from "./engine.js";
import { DeviceError, PhotonetError } from "./errors.js";
import { harmless } from "./harmless.js";
import { LocalEngine } from "./local.js";
import { classifyMany } from "./many.js";
import { toInput, whatIs } from "./photo.js";
import { RemoteEngine } from "./remote.js";
import type {
  Backend,
  CallOptions,
  Classification,
  ClassifyAllOptions,
  ClassifyOptions,
  LoadOptions,
  ModelInfo,
  ModelSource,
  Outcome,
  PhotoSource,
  Ranked,
  Verdict,
} from "./types.js";

/** A model, ready to classify photos. Nothing that it is given leaves the device. */
export class Classifier {
  readonly #engine: Engine;
  readonly #decoders: Decoders;
  readonly #topK: number;
  /** Calls that are not answered yet. */
  #calls = 0;
  #disposed = false;

  private constructor(engine: Engine, decoders: Decoders, topK: number) {
    this.#engine = engine;
    this.#decoders = decoders;
    this.#topK = topK;
  }

  /**
   * Loads a model: downloads it (with progress, and a copy kept for offline use), compiles the shaders meanwhile, and
   * checks both. Rejects with a `ModelError`, a `DeviceError` or an `AbortError`.
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Classifier> {
    const topK = checkedTopK(options.topK ?? 5);
    const open = {
      source,
      backend: oneOf("backend", options.backend ?? "auto", ["auto", "webgpu", "cpu"]),
      precision: oneOf("precision", options.precision ?? "f32", ["f32", "f16"]),
      sha256: options.sha256,
      cache: options.cache ?? true,
      wasm: options.wasm,
    };
    const hooks = {
      onProgress: harmless(options.onProgress),
      onNotice: harmless(options.onNotice),
      signal: options.signal,
    };
    const decoders = new Decoders(options.decoders, "photonet/worker", open.wasm, hooks.onNotice);
    try {
      const engine = options.worker
        ? await RemoteEngine.open(options.worker, open, hooks)
        : await LocalEngine.open(open, hooks);
      return new Classifier(engine, decoders.for({ preprocessing: engine.loaded.preprocessing, module: () => engine.module() }), topK);
    } catch (error) {
      decoders.close();
      throw error;
    }
  }

  /** The classes' names; an answer's `index` counts in them. */
  get labels(): readonly string[] {
    return this.#loaded.labels;
  }

  /** Facts of the model. */
  get info(): ModelInfo {
    return this.#loaded.info;
  }

  /** What computes. */
  get backend(): Backend {
    return this.#loaded.backend;
  }

  get #loaded(): Loaded {
    return this.#engine.loaded;
  }

  /** Refuses a call after `dispose`, and keeps the engine until one that was made before is answered. */
  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#disposed) throw new DeviceError("this classifier was disposed of: load another one");
    this.#calls++;
    try {
      return await work();
    } finally {
      this.#calls--;
      this.#closeIfDone();
    }
  }

  #closeIfDone(): void {
    if (!this.#disposed || this.#calls > 0) return;
    this.#decoders.close();
    this.#engine.close();
  }

  /**
   * Classifies one photo. Rejects with an `ImageError`, a `DeviceError`, an `AbortError`, or a `ModelError` where the network gives
   * values that are not finite, as that of a damaged file may.
   */
  async classify(photo: PhotoSource, options: ClassifyOptions = {}): Promise<Classification> {
    const topK = checkedTopK(options.topK ?? this.#topK);
    const raw = await this.#one("logits", photo, options.signal);
    return this.#classification(raw, topK);
  }

  /**
   * Classifies many photos, several at once where the device gains from it, decoded beside one another where there are
   * `decoders`. A photo that cannot be read is an outcome with its error and stops nothing. A generator is asked for each photo
   * when its turn comes.
   */
  async classifyAll(photos: Iterable<PhotoSource>, options: ClassifyAllOptions = {}): Promise<Outcome[]> {
    const topK = checkedTopK(options.topK ?? this.#topK);
    const sources = listed(photos);
    return this.#call(() => this.#all(sources, topK, options));
  }

  async #all(sources: Iterator<PhotoSource>, topK: number, { signal, onResult }: ClassifyAllOptions): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    await classifyMany(sources, this.#engine, this.#decoders, signal, (raw) => {
      const index = outcomes.length;
      const outcome: Outcome = "error" in raw ? { index, error: raw.error } : { index, result: this.#classification(raw.result, topK) };
      outcomes.push(outcome);
      onResult?.(outcome);
    });
    return outcomes;
  }

  /** What the classifier sees of a photo: a vector in which alike photos are close. */
  async embed(photo: PhotoSource, options: CallOptions = {}): Promise<Float32Array> {
    return (await this.#one("features", photo, options.signal)).row;
  }

  #one(wanted: "logits" | "features", photo: PhotoSource, signal: AbortSignal | undefined): Promise<RawResult> {
    return this.#call(async () => {
      const input = await toInput(photo, signal);
      const [outcome] = await this.#engine.run(wanted, [input], signal);
      if (!outcome) throw new PhotonetError("the engine gave no answer");
      if ("error" in outcome) throw outcome.error;
      return outcome.result;
    });
  }

  /** The bytes that the network gets for a photo, height by width by RGB: what to compare with another machine. */
  async tensor(photo: PhotoSource, options: CallOptions = {}): Promise<Uint8Array> {
    return this.#call(async () => this.#engine.tensor(await toInput(photo, options.signal), options.signal));
  }

  /** Runs the test vectors in the model's file and compares with the logits that they had when it was trained. */
  async verify(options: CallOptions = {}): Promise<Verdict> {
    return this.#call(() => this.#engine.verify(options.signal));
  }

  /**
   * Frees the device's memory and what the wasm holds, once the calls that were made before are answered, or aborted by
   * their signals. Later calls reject.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#closeIfDone();
  }

  /** For `using`; older engines do not know the symbol. */
  declare readonly [Symbol.dispose]: () => void;

  static {
    if (typeof Symbol.dispose === "symbol") {
      Object.defineProperty(this.prototype, Symbol.dispose, { value: this.prototype.dispose, configurable: true, writable: true });
    }
  }

  #classification(raw: RawResult, topK: number): Classification {
    const { row: logits, width, height, decodedBy, backend, decode, resize, upload, compute, readBack } = raw;
    const probabilities = softmax(logits);
    const total = decode + resize + upload + compute + readBack;
    return {
      top: rank(logits, probabilities, this.labels, topK),
      probabilities,
      logits,
      timings: { decode, resize, upload, compute, readBack, total },
      backend,
      width,
      height,
      decodedBy,
    };
  }
}

/** A list as it is now, or what a generator gives in time. A photo alone has parts, too: letters, bytes. */
function listed(photos: Iterable<PhotoSource>): Iterator<PhotoSource> {
  const list: unknown = photos;
  if (typeof list === "object" && list !== null && Symbol.iterator in list && !ArrayBuffer.isView(list)) {
    const iterator = photos[Symbol.iterator]();
    return (iterator as unknown) === list ? iterator : Array.from(photos)[Symbol.iterator]();
  }
  const what = whatIs(list);
  throw new TypeError(`classifyAll takes a list of photos, such as an array or a FileList, not ${what}; for one photo, call classify`);
}

function checkedTopK(topK: number): number {
  if (!Number.isInteger(topK) || topK < 1) throw new RangeError(`topK must be a whole number from 1 up, not ${topK}`);
  return topK;
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new RangeError(`${name} must be one of ${allowed.map((word) => `"${word}"`).join(", ")}, not ${JSON.stringify(value)}`);
}

function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (z) => Math.exp(z - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (p) => p / sum);
}

/** Stable, so equal logits keep the order of the classes. */
function rank(logits: Float32Array, probabilities: Float32Array, labels: readonly string[], topK: number): Ranked[] {
  const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0));
  return order.slice(0, topK).map((index) => ({
    index,
    label: labels[index] ?? String(index),
    probability: probabilities[index] ?? 0,
  }));
}
