import { abortable, checkAbort } from "./errors.js";

/** Runs one task after another. A task that is aborted rejects at once; the next one still waits for its end. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  async run<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    checkAbort(signal);
    const result = this.#last.then(() => {
      checkAbort(signal);
      return task();
    });
    // Only the end is kept: results may be large, and the next task may be long in coming.
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return abortable(result, signal);
  }

  /** Runs `last` after the tasks under way. */
  close(last: () => void): void {
    void this.#last.then(last);
  }
}
