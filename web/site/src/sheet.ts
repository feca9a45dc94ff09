import { Card } from "./card.js";
import { bidi, byId, el, throttled } from "./dom.js";
import { plural } from "./format.js";
import { best, isUnsure, type Item, type State } from "./items.js";
import type { Thumbs } from "./thumbs.js";

type Order = "added" | "unsure" | "sure" | "class" | "name";

/** The results: one card a photo, what of them is shown, and in which order. */
export class Sheet {
  readonly #list = byId<HTMLOListElement>("list");
  readonly #filterText = byId<HTMLInputElement>("filter-text");
  readonly #filterClass = byId<HTMLSelectElement>("filter-class");
  readonly #filterUnsure = byId<HTMLInputElement>("filter-unsure");
  readonly #sort = byId<HTMLSelectElement>("sort");
  readonly #cards = new Map<number, Card>();
  readonly #thumbs: Thumbs;
  readonly #onRemove: (item: Item) => void;
  readonly #soon = throttled(120, () => this.#arrange());
  #threshold: number;
  #numbers = 0;

  constructor(thumbs: Thumbs, threshold: number, onRemove: (item: Item) => void) {
    this.#thumbs = thumbs;
    this.#threshold = threshold;
    this.#onRemove = onRemove;
    for (const control of [this.#filterText, this.#filterClass, this.#filterUnsure, this.#sort]) {
      control.addEventListener("input", () => this.#arrange());
    }
    byId("show-all").addEventListener("click", () => {
      this.#unfilter();
      // The button is gone now.
      byId("results").focus({ preventScroll: true });
    });
    this.#arrange();
  }

  get items(): Item[] {
    return Array.from(this.#cards.values(), ({ item }) => item);
  }

  get threshold(): number {
    return this.#threshold;
  }

  set threshold(value: number) {
    this.#threshold = value;
    for (const card of this.#cards.values()) card.judge(value);
    this.#soon();
  }

  add(items: readonly Item[]): void {
    const cards = items.map((item) => {
      const card = new Card(item, ++this.#numbers, () => this.remove(item));
      card.update(this.#threshold);
      this.#cards.set(item.id, card);
      return card.element;
    });
    this.#list.append(...cards);
    // At once, so that the sheet is there to be scrolled to.
    this.#arrange();
  }

  update(item: Item): void {
    const card = this.#cards.get(item.id);
    if (!card) return;
    card.update(this.#threshold);
    if (item.state === "done") this.#thumbs.show(item, card.image);
    this.#soon();
  }

  /** Has all pictures drawn, which otherwise wait until they come near the screen. */
  pictures(): Promise<void> {
    return this.#thumbs.all(Array.from(this.#cards.values(), ({ image }) => image));
  }

  remove(item: Item): void {
    const card = this.#cards.get(item.id);
    if (!card) return;
    const held = card.element.contains(document.activeElement);
    const next = neighbour(card.element);
    this.#forget(card);
    this.#onRemove(item);
    if (held) (next?.querySelector<HTMLElement>(".remove") ?? byId("results")).focus({ preventScroll: true });
    this.#arrange();
  }

  clear(): void {
    for (const card of [...this.#cards.values()]) {
      this.#forget(card);
      this.#onRemove(card.item);
    }
    this.#numbers = 0;
    this.#unfilter();
  }

  #unfilter(): void {
    this.#filterText.value = this.#filterClass.value = "";
    this.#filterUnsure.checked = false;
    this.#arrange();
  }

  #forget(card: Card): void {
    this.#thumbs.drop(card.item, card.image);
    card.element.remove();
    this.#cards.delete(card.item.id);
  }

  /** What is left after the filters, in their order. */
  get shown(): Item[] {
    return this.#ordered()
      .filter((card) => this.#passes(card.item))
      .map(({ item }) => item);
  }

  #passes(item: Item): boolean {
    const text = this.#filterText.value.trim().toLowerCase();
    const label = best(item)?.label;
    if (this.#filterUnsure.checked && !isUnsure(item, this.#threshold)) return false;
    if (this.#filterClass.value && label !== this.#filterClass.value.slice(1)) return false;
    return !text || item.name.toLowerCase().includes(text) || (label?.toLowerCase().includes(text) ?? false);
  }

  #ordered(): Card[] {
    const cards = [...this.#cards.values()];
    const order = this.#sort.value as Order;
    // Photos without an answer come last.
    const sure = ({ item }: Card): number => best(item)?.probability ?? -1;
    const unsure = ({ item }: Card): number => best(item)?.probability ?? 2;
    const label = ({ item }: Card): string => best(item)?.label ?? "\uffff";
    if (order === "sure") cards.sort((a, b) => sure(b) - sure(a));
    if (order === "unsure") cards.sort((a, b) => unsure(a) - unsure(b));
    if (order === "class") cards.sort((a, b) => label(a).localeCompare(label(b)) || sure(b) - sure(a));
    if (order === "name") cards.sort((a, b) => a.item.name.localeCompare(b.item.name, undefined, { numeric: true }));
    return cards;
  }

  #arrange(): void {
    const ordered = this.#ordered();
    this.#offerClasses(ordered);
    let hidden = 0;
    for (const { element, item } of ordered) {
      element.hidden = !this.#passes(item);
      if (element.hidden) hidden += 1;
    }
    // Moving an element closes what is open in it and loses the focus, so only when the order is another.
    const same = ordered.every((card, index) => this.#list.children[index] === card.element);
    if (!same) {
      const held = document.activeElement instanceof HTMLElement ? document.activeElement : undefined;
      this.#list.append(...ordered.map(({ element }) => element));
      if (held && this.#list.contains(held)) held.focus({ preventScroll: true });
    }
    this.#count(hidden);
  }

  #count(hidden: number): void {
    const items = this.items;
    const are = (state: State): number => items.filter((item) => item.state === state).length;
    const unsure = items.filter((item) => item.state === "done" && isUnsure(item, this.#threshold)).length;
    const counts = [
      [are("done") - unsure, "sure"],
      [unsure, "not sure"],
      [are("failed"), "failed"],
      [are("waiting"), "waiting"],
      [are("cancelled"), "cancelled"],
      [hidden, "hidden by the filter"],
    ] as const;
    const parts = [plural(items.length, "photo"), ...counts.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString("en")} ${what}`)];
    byId("show-all").hidden = hidden === 0;
    byId("count").textContent = items.length ? parts.join(" · ") : "";
    const empty = byId("empty");
    empty.hidden = items.length > hidden;
    empty.textContent = items.length
      ? "No photo passes the filter."
      : "Nothing here yet. Photos that you add appear on this sheet with their most probable classes.";
    byId("results").dataset.filled = String(items.length > 0);
    for (const id of ["save-csv", "save-json", "again", "clear"]) byId<HTMLButtonElement>(id).disabled = items.length === 0;
  }

  #offerClasses(cards: readonly Card[]): void {
    const counts = new Map<string, number>();
    for (const { item } of cards) {
      const label = best(item)?.label;
      if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const options = [...counts].sort(([a], [b]) => a.localeCompare(b));
    const key = JSON.stringify(options);
    if (this.#filterClass.dataset.key === key) return;
    this.#filterClass.dataset.key = key;
    const chosen = this.#filterClass.value;
    // A mark before the label keeps a class with an empty name apart from “all”.
    const entries = options.map(([label, count]) => option(`=${label}`, `${label} (${count})`));
    this.#filterClass.replaceChildren(option("", "all"), ...entries);
    if (counts.has(chosen.slice(1))) this.#filterClass.value = chosen;
  }
}

function option(value: string, text: string): HTMLOptionElement {
  const element = bidi(el("option", "", text));
  element.value = value;
  return element;
}

function neighbour(element: Element): Element | null {
  return element.nextElementSibling ?? element.previousElementSibling;
}
