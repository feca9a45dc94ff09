import type { Begun, TrainerOptions, TrainingStep } from "photonet/training";
import { startWorker } from "../start-worker.js";
import type { Learned, TrainReply, TrainRequest } from "../workers/train.js";
import workerAddress from "../workers/train.ts?worker&url";

export interface RunHooks {
  onBegun(begun: Begun): void;
  onStep(step: TrainingStep): void;
}

type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** A training in a worker of its own, which ends with it. */
export class TrainingRun {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor(worker: Worker, hooks: RunHooks) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<TrainReply>) => {
      if ("begun" in data) hooks.onBegun(data.begun);
      else if ("step" in data) hooks.onStep(data.step);
      else this.#answered(data);
    });
    worker.addEventListener("error", ({ message }) => {
      const error = new Error(`the worker that trains has failed (${message || "its memory may have run out"}): train again`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  static async open(options: TrainerOptions, hooks: RunHooks): Promise<TrainingRun> {
    const run = new TrainingRun(await startWorker(workerAddress), hooks);
    try {
      await run.#ask({ op: "open", options });
      return run;
    } catch (error) {
      run.close();
      throw error;
    }
  }

  #answered(reply: Extract<TrainReply, { call: number }>): void {
    const waiting = this.#waiting.get(reply.call);
    this.#waiting.delete(reply.call);
    if ("error" in reply) waiting?.reject(Object.assign(new Error(reply.error.message), { name: reply.error.name }));
    else waiting?.resolve(reply.value);
  }

  #ask(request: TrainRequest): Promise<unknown> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ call, request });
    });
  }

  async add(photo: Blob, label: number, name: string): Promise<void> {
    await this.#ask({ op: "add", photo, label, name });
  }

  /** Trains to the end, or until it is stopped, which rejects with an `AbortError`. */
  async train(): Promise<void> {
    await this.#ask({ op: "train" });
  }

  stop(): void {
    void this.#ask({ op: "stop" });
  }

  /** The best model; nothing before the end of the first epoch. */
  async result(): Promise<Learned | undefined> {
    return (await this.#ask({ op: "result" })) as Learned | undefined;
  }

  close(): void {
    this.#worker.terminate();
  }
}
