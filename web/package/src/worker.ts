/**
 * The worker's side: `new Worker(new URL("photonet/worker", import.meta.url), { type: "module" })`, or a module of your
 * own that begins with `import "photonet/worker"`, given to `Classifier.load` as `worker`.
 */
import { Decoder } from "./decoder.js";
import { toPlain } from "./errors.js";
import { LocalEngine } from "./local.js";
import { Photo } from "./photonet_wasm.js";
import type { Call, PlainOutcome } from "./protocol.js";
import { type Answer, Decoding, known, post, serve } from "./serve.js";
import { classifierWasm } from "./wasm.js";

const engines = new Map<number, Promise<LocalEngine>>();
const decoding = new Decoding(async (wasm, preprocessing) => {
  await classifierWasm.start(wasm);
  return new Decoder(Photo, (photo) => photo.tensor(preprocessing));
});

async function answer(call: Call, signal: AbortSignal): Promise<Answer> {
  const { photonet, what } = call;
  switch (what.op) {
    case "open": {
      post({ photonet, alive: true });
      const opened = LocalEngine.open(what.options, {
        onProgress: (progress) => post({ photonet, progress }),
        onNotice: (notice) => post({ photonet, notice }),
        signal,
      });
      engines.set(photonet, opened);
      return [(await opened).loaded];
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
      return decoding.answer(call, signal);
  }
}

serve(answer, (photonet) => {
  const opened = engines.get(photonet);
  engines.delete(photonet);
  decoding.close(photonet);
  opened?.then(
    (engine) => engine.close(),
    () => undefined,
  );
});
