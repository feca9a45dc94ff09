import type { EncodedFile, PhotoInput, Prepared } from "./engine.js";
import { ImageError, isAbort, textOf } from "./errors.js";
import { Link, PATIENCE, type Script } from "./link.js";
import { fromHere } from "./remote.js";
import { affordableDecoders } from "./spawn.js";
import type { LoadOptions, WasmSource } from "./types.js";

/** Photos of one worker: the one that it decodes, and the next, whose file it reads meanwhile. */
const DEPTH = 2;
/** After so many idle milliseconds they are ended, which alone gives their memory back. */
const REST = 20_000;

/** A photo that waits for a decoder, or is with one. */
export interface Job {
  photo: EncodedFile;
  signal: AbortSignal;
  /** The photo prepared, or itself where no decoder could, or why it is none. */
  done: Promise<PhotoInput | Error>;
  settle(outcome: PhotoInput | Error): void;
}

/** A worker that decodes. */
interface Hand {
  worker: Worker | MessagePort;
  link: Link;
  jobs: number;
}

/** Whose photos are prepared. */
export interface Customer {
  /** How, in the words of the workers' script; nothing where only the customer can tell. */
  preprocessing: string | undefined;
  /** The compiled wasm, for the workers; rejects where it cannot be handed on. */
  module(): Promise<WebAssembly.Module>;
}

/** The workers that decode photos for one customer, as far as they are wanted, can be started, and live. */
export class Decoders {
  readonly #start: (() => Worker | Promise<Worker>) | undefined;
  readonly #wasm: WasmSource | undefined;
  readonly #script: Script;
  readonly #onNotice: (message: string) => void;
  #customer: Customer | undefined;
  /** How many there are to be: less by those that failed. */
  #wanted: number;
  /** Those that were given, until they are opened. */
  #given: Hand[] = [];
  #hands: Hand[] = [];
  #waiting: Job[] = [];
  /** Those that are with a worker. */
  readonly #handed = new Set<Job>();
  /** Another one for each start; nothing while none are started. */
  #round: object | undefined;
  #users = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(source: LoadOptions["decoders"], script: Script, wasm: WasmSource | undefined, onNotice: (message: string) => void) {
    this.#script = script;
    this.#wasm = wasm;
    this.#onNotice = onNotice;
    if (typeof source === "function") this.#start = source;
    // Listened to from here on: their scripts may fail before the first photo.
    else if (source) this.#given = Array.from(source, (worker) => this.#hand(worker));
    this.#wanted = !this.#start ? this.#given.length : mayStart() ? affordableDecoders() : 0;
  }

  /** Says whose photos they prepare. */
  for(customer: Customer): this {
    this.#customer = customer;
    if (customer.preprocessing === undefined) this.#wanted = 0;
    return this;
  }

  #hand(worker: Worker | MessagePort): Hand {
    return { worker, link: new Link(worker, "a decoding worker", this.#script, { onProgress: () => undefined, onNotice: this.#onNotice }), jobs: 0 };
  }

  /** Photos that may be with decoders, or wait for one; 0 where there are none. */
  get room(): number {
    return DEPTH * this.#wanted;
  }

  /** Somebody has photos. */
  begin(): void {
    this.#users++;
    clearTimeout(this.#rest);
  }

  /** They have their answers, or want none any more. */
  end(): void {
    this.#users--;
    this.#waiting = this.#waiting.filter(({ signal }) => !signal.aborted);
    if (this.#users === 0 && this.#round && this.#start) this.#rest = setTimeout(() => this.#stop(), REST);
  }

  /** Starts them, where that was not done yet. */
  start(): void {
    if (this.#round || this.#wanted === 0 || !this.#customer) return;
    const round = (this.#round = {});
    // So that nobody fetches and compiles it again.
    const module = this.#customer.module().catch(() => undefined);
    const make = this.#start;
    const hands = make ? Array.from({ length: this.#wanted }, async () => this.#hand(await make())) : this.#given.splice(0);
    for (const hand of hands) void this.#open(hand, module, round);
  }

  async #open(coming: Hand | Promise<Hand>, compiled: Promise<WebAssembly.Module | undefined>, round: object): Promise<void> {
    let hand: Hand | undefined;
    try {
      hand = await coming;
      const module = await compiled;
      if (round === this.#round) await this.#prime(hand.link, module);
      if (round !== this.#round) return this.#discard(hand);
      this.#hands.push(hand);
      this.#next();
    } catch (error) {
      if (hand) this.#discard(hand);
      if (round === this.#round) this.#lost(error);
    }
  }

  async #prime(link: Link, module: WebAssembly.Module | undefined): Promise<void> {
    const preprocessing = this.#customer?.preprocessing ?? "";
    try {
      await link.open({ op: "openDecoder", wasm: module ?? fromHere(this.#wasm), preprocessing }, undefined);
    } catch (error) {
      // Not every browser hands compiled wasm on.
      if (!module || (error as Error).name !== "DataCloneError") throw error;
      await this.#prime(link, undefined);
    }
  }

  /** Takes a photo, where there are decoders. Its buffer is copied, so that it is still here where they fail. */
  add(photo: EncodedFile, signal: AbortSignal): Job | undefined {
    if (this.#wanted === 0) return undefined;
    const job = { photo, signal } as Job;
    job.done = new Promise((settle) => {
      job.settle = settle;
    });
    this.#waiting.push(job);
    this.#next();
    return job;
  }

  /** Gives a photo back as it came, unless a decoder has it. */
  giveBack(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    job.settle(job.photo);
  }

  #next(): void {
    for (;;) {
      const [hand] = this.#hands.sort((a, b) => a.jobs - b.jobs);
      if (!hand || hand.jobs >= DEPTH) return;
      const job = this.#waiting.shift();
      if (!job) return;
      void this.#give(hand, job);
    }
  }

  async #give(hand: Hand, job: Job): Promise<void> {
    const { link } = hand;
    const silence = setTimeout(() => link.fail("it does not answer"), PATIENCE[1]);
    hand.jobs++;
    this.#handed.add(job);
    try {
      if (link.failed) throw link.failed;
      const prepared = (await link.call({ op: "prepare", photo: job.photo }, job.signal)) as Prepared | undefined;
      job.settle(prepared ?? job.photo);
    } catch (error) {
      if (error instanceof ImageError || isAbort(error)) job.settle(error as Error);
      else {
        this.#waiting.unshift(job);
        this.#lose(hand, error);
      }
    } finally {
      clearTimeout(silence);
      this.#handed.delete(job);
      hand.jobs--;
      this.#next();
    }
  }

  #lose(hand: Hand, error: unknown): void {
    const at = this.#hands.indexOf(hand);
    if (at < 0) return this.#customerTakes();
    this.#hands.splice(at, 1);
    this.#discard(hand);
    this.#lost(error);
  }

  #lost(error: unknown): void {
    this.#wanted--;
    this.#onNotice(`${textOf(error)} Photos are decoded without it.`);
    this.#customerTakes();
  }

  /** What waits, where no decoder is left, or none is there yet. */
  #customerTakes(): void {
    if (this.#hands.length === 0) for (const job of this.#waiting.splice(0)) job.settle(job.photo);
  }

  #discard({ worker, link }: Hand): void {
    link.close();
    if (this.#start) (worker as Worker).terminate();
  }

  #stop(): void {
    this.#round = undefined;
    for (const hand of this.#hands.splice(0)) this.#discard(hand);
    // Nobody answers for them any more.
    for (const job of this.#handed) job.settle(job.photo);
    this.#customerTakes();
  }

  /** Lets the workers go, and ends those that were started here. */
  close(): void {
    clearTimeout(this.#rest);
    this.#wanted = 0;
    for (const hand of this.#given.splice(0)) this.#discard(hand);
    this.#stop();
  }
}

/**
 * Whether `new Worker` is to be called here. Firefox (seen with 153) stops for good in it now and then where a worker calls it: it
 * waits there for the page's thread, whose notice may wake the new worker in its place.
 */
function mayStart(): boolean {
  return "document" in globalThis || !(globalThis.navigator?.userAgent ?? "").includes("Firefox");
}
