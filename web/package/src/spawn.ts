import { HANDED_ON } from "./protocol.js";
import type { Instance } from "./platform.js";

/** Workers that decode at most; each takes the memory of the largest photo that it had. */
const MOST = 4;

/**
 * A worker from the address of `photonet/worker` on any server, such as a CDN: browsers refuse to start a worker from
 * another origin, but let one import from it.
 */
export function workerFrom(url: string | Instance<"URL">): Instance<"Worker"> {
  const script = `import ${JSON.stringify(String(url))};`;
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    return new Worker(address, { type: "module" });
  } finally {
    // The worker has its own reference as soon as it is made.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

/**
 * A port to a worker that runs a script of this package, to be handed to another worker, which has it for one of its `decoders`:
 * calls come through the port from then on.
 */
export function portTo(worker: Instance<"Worker">): Instance<"MessagePort"> {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage(HANDED_ON, [port2]);
  return port1;
}

/**
 * How many workers to decode with: as many as there are cores, but for the page's own where there are more than two, and as memory
 * allows; not every browser tells. None with one core.
 */
export function affordableDecoders(): number {
  const { hardwareConcurrency = 1, deviceMemory = 6 } = (globalThis.navigator ?? {}) as { hardwareConcurrency?: number; deviceMemory?: number };
  if (hardwareConcurrency < 2) return 0;
  return Math.min(MOST, Math.max(2, hardwareConcurrency - 1), Math.floor(deviceMemory / 2));
}
