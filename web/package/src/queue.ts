import { abortable, checkAbort, DeviceError } from "./errors.js";

/** Runs one task after another. A task that is aborted rejects at once; the next one still waits for its end. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  async run<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    checkAbort(signal);
    this.checkOpen();
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

  /** Throws after `close`. */
  checkOpen(): void {
    if (this.#closed) throw new DeviceError("this classifier was disposed of: load another one");
  }

  /** Refuses new tasks, and runs `last` after those under way. */
  close(last: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#last.then(last);
  }
}
