/**
 * The worker's side: `new Worker(new URL("photonet/worker", import.meta.url), { type: "module" })`, or a module of your
 * own that begins with `import "photonet/worker"`, given to `Classifier.load` as `worker`.
 */
import { Decoder } from "./decoder.js";
import { PhotonetError, toPlain } from "./errors.js";
import { buffersOf } from "./link.js";
import { LocalEngine } from "./local.js";
import type { Call, PlainOutcome, Reply } from "./protocol.js";

interface Scope {
  addEventListener(type: "message", listener: (event: MessageEvent<Call>) => void): void;
  postMessage(message: Reply, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as Scope;
const engines = new Map<number, Promise<LocalEngine>>();
const decoders = new Map<number, Promise<Decoder>>();
const aborts = new Map<string, AbortController>();

/** What something was opened as; a worker that was started anew does not know it. */
async function known<T>(opened: Map<number, Promise<T>>, photonet: number): Promise<T> {
  const found = await opened.get(photonet);
  if (!found) throw new PhotonetError("the worker does not know this classifier: was it started anew?");
  return found;
}

/** Answers a call, with what goes to the page without a copy. */
async function answer({ photonet, what }: Call, signal: AbortSignal): Promise<[value: unknown, transfer?: Transferable[]]> {
  switch (what.op) {
    case "open": {
      scope.postMessage({ photonet, alive: true });
      const opened = LocalEngine.open(what.options, {
        onProgress: (progress) => scope.postMessage({ photonet, progress }),
        onNotice: (notice) => scope.postMessage({ photonet, notice }),
        signal,
      });
      engines.set(photonet, opened);
      return [(await opened).loaded];
    }
    case "openDecoder": {
      scope.postMessage({ photonet, alive: true });
      const opened = Decoder.open(what.wasm, what.preprocessing);
      decoders.set(photonet, opened);
      await opened;
      return [undefined];
    }
    case "prepare": {
      const prepared = await (await known(decoders, photonet)).prepare(what.photo, signal);
      return [prepared, prepared ? buffersOf(prepared) : []];
    }
    case "run": {
      const outcomes = await (await known(engines, photonet)).run(what.wanted, what.photos, signal);
      return [outcomes.map((outcome): PlainOutcome => ("error" in outcome ? { plain: toPlain(outcome.error) } : outcome))];
    }
    case "tensor":
      return [await (await known(engines, photonet)).tensor(what.photo, signal)];
    case "verify":
      return [await (await known(engines, photonet)).verify(signal)];
    case "module":
      return [await (await known(engines, photonet)).module()];
    default:
      return [undefined];
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
    decoders.delete(photonet);
    opened?.then(
      (engine) => engine.close(),
      () => undefined,
    );
    return;
  }
  const abort = new AbortController();
  aborts.set(key, abort);
  answer(data, abort.signal)
    // A compiled module is not cloned everywhere: posting fails then, which is an answer as well.
    .then(([value, transfer]) => scope.postMessage({ photonet, call, value }, transfer))
    .catch((error: unknown) => scope.postMessage({ photonet, call, error: toPlain(error) }))
    .finally(() => aborts.delete(key));
});
