import type { Classifier } from "photonet";
import { isAbort } from "photonet";
import { message } from "./format.js";
import type { Item } from "./items.js";

export interface RunnerHooks {
  /** An item has changed. */
  onItem(item: Item): void;
  /** The queue has moved, started or ended. */
  onProgress(progress: RunProgress): void;
  /** The device failed, not a photo. */
  onFailure(error: unknown): void;
}

export interface RunProgress {
  done: number;
  total: number;
  running: boolean;
}

/** Classifies photos one after another; what is added while it runs waits its turn. */
export class Runner {
  readonly #hooks: RunnerHooks;
  #classifier: Classifier | undefined;
  #queue: Item[] = [];
  #abort: AbortController | undefined;
  #done = 0;
  #total = 0;

  constructor(hooks: RunnerHooks) {
    this.#hooks = hooks;
  }

  get running(): boolean {
    return this.#abort !== undefined;
  }

  /** Takes another model, or none for a while. What is under way starts again with it. */
  use(classifier: Classifier | undefined): void {
    this.#classifier = classifier;
    // Photos without an answer are still in the queue; the loop goes on with the new model.
    if (this.#abort) this.#abort.abort();
    else void this.#run();
  }

  add(items: readonly Item[]): void {
    for (const item of items) {
      if (this.#queue.includes(item)) continue;
      item.state = "waiting";
      delete item.error;
      this.#queue.push(item);
      this.#total += 1;
      this.#hooks.onItem(item);
    }
    this.#tell();
    void this.#run();
  }

  /** Takes a photo out of the queue. */
  remove(item: Item): void {
    const at = this.#queue.indexOf(item);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#total -= 1;
    this.#tell();
  }

  /** Stops; photos without an answer say that they were cancelled. */
  cancel(): void {
    const left = this.#queue;
    this.#queue = [];
    this.#abort?.abort();
    for (const item of left) this.#giveUp(item);
    if (!this.#abort) this.#end();
  }

  #giveUp(item: Item): void {
    // An answer of an earlier run is still one.
    item.state = item.answer ? "done" : "cancelled";
    this.#hooks.onItem(item);
  }

  async #run(): Promise<void> {
    if (this.#abort || !this.#classifier || this.#queue.length === 0) return;
    while (this.#classifier && this.#queue.length > 0) {
      const taken: Item[] = [];
      const classifier: Classifier = this.#classifier;
      this.#abort = new AbortController();
      this.#tell();
      try {
        await classifier.classifyAll(this.#photos(taken), {
          topK: 5,
          signal: this.#abort.signal,
          onResult: ({ index, result, error }) => this.#settle(taken[index], result, error),
        });
      } catch (error) {
        // Another model came: its turn. Cancelled: the queue is empty. Otherwise the device failed.
        if (!isAbort(error)) this.#fail(error);
      }
    }
    this.#abort = undefined;
    // Without a model for a while, the rest waits for the next one.
    if (this.#queue.length > 0) this.#tell();
    else this.#end();
  }

  /** The photos in their turn: one that is removed before costs nothing, one that is added is among them. */
  *#photos(taken: Item[]): Generator<Blob> {
    const begun = new Set<Item>();
    for (let item = this.#queue[0]; item; item = this.#queue.find((other) => !begun.has(other))) {
      begun.add(item);
      taken.push(item);
      yield item.photo;
    }
  }

  #settle(item: Item | undefined, answer: Item["answer"] | undefined, error: Error | undefined): void {
    const at = item ? this.#queue.indexOf(item) : -1;
    // Removed or cancelled meanwhile.
    if (!item || at < 0) return;
    this.#queue.splice(at, 1);
    this.#done += 1;
    if (answer) {
      const { top, probabilities, timings, backend, width, height, decodedBy } = answer;
      item.answer = { top, probabilities, timings, backend, width, height, decodedBy };
      item.state = "done";
    } else {
      delete item.answer;
      item.error = error?.message ?? "no answer came";
      item.state = "failed";
    }
    this.#hooks.onItem(item);
    this.#tell();
  }

  #fail(error: unknown): void {
    const left = this.#queue;
    this.#queue = [];
    for (const item of left) {
      item.error = message(error);
      item.state = "failed";
      this.#hooks.onItem(item);
    }
    this.#hooks.onFailure(error);
  }

  #end(): void {
    const { done, total } = { done: this.#done, total: this.#total };
    this.#done = this.#total = 0;
    this.#hooks.onProgress({ done, total, running: false });
  }

  #tell(): void {
    const running = this.#abort !== undefined;
    this.#hooks.onProgress({ done: this.#done, total: this.#total, running: running || this.#queue.length > 0 });
  }
}
