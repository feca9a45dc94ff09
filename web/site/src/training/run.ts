import { affordableDecoders, type Begun, type Compiling, portTo, type Progress, type TrainerOptions, type TrainingStep } from "photonet/training";
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
  /** Workers that decode photos for it. Not every browser lets a worker start them. */
  readonly #decoders: Worker[];
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  /** Why nothing is answered any more. */
  #failed: Error | undefined;

  private constructor(worker: Worker, decoders: Worker[], hooks: RunHooks) {
    this.#worker = worker;
    this.#decoders = decoders;
    worker.addEventListener("message", ({ data }: MessageEvent<TrainReply>) => {
      if ("call" in data) this.#answered(data);
      else if ("compiling" in data) hooks.onCompile(data.compiling);
      else if ("begun" in data) {
        end(this.#decoders);
        hooks.onBegun(data.begun);
      } else if ("step" in data) hooks.onStep(data.step);
      else if ("learned" in data) hooks.onLearned(data.learned);
      else if ("progress" in data) hooks.onProgress(data.progress);
      else hooks.onNotice(data.notice);
    });
    worker.addEventListener("error", ({ message }) => this.#fail(`the worker that trains has failed (${message || "its memory may have run out"})`));
  }

  /** The worker, ready for `open`. */
  static async start(hooks: RunHooks): Promise<TrainingRun> {
    const addresses = [workerAddress, ...Array.from({ length: affordableDecoders() }, () => intakeAddress)];
    const [trains, ...others] = await Promise.allSettled(addresses.map(startWorker));
    // Without some of these, or all, photos are read more slowly.
    const decoders = others.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    if (trains?.status === "fulfilled") return new TrainingRun(trains.value, decoders, hooks);
    end(decoders);
    throw trains?.reason;
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

  #ask(request: TrainRequest, transfer: Transferable[] = []): Promise<unknown> {
    if (this.#failed) return Promise.reject(this.#failed);
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ call, request }, transfer);
    });
  }

  /** Opens the device, and loads the model to start from. */
  async open(options: TrainerOptions): Promise<void> {
    const decoders = this.#decoders.map(portTo);
    await this.#ask({ op: "open", options: { ...options, decoders } }, decoders);
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
    end(this.#decoders);
    this.#fail("the training was ended");
  }
}

function end(workers: Worker[]): void {
  for (const worker of workers.splice(0)) worker.terminate();
}
