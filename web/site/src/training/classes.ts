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

/** The classes that folders give, and the photos that lie in none. */
export interface ByFolder {
  classes: Map<string, Given[]>;
  outside: number;
}

/**
 * Several folders are a class each. One alone is a folder of classes where it has folders with photos, as `photonet train` takes
 * it: what lies directly in it belongs to none; otherwise it is a class.
 */
export function byFolder(photos: readonly Given[]): ByFolder {
  const parts = photos.map((photo) => ({ photo, path: photo.name.split("/") }));
  const tops = new Set(parts.map(({ path }) => path[0]));
  const level = tops.size === 1 && parts.some(({ path }) => path.length > 2) ? 1 : 0;
  const classes = new Map<string, Given[]>();
  let outside = 0;
  for (const { photo, path } of parts) {
    const label = path.length > level + 1 ? path[level] : undefined;
    if (!label) {
      outside += 1;
      continue;
    }
    const known = classes.get(label);
    if (known) known.push(photo);
    else classes.set(label, [photo]);
  }
  return { classes, outside };
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
    const card = new ClassCard(name || this.#free(), this.#hooks, (gone) => this.#remove(gone));
    this.#cards.push(card);
    this.#list.append(card.element);
    this.#hooks.onChange();
    return card;
  }

  /** A name that no class has. */
  #free(): string {
    for (let number = 1; ; number++) {
      const name = `Class ${number}`;
      if (!this.#cards.some((card) => card.name === name)) return name;
    }
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
