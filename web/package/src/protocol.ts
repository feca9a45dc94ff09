import type { OpenOptions, PhotoInput } from "./engine.js";
import type { PlainError } from "./errors.js";
import type { Progress } from "./types.js";

/** From the page to the worker. `photonet` numbers the classifier, `call` the call. */
export interface Call {
  photonet: number;
  call: number;
  what:
    | { op: "open"; options: OpenOptions }
    | { op: "run"; wanted: "logits" | "features"; photos: PhotoInput[] }
    | { op: "tensor"; photo: PhotoInput }
    | { op: "verify" }
    | { op: "abort" }
    | { op: "close" };
}

/** From the worker to the page. */
export type Reply =
  | { photonet: number; progress: Progress }
  | { photonet: number; notice: string }
  | { photonet: number; call: number; value: unknown }
  | { photonet: number; call: number; error: PlainError };
