/// <reference lib="esnext.disposable" preserve="true" />
import { adapterName, gpuHere } from "./adapter.js";
import { decoded, type Undecoded } from "./decoded.js";
import { Decoders } from "./decoders.js";
import { abortable, checkAbort, DeviceError, fromWasm, ImageError, TrainingError } from "./errors.js";
import { harmless } from "./harmless.js";
import { hints } from "./hints.js";
import { keepModel, readModel } from "./model.js";
import { toInput } from "./photo.js";
import { Photo, Trainer as WasmTrainer } from "./photonet_trainer.js";
import type { Instance } from "./platform.js";
import { Queue } from "./queue.js";
import type { AddOptions, BeginOptions, Begun, Judgement, TrainerOptions, TrainingStep, TrainOptions } from "./training-types.js";
import { trainerWasm as wasm } from "./training-wasm.js";
import { turn } from "./turn.js";
import type { PhotoSource } from "./types.js";

/** Photos in the making of a model. Nothing that it is given leaves the device. */
export class Trainer {
  /** The classes' names. */
  readonly classes: readonly string[];
  readonly #wasm: WasmTrainer;
  readonly #decoders: Decoders;
  readonly #queue = new Queue();
  /** The calls of `add` that have no answer yet. */
  readonly #adding = new Set<Promise<void>>();
  /** Photos of each class. */
  readonly #counts: number[];
  #begun: Begun | undefined;
  #full = false;
  /** Whether the last step is done. */
  #over = false;
  #disposed = false;

  private constructor(trainer: WasmTrainer, decoders: Decoders, classes: readonly string[]) {
    this.#wasm = trainer;
    this.#decoders = decoders;
    this.classes = classes;
    this.#counts = classes.map(() => 0);
  }

  /**
   * Opens the device and, where the training starts from a model, loads that. Rejects with a `TrainingError`, a `DeviceError`, a
   * `ModelError` or an `AbortError`.
   */
  static async open(options: TrainerOptions): Promise<Trainer> {
    const { from, wasm: source, sha256, cache, onProgress, onNotice, signal, classes, precision, freeze, decoders: workers, ...settings } = options;
    checkAbort(signal);
    const names = checkedClasses(classes);
    checkSettings(settings);
    if (precision !== undefined && precision !== "f32" && precision !== "f16") {
      throw new TrainingError(`precision must be "f32" or "f16", not ${JSON.stringify(precision)}`);
    }
    if (!gpuHere()) {
      throw new DeviceError(`there is no WebGPU here, and training needs it: ${hints.noGpu}`);
    }
    const told = {
      onProgress: harmless(onProgress),
      onNotice: harmless(onNotice),
      onHeader: () => undefined,
    };
    // Its workers' scripts may fail while the model is on its way.
    const decoders = new Decoders(workers, "photonet/training-worker", source, told.onNotice);
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const keeps = cache ?? true;
      const reading = from === undefined ? undefined : readModel({ ...told, signal: stop.signal, source: from, sha256, cache: keeps });
      const [model] = await Promise.all([reading, wasm.start(source)]);
      checkAbort(signal);
      const asked = {
        ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
        classes: names,
        half: precision === "f16",
        ...(freeze === undefined ? {} : { freeze: String(freeze) }),
      };
      const trainer = await answered(() => WasmTrainer.open(JSON.stringify(asked), model?.bytes, model?.name ?? ""));
      if (model && keeps) void keepModel(model, told.onNotice);
      decoders.for({ preprocessing: trainer.intake(), module: () => wasm.start(source) });
      const made = new Trainer(trainer, decoders, names);
      if (signal?.aborted) made.dispose();
      checkAbort(signal);
      // A trap is remembered; what else fails fails again when the training begins.
      answered(() => trainer.compileAhead()).catch(() => undefined);
      return made;
    } catch (error) {
      decoders.close();
      throw error;
    } finally {
      // Where one fails the other need not go on.
      stop.abort();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Photos of each class so far, in the order of `classes`. */
  get counts(): readonly number[] {
    return [...this.#counts];
  }

  /** Whether the photos take all the memory that there is for them, so that no more are taken. */
  get full(): boolean {
    return this.#full;
  }

  /**
   * Decodes a photo of a class, by name or index, and keeps what training needs of it. Before the training begins. With `decoders`
   * several can be added at once. Rejects with an `ImageError` where it cannot be read.
   */
  async add(photo: PhotoSource, label: string | number, options: AddOptions = {}): Promise<void> {
    const index = typeof label === "number" ? label : this.classes.indexOf(label);
    if (this.classes[index] === undefined) {
      throw new TrainingError(`${JSON.stringify(label)} is none of the classes: ${this.classes.join(", ")}`);
    }
    const added = this.#add(photo, index, options);
    this.#adding.add(added);
    await added.finally(() => this.#adding.delete(added));
  }

  async #add(photo: PhotoSource, index: number, { name: given, signal }: AddOptions): Promise<void> {
    const read = await toInput(photo, signal);
    if (read.kind === "prepared") throw new ImageError("a prepared photo cannot be trained on");
    const name = given ?? (read.kind === "file" ? read.name : "photo");
    const input = read.kind === "file" ? { ...read, name } : read;
    const stop = new AbortController();
    this.#decoders.begin();
    try {
      const job = input.kind === "file" ? this.#decoders.add(input, stop.signal) : undefined;
      this.#decoders.start();
      await this.#call(signal, async () => {
        // What no worker has begun with when its turn comes is decoded here: nothing waits for workers that do not come.
        if (job) this.#decoders.giveBack(job);
        const taken = (await job?.done) ?? input;
        this.#checkDisposed();
        if (taken instanceof Error) throw taken;
        try {
          if (taken.kind === "prepared") this.#wasm.addKept(taken.pixels, name, index);
          else await this.#addDecoded(taken, name, index);
        } catch (error) {
          // A trap is remembered by the wasm.
          if (error instanceof WebAssembly.RuntimeError) throw error;
          throw fromWasm(error, (error as { kind?: string } | null)?.kind === "image" ? name : undefined);
        }
        this.#full = this.#wasm.full;
        this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      });
    } finally {
      stop.abort();
      this.#decoders.end();
    }
  }

  async #addDecoded(photo: Undecoded, name: string, index: number): Promise<void> {
    const { photo: held } = await decoded(photo, Photo);
    try {
      this.#wasm.add(held, name, index);
    } catch (error) {
      // Of a wasm that has trapped nothing is to be touched any more, not even to free the photo.
      if (!(error instanceof WebAssembly.RuntimeError)) held.free();
      throw error;
    }
    held.free();
  }

  /**
   * Sets a fifth of each class aside, and waits for the kernels, which the browser compiles from `open` on; `train` does it where it
   * was not done. Photos that are being added are waited for, later ones are refused. Rejects with a `TrainingError` where there are
   * too few photos.
   */
  async begin(options: BeginOptions = {}): Promise<Begun> {
    const { signal } = options;
    const onCompile = harmless(options.onCompile);
    await abortable(Promise.allSettled(this.#adding), signal);
    return this.#call(signal, async () => {
      this.#begun ??= named(
        JSON.parse(await this.#wasm.begin((done: number, total: number) => onCompile({ done, total }))) as Begun,
        await adapterName(),
      );
      this.#decoders.close();
      return this.#begun;
    });
  }

  /**
   * Trains to the end, or until the signal is aborted, which rejects with an `AbortError` once the step under way is done and told:
   * the best model so far is there then as well, and a further call goes on.
   */
  async train(options: TrainOptions = {}): Promise<Judgement> {
    const { signal, onCompile, onBegin, onStep } = options;
    const begun = await this.begin({ signal, onCompile });
    onBegin?.(begun);
    for (;;) {
      checkAbort(signal);
      // Not given up in the middle, so that every step is told.
      const step = await this.#call(undefined, () => this.#advance());
      if (!step) break;
      onStep?.(step);
      // Aborts arrive, and the page breathes, between two steps.
      await turn();
    }
    const judgement = await this.judgement();
    if (!judgement) throw new TrainingError("the training ended without a model");
    return judgement;
  }

  /** Does a step; none where all are done, by another call perhaps. */
  async #advance(): Promise<TrainingStep | undefined> {
    if (this.#over) return undefined;
    const step = JSON.parse(await this.#wasm.advance()) as TrainingStep;
    this.#over = step.done;
    return step;
  }

  /** What the best model so far is worth on the photos that were set aside; nothing before the end of the first epoch. */
  judgement(): Promise<Judgement | null> {
    return this.#call(undefined, async () => JSON.parse(this.#wasm.judgement()) as Judgement | null);
  }

  /**
   * The file of the best model so far, `model.safetensors`, for `Classifier.load`, the page and the program. Rejects with a
   * `TrainingError` before the end of the first epoch.
   */
  model(): Promise<Instance<"Blob">> {
    const file = async (): Promise<Blob> => new Blob([this.#wasm.model() as BlobPart], { type: "application/octet-stream" });
    return this.#call(undefined, file);
  }

  #checkDisposed(): void {
    if (this.#disposed) throw new DeviceError("this trainer was disposed of: open another one");
  }

  /** Calls the wasm when the calls before have their answers. */
  async #call<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    this.#checkDisposed();
    return this.#queue.run(signal, () => answered(work));
  }

  /** Frees the device's memory and the photos, once the call under way is answered. Later calls reject. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#decoders.close();
    this.#queue.close(() => {
      if (wasm.trapped) return;
      this.#wasm.close();
      this.#wasm.free();
    });
  }

  /** For `using`; older engines do not know the symbol. */
  declare readonly [Symbol.dispose]: () => void;

  static {
    if (typeof Symbol.dispose === "symbol") {
      Object.defineProperty(this.prototype, Symbol.dispose, { value: this.prototype.dispose, configurable: true, writable: true });
    }
  }
}

/** The answer of a call to the wasm, or an error of this package. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await wasm.answer(work);
  } catch (error) {
    throw fromWasm(error);
  }
}

/** Browsers keep the adapter's own name from the wasm's library. */
function named(begun: Begun, name: string): Begun {
  return { ...begun, device: begun.device || name };
}

/** The least value of what is a whole number. */
const WHOLE: Record<string, number> = { size: 32, epochs: 1, batch: 1, patience: 0, seed: 0 };

/** What the wasm would take for something else, or refuse in its own words. */
function checkSettings(settings: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const least = WHOLE[name];
    const what =
      least !== undefined
        ? Number.isSafeInteger(value) && (value as number) >= least && (value as number) < 2 ** 32 || `a whole number from ${least} on`
        : name === "width" || name === "learningRate"
          ? (typeof value === "number" && Number.isFinite(value)) || "a number"
          : name === "balance"
            ? typeof value === "boolean" || "true or false"
            : name === "arch"
              ? value === "small" || value === "large" || '"small" or "large"'
              : undefined;
    if (what === undefined) throw new TrainingError(`there is no option ${name}`);
    if (what !== true) throw new TrainingError(`${name} must be ${what}, not ${JSON.stringify(value) ?? String(value)}`);
  }
}

function checkedClasses(classes: readonly string[]): string[] {
  const names = Array.isArray(classes) ? Array.from(classes as readonly string[]) : [];
  if (names.length < 2 || names.some((name) => typeof name !== "string" || !name.trim())) {
    throw new TrainingError("training tells classes apart: give the names of two or more as `classes`");
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TrainingError(`two classes are called ${JSON.stringify(twice)}: each has a name of its own`);
  return names;
}
