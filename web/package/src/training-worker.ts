/**
 * A worker that decodes photos for a training: `new Worker(new URL("photonet/training-worker", import.meta.url), { type: "module" })`,
 * or a module of your own that begins with `import "photonet/training-worker"`, given to `Trainer.open` among its `decoders`.
 */
import { Decoder } from "./decoder.js";
import { Intake, Photo } from "./photonet_trainer.js";
import { Decoding, serve } from "./serve.js";
import { trainerWasm } from "./training-wasm.js";

const decoding = new Decoding(async (wasm, preprocessing) => {
  await trainerWasm.start(wasm);
  const intake = Intake.read(preprocessing);
  return new Decoder(Photo, (photo) => intake.keep(photo));
});

serve(
  (call, signal) => decoding.answer(call, signal),
  (photonet) => decoding.close(photonet),
);
