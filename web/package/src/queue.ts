import { abortError, checkAbort, DeviceError } from "./errors.js";

/** Runs one task after another. A task that is aborted rejects at once; the next one still waits for its end. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  async run<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    checkAbort(signal);
    if (this.#closed) throw new DeviceError("this classifier was disposed of");
    const result = this.#last.then(() => {
      checkAbort(signal);
      return task();
    });
    this.#last = result.catch(() => undefined);
    if (!signal) return result;
    return new Promise<T>((resolve, reject) => {
      const stop = (): void => reject(abortError());
      signal.addEventListener("abort", stop, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  /** Refuses new tasks, and runs `last` after those under way. */
  close(last: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#last.then(last);
  }
}
