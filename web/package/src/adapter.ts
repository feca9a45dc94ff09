import { DeviceError, textOf } from "./errors.js";
import { hints } from "./hints.js";
import type { Backend } from "./types.js";

export interface Choice {
  backend: Backend;
  /** Why it is not WebGPU although that was possible to ask for. */
  notice?: string;
  /** Whether the CPU may take over when the device fails. */
  mayFallBack: boolean;
}

/** The parts of the WebGPU API that choosing needs; not every TypeScript knows it. */
interface Gpu {
  requestAdapter(): Promise<{ info?: AdapterInfo } | null>;
}

interface AdapterInfo {
  vendor?: string;
  architecture?: string;
  description?: string;
  isFallbackAdapter?: boolean;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

/** WebGPU, where the browser has it. */
export function gpuHere(): Gpu | undefined {
  return (globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu;
}

/** What the browser tells of its GPU, which may be nothing. */
export async function adapterName(): Promise<string> {
  const adapter = await gpuHere()?.requestAdapter().catch(() => null);
  const { description, vendor, architecture } = adapter?.info ?? {};
  return description || [vendor, architecture].filter(Boolean).join(" ");
}

/** WebGPU on a real GPU, the CPU everywhere else: a software adapter is several times slower than the CPU path. */
export async function chooseBackend(wanted: "auto" | Backend): Promise<Choice> {
  const gpu = gpuHere();
  const none = `there is no WebGPU here: ${hints.noGpu}`;
  if (wanted === "webgpu" && !gpu) throw new DeviceError(`${none}. Take the backend "auto" or "cpu"`);
  // Wakes the browser's GPU process, which takes its time the first time; the engine asks for itself.
  if (wanted === "webgpu") gpu?.requestAdapter().catch(() => undefined);
  if (wanted !== "auto") return { backend: wanted, mayFallBack: false };
  const cpu = (notice: string): Choice => ({ backend: "cpu", notice: `using the CPU: ${notice}`, mayFallBack: false });
  if (!gpu) return cpu(none);
  let info: AdapterInfo | undefined;
  try {
    const adapter = await gpu.requestAdapter();
    if (!adapter) return cpu("WebGPU finds no adapter on this machine");
    info = adapter.info;
  } catch (error) {
    return cpu(`WebGPU failed (${textOf(error)})`);
  }
  const names = [info?.vendor, info?.architecture, info?.description].join(" ");
  if (info?.isFallbackAdapter || SOFTWARE.test(names)) return cpu("WebGPU has only a software adapter here");
  return { backend: "webgpu", mayFallBack: true };
}
