import { chooseBackend } from "./adapter.js";
import type { Hooks, OpenOptions } from "./engine.js";
import { abortable, checkAbort, DeviceError, fromWasm, ModelError } from "./errors.js";
import { type ModelBytes, readModel } from "./model.js";
import { ModelFile, Engine as WasmEngine } from "./photonet_wasm.js";
import type { Backend } from "./types.js";
import { classifierWasm } from "./wasm.js";

/** A device with a model on it. */
export interface Opened {
  wasm: WasmEngine;
  model: ModelBytes;
}

/**
 * Fetches the model while the wasm starts, the device opens and its shaders are compiled. Whichever fails first is the
 * error, and stops the rest; so does the signal, at once.
 */
export async function openEngine(options: OpenOptions, hooks: Hooks): Promise<Opened> {
  checkAbort(hooks.signal);
  const stop = new AbortController();
  const { signal } = stop;
  const front = deferred<Uint8Array | undefined>();
  const reading = readModel({
    ...options,
    signal,
    onProgress: (progress) => signal.aborted || hooks.onProgress(progress),
    onNotice: (message) => signal.aborted || hooks.onNotice(message),
    onHeader: front.resolve,
  });
  // A short or local file has no front to wait for.
  const noFront = (): void => front.resolve(undefined);
  reading.then(noFront, noFront);
  const half = options.precision === "f16";
  const opening = open(options, hooks, { half, front: front.promise, reading, signal });
  try {
    const [wasm, model] = await abortable(Promise.all([opening, reading]), hooks.signal);
    return { wasm, model };
  } catch (error) {
    stop.abort();
    opening.then(free, () => undefined);
    throw error;
  }
}

interface Incoming {
  /** Whether numbers on a GPU are in half precision. */
  half: boolean;
  /** The front of the model's file, as soon as it is there; nothing where none is handed out. */
  front: Promise<Uint8Array | undefined>;
  reading: Promise<ModelBytes>;
  signal: AbortSignal;
}

async function open(options: OpenOptions, { onNotice }: Hooks, incoming: Incoming): Promise<WasmEngine> {
  // The browser looks for its GPU while the wasm starts.
  const choosing = chooseBackend(options.backend);
  choosing.catch(() => undefined);
  await classifierWasm.start(options.wasm);
  checkAbort(incoming.signal);
  const choice = await choosing;
  checkAbort(incoming.signal);
  if (choice.notice) onNotice(choice.notice);
  try {
    return await openOn(choice.backend, incoming);
  } catch (error) {
    if (!(error instanceof DeviceError) || !choice.mayFallBack) throw error;
    checkAbort(incoming.signal);
    onNotice(`WebGPU failed, the CPU takes over: ${error.message}`);
    return openOn("cpu", incoming);
  }
}

async function openOn(backend: Backend, { half, front, reading, signal }: Incoming): Promise<WasmEngine> {
  let engine: WasmEngine | undefined;
  let compiling: Promise<void> | undefined;
  let file: ModelFile | undefined;
  let over = false;
  try {
    const opened = await classifierWasm.answer(() => WasmEngine.open(backend, half));
    engine = opened;
    const start = (await front) ?? frontOf((await reading).bytes);
    checkAbort(signal);
    compiling = classifierWasm.answer(() => opened.prepare(start));
    // The model is read while the browser compiles.
    const read = reading.then(async (model) => {
      // At once, so that what fails meanwhile frees it.
      if (!over) await named(model, () => (file = readFile(model, backend, half)));
      return model;
    });
    const [model] = await Promise.all([read, compiling]);
    checkAbort(signal);
    const taken = file as ModelFile | undefined;
    file = undefined;
    // It is there: `over` is for what comes after an error.
    if (taken) await named(model, () => opened.load(taken));
    return opened;
  } catch (error) {
    over = true;
    // What has trapped is not to be touched any more.
    if (classifierWasm.trapped) throw fromWasm(error);
    (file as ModelFile | undefined)?.free();
    // A call that is under way still has the engine.
    await compiling?.catch(() => undefined);
    if (engine) free(engine);
    throw fromWasm(error);
  }
}

/** The front of a whole file; nothing of what is no model, which reading it finds. */
export function frontOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, WasmEngine.headerLength(bytes.subarray(0, 8)));
}

/** The model, for a device with its weights as that takes them. */
function readFile(model: ModelBytes, backend: Backend, half: boolean): ModelFile {
  let file: ModelFile | undefined;
  try {
    file = ModelFile.read(model.bytes, model.name);
    if (backend === "webgpu") file.fold(half);
    return file;
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) file?.free();
    throw error;
  }
}

/** The answer of a call that is about a model: not every error of a model says which one. */
async function named<T>({ name }: ModelBytes, call: () => T | Promise<T>): Promise<T> {
  try {
    return await classifierWasm.answer(call);
  } catch (thrown) {
    const error = fromWasm(thrown);
    throw error instanceof ModelError && !error.message.includes(name) ? new ModelError(`${name}: ${error.message}`) : error;
  }
}

function free(engine: WasmEngine): void {
  if (classifierWasm.trapped) return;
  engine.close();
  engine.free();
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
