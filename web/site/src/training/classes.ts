import { bidi, byId, el } from "../dom.js";
import { plural } from "../format.js";
import type { Given } from "../intake.js";
import { Strip } from "./strip.js";

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

/** One class on the page. */
export class ClassCard implements TrainingClass {
  readonly element: HTMLLIElement;
  readonly photos: Given[] = [];
  readonly #name: HTMLInputElement;
  readonly #count = el("p", "count");
  readonly #strip: Strip;
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
    this.#strip = new Strip(this.photos, (photo) => this.takeOut(photo));
    this.element = el("li", "class-card", head, this.#count, this.#strip.element, el("div", "row wrap", pick, pickLabel, camera));
    this.#count.textContent = plural(0, "photo");
  }

  get name(): string {
    return this.#name.value.trim();
  }

  focus(): void {
    this.#name.focus();
    this.#name.select();
  }

  add(photos: readonly Given[]): void {
    for (const photo of photos) this.photos.push(photo);
    this.#changed();
  }

  takeOut(photo: Given): void {
    this.photos.splice(this.photos.indexOf(photo), 1);
    this.#changed();
  }

  #changed(): void {
    this.#strip.show();
    this.#count.textContent = plural(this.photos.length, "photo");
    this.#hooks.onChange();
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

  /** Moves a photo to the class called `to`, or takes it out where none is named; says whether it was there, and the class too. */
  correct(file: Blob, to?: string): boolean {
    const target = this.#cards.find(({ name }) => name === to);
    if (to !== undefined && !target) return false;
    for (const card of this.#cards) {
      const photo = card.photos.find((given) => given.file === file);
      if (!photo) continue;
      card.takeOut(photo);
      target?.add([photo]);
      return true;
    }
    return false;
  }

  #remove(card: ClassCard): void {
    card.element.remove();
    this.#cards = this.#cards.filter((other) => other !== card);
    this.#hooks.onChange();
    byId("add-class").focus({ preventScroll: true });
  }
}
