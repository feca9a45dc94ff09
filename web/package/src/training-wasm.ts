import init from "./photonet_trainer.js";
import { Wasm } from "./starter.js";

/** The wasm that trains. */
export const trainerWasm = new Wasm("photonet_trainer_bg.wasm", init, () => new URL("./photonet_trainer_bg.wasm", import.meta.url));
