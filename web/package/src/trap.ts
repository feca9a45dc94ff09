/**
 * What a wasm promises, or its trap: a wasm that traps in the middle of a promise never keeps it, and the trap is told to the page or
 * the worker alone. Calls that answer at once throw it by themselves.
 */
export function orTrap<T>(promise: Promise<T>): Promise<T> {
  // Node has none of these events, and no engine there that answers later.
  if (typeof addEventListener !== "function") return promise;
  return new Promise<T>((resolve, reject) => {
    const told = ["error", "unhandledrejection"];
    const listen = (change: typeof addEventListener): void => told.forEach((name) => change(name, heard));
    const heard = (event: Event): void => {
      const { error = undefined, reason = undefined } = event as Partial<ErrorEvent & PromiseRejectionEvent>;
      const trap: unknown = error ?? reason;
      if (!(trap instanceof WebAssembly.RuntimeError)) return;
      listen(removeEventListener);
      reject(trap);
    };
    listen(addEventListener);
    promise.then(resolve, reject).finally(() => listen(removeEventListener));
  });
}
