import { el } from "../dom.js";
import { plural } from "../format.js";
import type { Given } from "../intake.js";
import { announce } from "../notices.js";
import { startWorker } from "../start-worker.js";
import type { ThumbReply } from "../workers/thumbs.js";
import thumbsAddress from "../workers/thumbs.ts?worker&url";

/** Pictures at first, and how many more at a time. */
const FIRST = 8;
const MORE = 96;
const SIDE = 96;

let worker: Promise<Worker> | undefined;
let last: Promise<void> = Promise.resolve();

/** Draws small pictures one after another. */
export function drawThumb(photo: Blob, image: HTMLImageElement): void {
  last = last.then(async () => {
    // It may have been taken out meanwhile.
    if (!image.isConnected) return;
    try {
      const drawing = await (worker ??= startWorker(thumbsAddress));
      const thumb = await new Promise<ThumbReply>((resolve, reject) => {
        drawing.onmessage = ({ data }) => resolve(data);
        drawing.onerror = reject;
        drawing.postMessage({ photo, side: SIDE });
      });
      if (!thumb || !image.isConnected) return;
      image.onload = () => URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(thumb);
    } catch {
      // Without pictures the page works as well.
    }
  });
}

/** The pictures of a class, each with a button that takes the photo out. */
export class Strip {
  readonly element: HTMLElement;
  readonly #tiles = el("ul", "strip");
  readonly #more = Object.assign(el("button", "button small"), { type: "button" });
  readonly #photos: readonly Given[];
  readonly #shown = new Map<Given, HTMLLIElement>();
  readonly #takeOut: (photo: Given) => void;
  #wanted = FIRST;

  /** Shows the first of `photos`; `takeOut` takes one out of them, and has the strip shown again. */
  constructor(photos: readonly Given[], takeOut: (photo: Given) => void) {
    this.#photos = photos;
    this.#takeOut = takeOut;
    this.#more.addEventListener("click", () => this.#showMore());
    this.element = el("div", "strip-part", this.#tiles, this.#more);
    this.show();
  }

  /** Brings what is shown in line with the photos. */
  show(): void {
    const present = new Set(this.#photos);
    for (const [photo, tile] of this.#shown) {
      if (present.has(photo)) continue;
      tile.remove();
      this.#shown.delete(photo);
    }
    for (const photo of this.#photos.slice(0, this.#wanted)) {
      if (this.#shown.has(photo)) continue;
      const tile = this.#tile(photo);
      this.#shown.set(photo, tile);
      this.#tiles.append(tile);
      const image = tile.querySelector("img");
      if (image) drawThumb(photo.file, image);
    }
    const left = this.#photos.length - this.#shown.size;
    this.#more.hidden = left === 0;
    this.#more.textContent = left > MORE ? `Show ${MORE} of ${plural(left, "more photo")}` : `Show ${plural(left, "more photo")}`;
  }

  #showMore(): void {
    const next = this.#shown.size;
    this.#wanted += MORE;
    this.show();
    // The button that was pressed may be gone.
    this.#button(next)?.focus();
  }

  #tile(photo: Given): HTMLLIElement {
    const name = photo.name.split("/").at(-1) ?? photo.name;
    const image = Object.assign(el("img"), { alt: "", width: SIDE, height: SIDE, title: name });
    const out = Object.assign(el("button", "remove", "×"), { type: "button", title: "Take it out" });
    out.setAttribute("aria-label", `Take out ${name}`);
    out.addEventListener("click", () => this.#unwanted(photo, name));
    return el("li", "", image, out);
  }

  #unwanted(photo: Given, name: string): void {
    const place = this.#photos.indexOf(photo);
    this.#takeOut(photo);
    (this.#button(Math.min(place, this.#photos.length - 1)) ?? this.element.closest("li")?.querySelector("input"))?.focus();
    announce(`${name} is taken out`);
  }

  #button(place: number): HTMLElement | null | undefined {
    return this.#tiles.children[place]?.querySelector("button");
  }
}
