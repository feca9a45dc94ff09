/**
 * The worker's side: `new Worker(new URL("photonet/worker", import.meta.url), { type: "module" })`, or a module of your
 * own that begins with `import "photonet/worker"`, given to `Classifier.load` as `worker`.
 */
import { PhotonetError, toPlain } from "./errors.js";
import { LocalEngine } from "./local.js";
import type { Call, PlainOutcome, Reply } from "./protocol.js";

interface Scope {
  addEventListener(type: "message", listener: (event: MessageEvent<Call>) => void): void;
  postMessage(message: Reply): void;
}

const scope = globalThis as unknown as Scope;
const engines = new Map<number, Promise<LocalEngine>>();
const aborts = new Map<string, AbortController>();

async function answer({ photonet, what }: Call, signal: AbortSignal): Promise<unknown> {
  if (what.op === "open") {
    scope.postMessage({ photonet, alive: true });
    const opened = LocalEngine.open(what.options, {
      onProgress: (progress) => scope.postMessage({ photonet, progress }),
      onNotice: (notice) => scope.postMessage({ photonet, notice }),
      signal,
    });
    engines.set(photonet, opened);
    return (await opened).loaded;
  }
  const engine = await engines.get(photonet);
  if (!engine) throw new PhotonetError("the worker does not know this classifier: was it started anew?");
  switch (what.op) {
    case "run": {
      const outcomes = await engine.run(what.wanted, what.photos, signal);
      return outcomes.map(
        (outcome): PlainOutcome => ("error" in outcome ? { plain: toPlain(outcome.error) } : outcome),
      );
    }
    case "tensor":
      return engine.tensor(what.photo, signal);
    case "verify":
      return engine.verify(signal);
    default:
      return undefined;
  }
}

scope.addEventListener("message", ({ data }) => {
  if (typeof data?.photonet !== "number" || !data.what) return;
  const { photonet, call, what } = data;
  const key = `${photonet}/${call}`;
  if (what.op === "abort") {
    aborts.get(key)?.abort();
    return;
  }
  if (what.op === "close") {
    const opened = engines.get(photonet);
    engines.delete(photonet);
    opened?.then(
      (engine) => engine.close(),
      () => undefined,
    );
    return;
  }
  const abort = new AbortController();
  aborts.set(key, abort);
  answer(data, abort.signal)
    .then(
      (value) => scope.postMessage({ photonet, call, value }),
      (error: unknown) => scope.postMessage({ photonet, call, error: toPlain(error) }),
    )
    .finally(() => aborts.delete(key));
});
