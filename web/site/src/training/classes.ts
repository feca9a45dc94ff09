import { bidi, byId, el } from "../dom.js";
import { plural } from "../format.js";
import type { Given } from "../intake.js";
import { startWorker } from "../start-worker.js";
import type { ThumbReply } from "../workers/thumbs.js";
import thumbsAddress from "../workers/thumbs.ts?worker&url";

const SHOWN = 8;
const SIDE = 96;

export interface TrainingClass {
  name: string;
  photos: Given[];
}

/** Where the folders of a drop say which class a photo has: in the folder that was dropped, or in the one below it. */
export function byFolder(photos: readonly Given[]): Map<string, Given[]> {
  const direct = new Set<string>();
  for (const { name } of photos) {
    const [top, ...below] = name.split("/");
    if (top !== undefined && below.length === 1) direct.add(top);
  }
  const classes = new Map<string, Given[]>();
  for (const photo of photos) {
    const [top = "", second = ""] = photo.name.split("/");
    const label = direct.has(top) ? top : second;
    classes.set(label, [...(classes.get(label) ?? []), photo]);
  }
  return classes;
}

export interface ClassListHooks {
  onChange(): void;
  /** The camera is wanted for this class. */
  onCamera(card: ClassCard): void;
  onFiles(card: ClassCard, input: HTMLInputElement): void;
}

let numbers = 0;
let worker: Promise<Worker> | undefined;
let last: Promise<void> = Promise.resolve();

/** Draws small pictures one after another. */
export function drawThumb(photo: Blob, image: HTMLImageElement): void {
  last = last.then(async () => {
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

/** One class on the page. */
export class ClassCard implements TrainingClass {
  readonly element: HTMLLIElement;
  readonly photos: Given[] = [];
  readonly #name: HTMLInputElement;
  readonly #count = el("p", "count");
  readonly #strip = el("div", "strip");
  readonly #hooks: ClassListHooks;

  constructor(name: string, hooks: ClassListHooks, remove: (card: ClassCard) => void) {
    this.#hooks = hooks;
    const id = `class-${++numbers}`;
    this.#name = Object.assign(el("input"), { id, type: "text", value: name, autocomplete: "off" });
    bidi(this.#name).addEventListener("input", () => hooks.onChange());
    const label = Object.assign(el("label", "", "Name"), { htmlFor: id });
    const pick = Object.assign(el("input", "file"), { id: `${id}-pick`, type: "file", multiple: true, accept: "image/*,.tif,.tiff,.jfif" });
    pick.addEventListener("change", () => hooks.onFiles(this, pick));
    const pickLabel = Object.assign(el("label", "button small", "Add photos"), { htmlFor: pick.id });
    const camera = Object.assign(el("button", "button small", "Camera"), { type: "button" });
    camera.addEventListener("click", () => hooks.onCamera(this));
    const close = Object.assign(el("button", "remove", "×"), { type: "button" });
    close.addEventListener("click", () => remove(this));
    const named = (): void => {
      const said = this.name || "this class";
      close.setAttribute("aria-label", `Remove the class ${said}`);
      pick.setAttribute("aria-label", `Add photos to ${said}`);
      camera.setAttribute("aria-label", `Take photos of ${said}`);
    };
    this.#name.addEventListener("input", named);
    named();
    const head = el("div", "row", el("div", "field", label, this.#name), close);
    this.element = el("li", "class-card", head, this.#count, this.#strip, el("div", "row wrap", pick, pickLabel, camera));
    this.#show();
  }

  get name(): string {
    return this.#name.value.trim();
  }

  focus(): void {
    this.#name.focus();
    this.#name.select();
  }

  add(photos: readonly Given[]): void {
    for (const photo of photos) {
      this.photos.push(photo);
      if (this.#strip.childElementCount < SHOWN) {
        const image = Object.assign(el("img"), { alt: "", width: SIDE, height: SIDE });
        this.#strip.append(image);
        drawThumb(photo.file, image);
      }
    }
    this.#show();
    this.#hooks.onChange();
  }

  #show(): void {
    const more = this.photos.length - this.#strip.childElementCount;
    this.#count.textContent = plural(this.photos.length, "photo") + (more > 0 ? `, ${SHOWN} shown` : "");
  }
}

/** The classes on the page. */
export class ClassList {
  readonly #list = byId("classes");
  readonly #hooks: ClassListHooks;
  #cards: ClassCard[] = [];

  constructor(hooks: ClassListHooks) {
    this.#hooks = hooks;
  }

  get all(): readonly ClassCard[] {
    return this.#cards;
  }

  get photos(): number {
    return this.#cards.reduce((sum, { photos }) => sum + photos.length, 0);
  }

  /** The class that an element belongs to. */
  at(element: EventTarget | null): ClassCard | undefined {
    return this.#cards.find((card) => element instanceof Node && card.element.contains(element));
  }

  add(name = ""): ClassCard {
    const card = new ClassCard(name || `Class ${this.#cards.length + 1}`, this.#hooks, (gone) => this.#remove(gone));
    this.#cards.push(card);
    this.#list.append(card.element);
    this.#hooks.onChange();
    return card;
  }

  /** Adds photos to the classes of these names; a class that has no photos yet gives its place. */
  addNamed(classes: Map<string, Given[]>): void {
    for (const [name, photos] of classes) {
      const card = this.#cards.find((known) => known.name === name) ?? this.add(name);
      card.add(photos);
    }
    for (const card of this.#cards.filter(({ photos, name }) => photos.length === 0 && /^Class \d+$/.test(name))) this.#remove(card);
  }

  #remove(card: ClassCard): void {
    card.element.remove();
    this.#cards = this.#cards.filter((other) => other !== card);
    this.#hooks.onChange();
    byId("add-class").focus({ preventScroll: true });
  }
}
