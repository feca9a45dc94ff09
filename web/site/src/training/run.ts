import type { Begun, Compiling, Progress, TrainerOptions, TrainingStep } from "photonet/training";
import { startWorker } from "../start-worker.js";
import type { Added, Learned, TrainReply, TrainRequest } from "../workers/train.js";
import intakeAddress from "../workers/intake.ts?worker&url";
import workerAddress from "../workers/train.ts?worker&url";

export interface RunHooks {
  /** The model to start from is on its way. */
  onProgress(progress: Progress): void;
  onNotice(notice: string): void;
  onCompile(compiling: Compiling): void;
  onBegun(begun: Begun): void;
  onStep(step: TrainingStep): void;
  /** There is a model that is better than those before. */
  onLearned(learned: Learned): void;
}

type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** A training in a worker of its own, which ends with it. */
export class TrainingRun {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  /** Why nothing is answered any more. */
  #failed: Error | undefined;

  private constructor(worker: Worker, hooks: RunHooks) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<TrainReply>) => {
      if ("call" in data) this.#answered(data);
      else if ("compiling" in data) hooks.onCompile(data.compiling);
      else if ("begun" in data) hooks.onBegun(data.begun);
      else if ("step" in data) hooks.onStep(data.step);
      else if ("learned" in data) hooks.onLearned(data.learned);
      else if ("progress" in data) hooks.onProgress(data.progress);
      else hooks.onNotice(data.notice);
    });
    worker.addEventListener("error", ({ message }) => this.#fail(`the worker that trains has failed (${message || "its memory may have run out"})`));
  }

  /** The worker, ready for `open`. */
  static async start(hooks: RunHooks): Promise<TrainingRun> {
    return new TrainingRun(await startWorker(workerAddress), hooks);
  }

  #fail(reason: string): void {
    this.#failed ??= new Error(reason);
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
  }

  #answered(reply: Extract<TrainReply, { call: number }>): void {
    const waiting = this.#waiting.get(reply.call);
    this.#waiting.delete(reply.call);
    if ("error" in reply) waiting?.reject(Object.assign(new Error(reply.error.message), { name: reply.error.name }));
    else waiting?.resolve(reply.value);
  }

  #ask(request: TrainRequest): Promise<unknown> {
    if (this.#failed) return Promise.reject(this.#failed);
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ call, request });
    });
  }

  /** Opens the device, and loads the model to start from. */
  async open(options: TrainerOptions): Promise<void> {
    await this.#ask({ op: "open", options, decoder: new URL(intakeAddress, document.baseURI).href });
  }

  /** Gives a photo; several can be on their way. */
  async add(photo: Blob, label: number, name: string): Promise<Added> {
    return (await this.#ask({ op: "add", photo, label, name })) as Added;
  }

  /** Trains to the end, or until it is stopped, which rejects with an `AbortError`. */
  async train(): Promise<void> {
    await this.#ask({ op: "train" });
  }

  /** Ends the training behind the step under way. */
  stop(): void {
    this.#ask({ op: "stop" }).catch(() => undefined);
  }

  /** Ends the worker, whatever it is at: what waits rejects. */
  close(): void {
    this.#worker.terminate();
    this.#fail("the training was ended");
  }
}
