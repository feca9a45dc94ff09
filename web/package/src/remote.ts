import { absolute } from "./address.js";
import type { Engine, Hooks, Loaded, OpenOptions, PhotoInput, RawOutcome } from "./engine.js";
import { fromPlain } from "./errors.js";
import { buffersOf, Link } from "./link.js";
import type { PlainOutcome } from "./protocol.js";
import type { Verdict } from "./types.js";

/** The engine in a worker that runs `photonet/worker`. */
export class RemoteEngine implements Engine {
  readonly loaded: Loaded;
  readonly #link: Link;

  private constructor(link: Link, loaded: Loaded) {
    this.#link = link;
    this.loaded = loaded;
  }

  static async open(worker: Worker, options: OpenOptions, hooks: Hooks): Promise<RemoteEngine> {
    const link = new Link(worker, "the worker", "photonet/worker", hooks);
    const { source, wasm } = options;
    const open = { ...options, source: fromHere(source), wasm: fromHere(wasm) };
    try {
      return new RemoteEngine(link, (await link.open({ op: "open", options: open }, hooks.signal)) as Loaded);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async run(wanted: "logits" | "features", photos: PhotoInput[], signal: AbortSignal | undefined): Promise<RawOutcome[]> {
    const outcomes = (await this.#link.call({ op: "run", wanted, photos }, signal, photos.flatMap(buffersOf))) as PlainOutcome[];
    return outcomes.map((outcome) => {
      if ("plain" in outcome) return { error: fromPlain(outcome.plain) };
      this.loaded.backend = outcome.result.backend;
      return outcome;
    });
  }

  async tensor(photo: PhotoInput, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return (await this.#link.call({ op: "tensor", photo }, signal, buffersOf(photo))) as Uint8Array;
  }

  async verify(signal: AbortSignal | undefined): Promise<Verdict> {
    return (await this.#link.call({ op: "verify" }, signal)) as Verdict;
  }

  async module(): Promise<WebAssembly.Module> {
    return (await this.#link.call({ op: "module" }, undefined)) as WebAssembly.Module;
  }

  close(): void {
    this.#link.close();
  }
}

/** Addresses are meant from the page, and a worker may lie elsewhere. */
export function fromHere<T>(source: T): Exclude<T, URL> | string {
  if (source instanceof URL) return source.href;
  if (typeof source === "string") return absolute(source) ?? source;
  return source as Exclude<T, URL>;
}
