/** The same package in Node: models and photos may be paths, and the CPU computes. */
// @ts-ignore Node's types are no dependency of a package for browsers.
import { readFile } from "node:fs/promises";
// @ts-ignore As above.
import { fileURLToPath } from "node:url";
import { readFilesWith } from "./address.js";
import { hints } from "./hints.js";
import { classifierWasm } from "./wasm.js";

/** Apart from the `new URL` below, in which bundlers look for it. */
const here = import.meta.url;

classifierWasm.findWith(() => {
  const url = new URL("./photonet_wasm_bg.wasm", import.meta.url);
  // webpack for Next.js's servers puts the address of browsers' copy in its place, which is no file: the package's own is
  // where it was when the bundle was made. As a path, since frameworks have URLs of their own that `readFile` does not take.
  return readFile(fileURLToPath(url.protocol === "file:" ? url.href : new URL("photonet_wasm_bg.wasm", here).href));
});

Object.assign(hints, {
  address: "give a path or a URL",
  unreachable: "Is the network there, and is the address right?",
  deployed: "is the address right?",
  unreadable: "Is the path right? It is meant from the folder in which Node was started.",
  noGpu: "Node has none",
});

readFilesWith((address) => {
  if (/^(https?|data|blob):/i.test(address)) return undefined;
  return readFile(/^file:/i.test(address) ? fileURLToPath(address) : address);
});

export * from "./index.js";
