/** The element of the page's own HTML with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

type Child = Node | string;

/** A new element with a class and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** For texts of others, names and labels: they run in their own direction and leave what stands beside them in place. */
export function bidi<T extends HTMLElement>(element: T): T {
  element.dir = "auto";
  return element;
}

/** Term and description, for the facts of models and photos. */
export function facts(list: HTMLDListElement, entries: readonly (readonly [string, string])[]): void {
  list.replaceChildren(
    ...entries.map(([term, description]) => el("div", "", el("dt", "", term), el("dd", "", description))),
  );
}

/** Calls at most once in a while, and never waits for a frame: a hidden tab has none. */
export function throttled(milliseconds: number, action: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      action();
    }, milliseconds);
  };
}
