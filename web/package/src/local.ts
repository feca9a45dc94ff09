import { type Choice, chooseBackend } from "./adapter.js";
import type { Engine, Hooks, Loaded, OpenOptions, PhotoInput, RawOutcome, RawResult } from "./engine.js";
import { checkAbort, DeviceError, fromWasm, ImageError } from "./errors.js";
import { keepModel, type ModelBytes, readModel } from "./model.js";
import { decodedByBrowser } from "./photo.js";
import { type Answer, Photo, Engine as WasmEngine } from "./photonet_wasm.js";
import { Queue } from "./queue.js";
import type { Backend, ModelInfo, Verdict } from "./types.js";
import { startWasm } from "./wasm.js";

/** The engine in this thread. */
export class LocalEngine implements Engine {
  readonly loaded: Loaded;
  readonly #wasm: WasmEngine;
  readonly #queue = new Queue();
  readonly #onNotice: (message: string) => void;

  private constructor(wasm: WasmEngine, loaded: Loaded, onNotice: (message: string) => void) {
    this.#wasm = wasm;
    this.loaded = loaded;
    this.#onNotice = onNotice;
  }

  static async open(options: OpenOptions, hooks: Hooks): Promise<LocalEngine> {
    const { signal, onNotice } = hooks;
    checkAbort(signal);
    await startWasm(options.wasm);
    checkAbort(signal);
    const choice = await chooseBackend(options.backend);
    if (choice.notice) onNotice(choice.notice);
    const opening = new Opening(choice, onNotice);
    try {
      const model = await readModel({
        ...options,
        ...hooks,
        headerLength: (start) => WasmEngine.headerLength(start),
        onHeader: (start) => opening.prepare(start),
      });
      const wasm = await opening.load(model, signal);
      if (options.cache) await keepModel(model, onNotice);
      checkAbort(signal);
      const { bytes, sha256, cached } = model;
      const info = { ...JSON.parse(wasm.info()), sha256, bytes: bytes.length, cached } as ModelInfo;
      const loaded = { backend: wasm.backend as Backend, batch: wasm.batch, labels: wasm.labels(), info };
      return new LocalEngine(wasm, loaded, onNotice);
    } catch (error) {
      await opening.abandon();
      throw error;
    }
  }

  run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]> {
    return this.#queue.run(signal, async () => {
      const outcomes: RawOutcome[] = [];
      const good: Prepared[] = [];
      for (const photo of photos) {
        checkAbort(signal);
        try {
          const prepared = await this.#prepare(photo);
          good.push(prepared);
          outcomes.push({ result: prepared.result });
        } catch (error) {
          outcomes.push({ error: error as Error });
        }
      }
      checkAbort(signal);
      if (good.length > 0) await this.#compute(wanted, good);
      return outcomes;
    });
  }

  async #compute(wanted: "logits" | "features", photos: Prepared[]): Promise<void> {
    const each = photos[0]?.pixels.length ?? 0;
    const pixels = new Uint8Array(each * photos.length);
    photos.forEach((photo, index) => pixels.set(photo.pixels, index * each));
    const before = this.#wasm.recoveries;
    let answer: Answer;
    try {
      answer = await (wanted === "logits"
        ? this.#wasm.classify(pixels, photos.length)
        : this.#wasm.embed(pixels, photos.length));
    } catch (error) {
      throw fromWasm(error);
    }
    if (this.#wasm.recoveries > before) {
      this.#onNotice("the GPU device was lost; it was opened anew and the photos were run again");
    }
    const values = answer.values();
    const width = values.length / photos.length;
    const share = 1 / photos.length;
    photos.forEach(({ result }, index) => {
      result.row = values.slice(index * width, (index + 1) * width);
      result.upload = answer.upload * share;
      result.compute = answer.compute * share;
      result.readBack = answer.readBack * share;
    });
    answer.free();
  }

  async #prepare(input: PhotoInput): Promise<Prepared> {
    const started = performance.now();
    const [photo, decodedBy] = await decoded(input);
    try {
      const read = performance.now();
      const pixels = this.#wasm.tensor(photo);
      const result: RawResult = {
        row: new Float32Array(),
        width: photo.width,
        height: photo.height,
        decodedBy,
        decode: read - started,
        resize: performance.now() - read,
        upload: 0,
        compute: 0,
        readBack: 0,
      };
      return { pixels, result };
    } catch (error) {
      throw fromWasm(error, nameOf(input));
    } finally {
      photo.free();
    }
  }

  tensor(photo: PhotoInput): Promise<Uint8Array> {
    return this.#queue.run(undefined, async () => (await this.#prepare(photo)).pixels);
  }

  verify(signal: AbortSignal | undefined): Promise<Verdict> {
    return this.#queue.run(signal, async () => {
      try {
        const verdict = JSON.parse(await this.#wasm.verify()) as Verdict & { difference: number | null };
        // JSON has no infinity.
        return { ...verdict, difference: verdict.difference ?? Infinity };
      } catch (error) {
        throw fromWasm(error);
      }
    });
  }

  close(): void {
    this.#queue.close(() => {
      this.#wasm.close();
      this.#wasm.free();
    });
  }
}

interface Prepared {
  pixels: Uint8Array;
  result: RawResult;
}

function nameOf(input: PhotoInput): string {
  return input.kind === "file" ? input.name : "the image";
}

async function decoded(input: PhotoInput): Promise<[Photo, "photonet" | "browser"]> {
  const name = nameOf(input);
  try {
    if (input.kind === "pixels") {
      const { rgba, width, height } = input;
      const bytes = new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength);
      return [Photo.fromRgba(bytes, width, height), "browser"];
    }
    const { file } = input;
    const bytes = file instanceof Uint8Array ? file : new Uint8Array(await readBlob(file, name));
    try {
      return [Photo.decode(bytes), "photonet"];
    } catch (error) {
      if (!(error as { foreign?: boolean }).foreign) throw error;
      const blob = file instanceof Uint8Array ? new Blob([file as BlobPart]) : file;
      const pixels = await decodedByBrowser(blob);
      if (pixels?.kind !== "pixels") throw error;
      return await decoded(pixels);
    }
  } catch (error) {
    throw error instanceof ImageError ? error : fromWasm(error, name);
  }
}

async function readBlob(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(`${name} cannot be read: ${reason}. Was it moved or changed since it was chosen?`);
  }
}

/** A device that is opened, and a network that is compiled, while the model is on its way. */
class Opening {
  #engine: Promise<WasmEngine>;

  constructor(
    readonly choice: Choice,
    readonly onNotice: (message: string) => void,
  ) {
    this.#engine = WasmEngine.open(choice.backend);
    // Failures are met in `load`.
    this.#engine.catch(() => undefined);
  }

  prepare(start: Uint8Array): void {
    this.#engine = this.#engine.then(async (engine) => {
      await engine.prepare(start);
      return engine;
    });
    this.#engine.catch(() => undefined);
  }

  async load(model: ModelBytes, signal: AbortSignal | undefined): Promise<WasmEngine> {
    let engine: WasmEngine;
    try {
      engine = await this.#engine;
      checkAbort(signal);
      await engine.load(model.bytes, model.name);
      return engine;
    } catch (error) {
      checkAbort(signal);
      const plain = fromWasm(error);
      if (!(plain instanceof DeviceError) || !this.choice.mayFallBack) throw plain;
      await this.abandon();
      this.onNotice(`WebGPU failed, the CPU takes over: ${plain.message}`);
    }
    try {
      this.#engine = WasmEngine.open("cpu");
      engine = await this.#engine;
      await engine.load(model.bytes, model.name);
      return engine;
    } catch (error) {
      throw fromWasm(error);
    }
  }

  async abandon(): Promise<void> {
    try {
      const engine = await this.#engine;
      engine.close();
      engine.free();
    } catch {
      // It never opened: there is nothing to free.
    }
  }
}
