import { bidi, el, facts } from "./dom.js";
import { bytes, milliseconds, percent } from "./format.js";
import { backendNames, best, isUnsure, type Item, reason } from "./items.js";
import { parts } from "./timings.js";

/** One photo on the sheet: its picture, its answer in bars, its timings. */
export class Card {
  readonly item: Item;
  readonly element: HTMLLIElement;
  readonly image = el("img");
  readonly #answer = el("p", "answer");
  readonly #bars = el("ul", "bars");
  readonly #more = el("details", "more");
  readonly #summary = el("summary", "", "Details");

  constructor(item: Item, number: number, onRemove: () => void) {
    this.item = item;
    // The name stands beside it.
    this.image.alt = "";
    this.image.hidden = true;
    this.image.draggable = false;
    const edge = el("span", "edge", String(number));
    edge.setAttribute("aria-hidden", "true");
    const remove = el("button", "remove", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${item.name}`);
    remove.addEventListener("click", onRemove);
    const name = bidi(el("p", "name", item.name));
    name.title = item.name;
    this.#bars.setAttribute("aria-label", "Most probable classes");
    this.#more.append(this.#summary);
    this.#more.addEventListener("toggle", () => this.#fillDetails());
    this.element = el(
      "li",
      "card",
      el("div", "frame", this.image, edge),
      el("div", "body", name, this.#answer, this.#bars, this.#more),
      remove,
    );
    this.element.dataset.id = String(item.id);
  }

  /** Shows the item as it is now. */
  update(threshold: number): void {
    const { item } = this;
    this.element.dataset.state = item.state;
    const { answer } = item;
    this.#bars.hidden = this.#more.hidden = !answer || item.state === "failed";
    if (item.state === "failed") {
      this.#answer.replaceChildren(el("strong", "", "Could not be classified"), el("span", "why", reason(item)));
    } else if (answer) {
      this.judge(threshold);
      this.#fillBars();
      this.#summary.textContent = `${milliseconds(answer.timings.total)} on ${backendNames[answer.backend]}`;
      this.#more.querySelector("dl")?.remove();
      this.#fillDetails();
    } else {
      this.#answer.replaceChildren(el("span", "", item.state === "cancelled" ? "Cancelled" : "Waiting"));
    }
  }

  /** Says whether the answer is sure enough. */
  judge(threshold: number): void {
    const top = best(this.item);
    if (!top || this.item.state !== "done") return;
    const unsure = isUnsure(this.item, threshold);
    this.element.dataset.unsure = String(unsure);
    const label = el("bdi", "", top.label);
    const [said, detail] = unsure ? ["Not sure", el("span", "", "perhaps ", label)] : [label, el("span", "", percent(top.probability))];
    this.#answer.replaceChildren(el("strong", "", said), " ", detail);
  }

  #fillBars(): void {
    this.#bars.replaceChildren(
      ...(this.item.answer?.top ?? []).map(({ label, probability }) => {
        const fill = el("span", "fill");
        fill.style.inlineSize = `${(probability * 100).toFixed(2)}%`;
        const bar = el("span", "bar", fill);
        bar.setAttribute("aria-hidden", "true");
        const name = bidi(el("span", "label", label));
        name.title = label;
        return el("li", "", name, bar, el("span", "value", percent(probability)));
      }),
    );
  }

  /** Only when they are looked at: hundreds of closed lists would cost more than the answers. */
  #fillDetails(): void {
    const { answer, photo } = this.item;
    if (!this.#more.open || !answer || this.#more.querySelector("dl")) return;
    const list = el("dl", "facts");
    facts(list, [
      ["Photo", `${answer.width} × ${answer.height}, ${bytes(photo.size)}`],
      ["Decoded by", answer.decodedBy === "photonet" ? "Photonet" : "the browser: pixels may differ slightly"],
      ...parts(answer.backend).map(([key, name]) => [name, milliseconds(answer.timings[key])] as const),
    ]);
    this.#more.append(list);
  }
}
