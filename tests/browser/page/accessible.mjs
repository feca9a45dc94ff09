// What makes a page hard to use for some; to be run in the page.

/** Controls without a name, ids that are there twice or not at all, lists and headings that are none. */
export function structureFaults() {
  const faults = [];
  const text = (node) => node?.textContent.trim() ?? "";
  const named = (ids) => (ids ?? "").split(" ").map((id) => text(document.getElementById(id))).join(" ").trim();
  for (const control of document.querySelectorAll("button, input, select, textarea, progress, video, summary, a, dialog")) {
    const name =
      control.getAttribute("aria-label") || named(control.getAttribute("aria-labelledby")) ||
      Array.from(control.labels ?? [], text).join(" ") || (control.matches("button, summary, a") ? text(control) : "");
    if (!name) faults.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  }
  const ids = Array.from(document.querySelectorAll("[id]"), ({ id }) => id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: #${id}`);
  for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for]")) {
    for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
      for (const id of element.getAttribute(attribute)?.split(" ") ?? []) {
        if (!document.getElementById(id)) faults.push(`${attribute} of nothing: ${id}`);
      }
    }
  }
  for (const list of document.querySelectorAll("ul, ol")) {
    for (const child of list.children) if (child.tagName !== "LI") faults.push(`in a list: ${child.outerHTML.slice(0, 60)}`);
  }
  for (const list of document.querySelectorAll("ul[role], ol[role]")) faults.push(`no list any more: ${list.id}`);
  for (const element of document.querySelectorAll("main :is(ul, ol, div, pre)")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowY);
    if (scrolls && element.tabIndex < 0) faults.push(`scrolled by mouse only: ${element.outerHTML.slice(0, 60)}`);
  }
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) faults.push("an image without alt");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading: ${text(heading)}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1 || document.querySelectorAll("main").length !== 1) faults.push("h1 or main");
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.querySelector("[aria-live]")) faults.push("no live region");
  return faults;
}

/** The lowest contrast of any text that is shown, after WCAG 2; large text counts by its own limit. */
export function lowContrast() {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a),
    a: 1,
  });
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const faults = [];
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".unseen, :disabled")) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const under = ground(element);
    const [high, low] = [light(over(parse(style.color), under)), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) faults.push(`${ratio.toFixed(2)}: ${element.className || element.tagName} “${element.textContent.trim().slice(0, 30)}”`);
  }
  return { texts, faults };
}
