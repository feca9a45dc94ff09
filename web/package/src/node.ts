/** The same package in Node: models and photos may be paths, and the CPU computes. */
// @ts-ignore Node's types are no dependency of a package for browsers.
import { readFile } from "node:fs/promises";
// @ts-ignore As above.
import { fileURLToPath } from "node:url";
import { readFilesWith } from "./address.js";
import { findWasmWith } from "./wasm.js";

findWasmWith(() => readFile(new URL("./photonet_wasm_bg.wasm", import.meta.url)));
readFilesWith((address) => {
  if (/^(https?|data|blob):/.test(address)) return undefined;
  return readFile(address.startsWith("file:") ? fileURLToPath(address) : address);
});

export * from "./index.js";
