import type { Classification } from "photonet";
import { capital } from "./format.js";

/** What the page keeps of an answer. */
export type Answer = Omit<Classification, "logits">;

export type State = "waiting" | "done" | "failed" | "cancelled";

/** A photo that the visitor gave. Its file stays where it is; only a reference is held. */
export interface Item {
  readonly id: number;
  /** File name, with its folder where one was dropped. */
  readonly name: string;
  readonly photo: Blob;
  state: State;
  answer?: Answer;
  error?: string;
}

/** What computes, as visitors read it. */
export const backendNames = { webgpu: "WebGPU", cpu: "CPU" } as const;

let last = 0;

export function newItem(photo: Blob, name: string): Item {
  return { id: ++last, name, photo, state: "waiting" };
}

/** Why a photo has no answer, without its name, which stands beside it wherever this is shown. */
export function reason({ error = "", name, photo }: Item): string {
  const called = `${photo instanceof File ? photo.name : name}: `;
  return capital(error.startsWith(called) ? error.slice(called.length) : error);
}

/** The most probable class, or nothing where the photo has no answer. */
export function best(item: Item): { label: string; probability: number } | undefined {
  return item.answer?.top[0];
}

export function isUnsure(item: Item, threshold: number): boolean {
  const top = best(item);
  return top !== undefined && top.probability < threshold;
}
