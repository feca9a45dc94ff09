/**
 * Photonet: classify photos in the browser with a model trained by `photonet train`.
 *
 * ```ts
 * import { Classifier } from "photonet";
 * const classifier = await Classifier.load("/model.safetensors");
 * const { top } = await classifier.classify(file);
 * ```
 */
export { Classifier } from "./classifier.js";
export { AbortError, DeviceError, ImageError, isAbort, ModelError, PhotonetError } from "./errors.js";
export { affordableDecoders, portTo, workerFrom } from "./spawn.js";
export type * from "./types.js";
