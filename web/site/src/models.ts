import { Classifier, DeviceError, isAbort, ModelError, type ModelSource, type Progress } from "photonet";
import workerAddress from "./workers/classify.ts?worker&url";
import { startWorker } from "./start-worker.js";

export type BackendChoice = "auto" | "webgpu" | "cpu";

export interface ModelsHooks {
  onLoading(name: string): void;
  onProgress(progress: Progress): void;
  /** The model answers from now on. `another` says that it is not the same file on another backend. */
  onReady(classifier: Classifier, model: Wanted, another: boolean): void;
  /** The model did not load; the one before, if any, is still in use. */
  onFailed(error: unknown, name: string): void;
  onCancelled(): void;
  /** WebGPU was asked for by name and is not to be had: another backend computes. */
  onRefused(error: DeviceError): void;
  /** The worker died; nothing answers until the model is loaded anew, which is under way. */
  onLost(): void;
  onNotice(text: string): void;
}

export interface Wanted {
  source: ModelSource;
  name: string;
}

/** Loads models, one at a time: the last one asked for wins, and the one in use stays until another is ready. */
export class Models {
  readonly #hooks: ModelsHooks;
  #worker: Promise<Worker> | undefined;
  #loading: AbortController | undefined;
  #current: (Wanted & { classifier: Classifier; backend: BackendChoice }) | undefined;
  #wanted: Wanted | undefined;
  /** What answered last, to know whether its answers still count. */
  #last: ModelSource | undefined;
  /** What is asked of the next model; once loading has ended, what was asked of the one in use. */
  backend: BackendChoice;

  constructor(hooks: ModelsHooks, backend: BackendChoice) {
    this.#hooks = hooks;
    this.backend = backend;
  }

  get classifier(): Classifier | undefined {
    return this.#current?.classifier;
  }

  get loading(): boolean {
    return this.#loading !== undefined;
  }

  cancel(): void {
    this.#loading?.abort();
  }

  /** Loads what is in use, or what was last tried, again: for another backend. */
  async reload(): Promise<void> {
    const wanted = this.#loading ? this.#wanted : (this.#current ?? this.#wanted);
    if (wanted) await this.load(wanted.source, wanted.name);
  }

  async load(source: ModelSource, name: string, refused?: DeviceError): Promise<void> {
    this.#loading?.abort();
    const abort = new AbortController();
    this.#loading = abort;
    this.#wanted = { source, name };
    this.#hooks.onLoading(name);
    // What an overtaken load still says is of no interest.
    const live = (): boolean => this.#loading === abort;
    try {
      this.#worker ??= this.#startWorker();
      const worker = await this.#worker;
      const classifier = await Classifier.load(source, {
        worker,
        decoders: () => startWorker(workerAddress),
        backend: this.backend,
        signal: abort.signal,
        onProgress: (progress) => live() && this.#hooks.onProgress(progress),
        onNotice: (text) => this.#hooks.onNotice(text),
      });
      if (!live()) return classifier.dispose();
      this.#loading = undefined;
      const before = this.#current;
      this.#current = { source, name, classifier, backend: this.backend };
      this.#hooks.onReady(classifier, this.#current, this.#last !== undefined && this.#last !== source);
      this.#last = source;
      before?.classifier.dispose();
      if (refused) this.#hooks.onRefused(refused);
    } catch (error) {
      if (!live()) return;
      this.#loading = undefined;
      const tried = this.backend;
      this.backend = this.#current?.backend ?? tried;
      if (error instanceof DeviceError && tried === "webgpu") {
        // The fault is the device's, not the model's: it goes on, or is loaded, on what there is.
        if (this.#current?.source === source && this.backend !== tried) return this.#hooks.onRefused(error);
        this.backend = "auto";
        return this.load(source, name, error);
      }
      if (isAbort(error)) this.#hooks.onCancelled();
      else this.#hooks.onFailed(error, name);
    }
  }

  #startWorker(): Promise<Worker> {
    const starting = startWorker(workerAddress);
    starting.then(
      (worker) => worker.addEventListener("error", () => this.#lose(worker)),
      () => {
        this.#worker = undefined;
      },
    );
    return starting;
  }

  #lose(worker: Worker): void {
    worker.terminate();
    this.#worker = undefined;
    const lost = this.#current;
    // Forgotten first: a model that brings the worker down while it loads is not tried for ever.
    this.#current = undefined;
    if (!lost) return;
    lost.classifier.dispose();
    this.#hooks.onLost();
    void this.load(lost.source, lost.name);
  }
}

/** Whether the server has no model beside the page, as opposed to one that is broken. */
export function isMissing(error: unknown): boolean {
  return error instanceof ModelError && /answered (404|410)|an HTML page/.test(error.message);
}

/** Whether the network failed or the server was silent. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ModelError && /^cannot fetch the model|^the download of .* broke off/.test(error.message);
}
