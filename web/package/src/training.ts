/**
 * Training in the browser: photos become a model, which never leave the device.
 *
 * ```ts
 * import { Trainer } from "photonet/training";
 * const trainer = await Trainer.open({ classes: ["glass", "paper"], from: "/imagenet.safetensors" });
 * for (const file of files) await trainer.add(file, "glass");
 * await trainer.train({ onStep: ({ epoch, loss }) => console.log(epoch, loss) });
 * const model = await trainer.model();
 * ```
 */
export { AbortError, DeviceError, ImageError, isAbort, ModelError, PhotonetError, TrainingError } from "./errors.js";
export { affordableDecoders, portTo } from "./spawn.js";
export { Trainer } from "./trainer.js";
export type * from "./training-types.js";
export type { ModelSource, PhotoSource, Precision, Progress, WasmSource } from "./types.js";
