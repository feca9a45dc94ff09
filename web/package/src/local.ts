import { prepared } from "./decode.js";
import type { Engine, Hooks, Loaded, OpenOptions, PhotoInput, Prepared, RawOutcome, RawResult } from "./engine.js";
import { checkAbort, fromWasm } from "./errors.js";
import { keepModel } from "./model.js";
import { frontOf, openEngine } from "./open.js";
import { type Answer, Engine as WasmEngine, Photo } from "./photonet_wasm.js";
import { Queue } from "./queue.js";
import type { Backend, ModelInfo, Verdict } from "./types.js";
import { classifierWasm } from "./wasm.js";

/** A photo that is ready, and its result to be. */
interface Ready {
  pixels: Uint8Array;
  result: RawResult;
}

/** The engine in this thread. */
export class LocalEngine implements Engine {
  readonly loaded: Loaded;
  readonly #wasm: WasmEngine;
  readonly #queue = new Queue();
  readonly #onNotice: (message: string) => void;
  /** Whether the CPU may go on where the device is gone for good. */
  readonly #mayFallBack: boolean;

  private constructor(wasm: WasmEngine, loaded: Loaded, onNotice: (message: string) => void, mayFallBack: boolean) {
    this.#wasm = wasm;
    this.loaded = loaded;
    this.#onNotice = onNotice;
    this.#mayFallBack = mayFallBack;
  }

  static async open(options: OpenOptions, hooks: Hooks): Promise<LocalEngine> {
    const { wasm, model } = await openEngine(options, hooks);
    // Not waited for: the first answer does not depend on it.
    if (options.cache) void keepModel(model, hooks.onNotice);
    const { bytes, sha256, cached } = model;
    const info = { ...JSON.parse(wasm.info()), sha256, bytes: bytes.length, cached } as ModelInfo;
    const preprocessing = WasmEngine.preprocessing(frontOf(bytes));
    const loaded = { backend: wasm.backend as Backend, batch: wasm.batch, labels: wasm.labels(), info, preprocessing };
    return new LocalEngine(wasm, loaded, hooks.onNotice, options.backend === "auto");
  }

  run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]> {
    return this.#queue.run(signal, async () => {
      const outcomes: RawOutcome[] = [];
      const good: Ready[] = [];
      for (const photo of photos) {
        checkAbort(signal);
        try {
          const ready = this.#ready(await this.#prepare(photo));
          good.push(ready);
          outcomes.push({ result: ready.result });
        } catch (error) {
          outcomes.push({ error: error as Error });
        }
      }
      // As many as it takes now: the CPU, which may have taken over, takes fewer than the device.
      for (let done = 0; done < good.length; ) {
        checkAbort(signal);
        const batch = good.slice(done, done + this.#wasm.batch);
        await this.#compute(wanted, batch);
        done += batch.length;
      }
      return outcomes;
    });
  }

  async #compute(wanted: "logits" | "features", photos: Ready[]): Promise<void> {
    const wasm = this.#wasm;
    const before = wasm.recoveries;
    const pixels = joined(photos);
    let answer: Answer;
    try {
      answer = await classifierWasm.answer(() =>
        wanted === "logits" ? wasm.classify(pixels, photos.length) : wasm.embed(pixels, photos.length),
      );
    } catch (error) {
      if (!this.#toCpu(error)) throw fromWasm(error);
      // It takes one at a time.
      for (const photo of photos) await this.#compute(wanted, [photo]);
      return;
    }
    this.#noteRecovery(before);
    const values = answer.values();
    const width = values.length / photos.length;
    const share = 1 / photos.length;
    photos.forEach(({ result }, index) => {
      result.row = values.slice(index * width, (index + 1) * width);
      result.backend = this.loaded.backend;
      result.upload = answer.upload * share;
      result.compute = answer.compute * share;
      result.readBack = answer.readBack * share;
    });
    answer.free();
  }

  #noteRecovery(before: number): void {
    if (this.#wasm.recoveries === before) return;
    this.#onNotice("the GPU device was lost or failed; it was opened anew and the photos were run again");
  }

  /** Goes on with the CPU where the device failed for good and the backend was left to us; says whether it does. */
  #toCpu(error: unknown): boolean {
    if ((error as { kind?: string } | null)?.kind !== "device") return false;
    if (!this.#mayFallBack || this.loaded.backend === "cpu") return false;
    this.#wasm.useCpu();
    this.loaded.backend = "cpu";
    this.loaded.batch = this.#wasm.batch;
    this.#onNotice(`the GPU device failed, the CPU takes over: ${fromWasm(error).message}`);
    return true;
  }

  async #prepare(input: PhotoInput): Promise<Prepared> {
    classifierWasm.checkTrap();
    return input.kind === "prepared" ? input : prepared(input, Photo, (photo) => this.#wasm.tensor(photo));
  }

  #ready({ pixels, width, height, decodedBy, decode, resize }: Prepared): Ready {
    const { backend } = this.loaded;
    const facts = { width, height, decodedBy, decode, resize };
    return { pixels, result: { ...facts, row: new Float32Array(), backend, upload: 0, compute: 0, readBack: 0 } };
  }

  tensor(photo: PhotoInput, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return this.#queue.run(signal, async () => (await this.#prepare(photo)).pixels);
  }

  verify(signal: AbortSignal | undefined): Promise<Verdict> {
    return this.#queue.run(signal, () => this.#verify());
  }

  async #verify(): Promise<Verdict> {
    const before = this.#wasm.recoveries;
    let json: string;
    try {
      json = await classifierWasm.answer(() => this.#wasm.verify());
    } catch (error) {
      if (this.#toCpu(error)) return this.#verify();
      throw fromWasm(error);
    }
    this.#noteRecovery(before);
    const verdict = JSON.parse(json) as Verdict & { difference: number | null };
    // JSON has no infinity.
    return { ...verdict, difference: verdict.difference ?? Infinity };
  }

  module(): Promise<WebAssembly.Module> {
    return classifierWasm.start(undefined);
  }

  close(): void {
    this.#queue.close(() => {
      if (classifierWasm.trapped) return;
      this.#wasm.close();
      this.#wasm.free();
    });
  }
}

function joined(photos: Ready[]): Uint8Array {
  const each = photos[0]?.pixels.length ?? 0;
  const pixels = new Uint8Array(each * photos.length);
  photos.forEach((photo, index) => pixels.set(photo.pixels, index * each));
  return pixels;
}
