import { byId, el } from "./dom.js";
import { capital } from "./format.js";

const SHOWN = 6;

/** Shows a message that stays until it is dismissed; the same one twice is shown once. */
export function notice(message: string, kind: "info" | "problem" = "info"): void {
  const text = capital(message);
  const list = byId<HTMLUListElement>("notices");
  for (const old of list.children) if ((old as HTMLElement).dataset.text === text) old.remove();
  const close = el("button", "close", "×");
  close.type = "button";
  close.setAttribute("aria-label", `Dismiss: ${text}`);
  const item = el("li", kind, el("span", "", text), close);
  item.dataset.text = text;
  close.addEventListener("click", () => {
    const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button");
    item.remove();
    // Whoever works by keyboard goes on from here, not from the top of the page.
    (next ?? document.querySelector<HTMLElement>("#results, #result"))?.focus({ preventScroll: true });
  });
  list.append(item);
  while (list.children.length > SHOWN) list.firstElementChild?.remove();
}

let pending: ReturnType<typeof setTimeout> | undefined;

/** Tells a screen reader, at its leisure; the last message in a quick row wins. */
export function announce(text: string): void {
  clearTimeout(pending);
  pending = setTimeout(() => {
    byId("announcer").textContent = text;
  }, 150);
}
