import type { Classifier } from "photonet";
import type { Item } from "./items.js";
import { startWorker } from "./start-worker.js";
import type { ThumbReply, ThumbRequest } from "./workers/thumbs.js";
import workerAddress from "./workers/thumbs.ts?worker&url";

const SIDE = 240;
/** While photos are classified, pauses are so many times as long as drawing took, and so many milliseconds at most. */
const PAUSES = 4;
const LONGEST = 1000;

interface Waiting {
  item: Item;
  image: HTMLImageElement;
}

/**
 * Small pictures of the photos that come near the screen, each kept as a few kilobytes of JPEG. Only photos that were
 * classified are drawn, so none is larger than what the package decodes.
 */
export class Thumbs {
  readonly #classifier: () => Classifier | undefined;
  /** Whether answers are waited for, which need the same cores. */
  readonly #busy: () => boolean;
  readonly #images = new WeakMap<Element, Waiting>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #near = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "400px" });
  /** The pictures before are drawn. */
  #last: Promise<void> = Promise.resolve();
  /** Somebody waits for all of them. */
  #urgent = false;
  #worker: Promise<Worker> | undefined;

  constructor(classifier: () => Classifier | undefined, busy: () => boolean) {
    this.#classifier = classifier;
    this.#busy = busy;
  }

  /** Draws the photo into `image` as soon as it is near the screen. */
  show(item: Item, image: HTMLImageElement): void {
    if (image.src) return;
    this.#images.set(image, { item, image });
    this.#near.observe(image);
  }

  /** Draws the pictures that are not there yet, wherever they are, and waits for them, at most some 20 seconds: for paper. */
  async all(images: readonly HTMLImageElement[]): Promise<void> {
    this.#urgent = true;
    for (const image of images) this.#draw(image);
    for (let turn = 0; turn < 400 && this.#waiting.size > 0; turn++) await pause(50);
    this.#urgent = false;
    await Promise.all(images.map((image) => image.src && image.decode().catch(() => undefined)));
  }

  drop(item: Item, image: HTMLImageElement): void {
    this.#near.unobserve(image);
    this.#waiting.delete(item.id);
    if (image.src) URL.revokeObjectURL(image.src);
  }

  #seen(entries: IntersectionObserverEntry[]): void {
    for (const { isIntersecting, target } of entries) if (isIntersecting) this.#draw(target);
  }

  #draw(image: Element): void {
    const waiting = this.#images.get(image);
    if (!waiting) return;
    this.#images.delete(image);
    this.#near.unobserve(image);
    this.#waiting.set(waiting.item.id, waiting);
    this.#last = this.#last.then(() => this.#place(waiting));
  }

  async #place(waiting: Waiting): Promise<void> {
    const { item, image } = waiting;
    const dropped = (): boolean => this.#waiting.get(item.id) !== waiting;
    if (dropped()) return;
    const started = performance.now();
    try {
      const thumb = await this.#ask({ photo: item.photo, side: SIDE });
      if (dropped()) return;
      if (thumb) place(image, thumb);
      else await this.#asTheNetworkSees(waiting);
    } catch {
      // Without pictures the page works as well.
    }
    if (!dropped()) this.#waiting.delete(item.id);
    if (this.#busy() && !this.#urgent) await pause(Math.min(LONGEST, PAUSES * (performance.now() - started)));
  }

  async #ask(request: ThumbRequest): Promise<ThumbReply> {
    const worker = await (this.#worker ??= startWorker(workerAddress));
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(request);
    });
  }

  /** For files that the browser does not decode but the package does, such as TIFF. */
  async #asTheNetworkSees({ item, image }: Waiting): Promise<void> {
    const classifier = this.#classifier();
    if (!classifier) return;
    try {
      const rgb = await classifier.tensor(item.photo);
      const side = classifier.info.size;
      const pixels = new ImageData(side, side);
      for (let i = 0; i < side * side; i++) {
        pixels.data.set([rgb[3 * i] ?? 0, rgb[3 * i + 1] ?? 0, rgb[3 * i + 2] ?? 0, 255], 4 * i);
      }
      const canvas = new OffscreenCanvas(side, side);
      canvas.getContext("2d")?.putImageData(pixels, 0, 0);
      if (image.isConnected) place(image, await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }));
    } catch {
      // The empty frame stays.
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function place(image: HTMLImageElement, picture: Blob): void {
  image.src = URL.createObjectURL(picture);
  image.hidden = false;
}
