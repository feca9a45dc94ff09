import init from "./photonet_wasm.js";
import { Wasm } from "./starter.js";

/** The wasm that classifies. */
export const classifierWasm = new Wasm("photonet_wasm_bg.wasm", init, () => new URL("./photonet_wasm_bg.wasm", import.meta.url));
