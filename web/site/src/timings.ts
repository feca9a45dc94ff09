import type { Backend } from "photonet";
import { byId, el } from "./dom.js";
import { median, milliseconds, plural } from "./format.js";
import { backendNames, type Item } from "./items.js";

const PARTS = [
  ["decode", "Decode"],
  ["resize", "Resize"],
  ["upload", "Copy to the GPU"],
  ["compute", "Compute"],
  ["readBack", "Copy back"],
  ["total", "Total"],
] as const;

/** The steps that there are: the CPU has nothing to copy. */
export function parts(backend: Backend): (typeof PARTS)[number][] {
  return PARTS.filter(([key]) => backend === "webgpu" || (key !== "upload" && key !== "readBack"));
}

/** Medians over the photos of the last backend, part by part. */
export function showTimings(items: readonly Item[]): void {
  const answers = items.flatMap(({ answer }) => (answer ? [answer] : []));
  const backend = answers.at(-1)?.backend;
  const place = byId("timings");
  const brief = byId("timings-brief");
  if (!backend) {
    brief.textContent = "no photo yet";
    place.replaceChildren(el("p", "status", "The time of each step appears here with the first photo."));
    return;
  }
  const timings = answers.filter((answer) => answer.backend === backend).map((answer) => answer.timings);
  const medians = parts(backend).map(([key, name]) => [name, median(timings.map((timing) => timing[key]))] as const);
  const total = medians.at(-1)?.[1] ?? 0;
  brief.textContent = `${milliseconds(total)} a photo`;
  const rows = medians.map(([name, value]) => {
    const fill = el("span", "fill");
    fill.style.inlineSize = `${total > 0 ? Math.min(100, (100 * value) / total) : 0}%`;
    const bar = el("span", "bar", fill);
    bar.setAttribute("aria-hidden", "true");
    const head = el("th", "", name);
    head.scope = "row";
    return el("tr", name === "Total" ? "total" : "", head, el("td", "", bar), el("td", "value", milliseconds(value)));
  });
  const caption = `Median of ${plural(timings.length, "photo")} on ${backendNames[backend]}`;
  place.replaceChildren(el("table", "", el("caption", "", caption), el("tbody", "", ...rows)));
}
