import type { EncodedFile, OpenOptions, PhotoInput, RawResult } from "./engine.js";
import type { PlainError } from "./errors.js";
import type { Progress, WasmSource } from "./types.js";

/** From the page to the worker. `photonet` numbers what was opened, an engine or a decoder, `call` the call. */
export interface Call {
  photonet: number;
  call: number;
  what:
    | { op: "open"; options: OpenOptions }
    | { op: "run"; wanted: "logits" | "features"; photos: PhotoInput[] }
    | { op: "tensor"; photo: PhotoInput }
    | { op: "verify" }
    | { op: "module" }
    | { op: "openDecoder"; wasm: WasmSource | undefined; preprocessing: string }
    | { op: "prepare"; photo: EncodedFile }
    | { op: "abort" }
    | { op: "close" };
}

/** From the page to the worker, with a port: whoever has the other end of that makes the calls from then on. */
export const HANDED_ON = "photonet's other end";

/** What a call of `run` gives: errors lose their class on the way, so they are sent in parts. */
export type PlainOutcome = { result: RawResult } | { plain: PlainError };

/** From the worker to the page. `alive` answers whatever opens something at once. */
export type Reply =
  | { photonet: number; alive: true }
  | { photonet: number; progress: Progress }
  | { photonet: number; notice: string }
  | { photonet: number; call: number; value: unknown }
  | { photonet: number; call: number; error: PlainError };
