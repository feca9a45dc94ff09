import type { TrainingStep } from "photonet/training";
import { byId } from "../dom.js";
import { percent } from "../format.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 200];
/** Room for the figures at the left and below. */
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 12, 14, 28];

function node(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}

const place = (epochs: number, all: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * epochs) / Math.max(1, all);
const height = (share: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - share);

/** Accuracy by epoch: of the photos that were set aside, and of those that are learned. */
export function showChart(steps: readonly TrainingStep[]): void {
  const chart = byId("chart") as unknown as SVGElement;
  const last = steps.at(-1);
  const ends = steps.filter(({ evaluation }) => evaluation);
  const all = last?.epochs ?? 1;
  const line = (points: (readonly [number, number])[]): string => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const held = ends.map(({ epoch, evaluation }) => [place(epoch, all), height(evaluation?.top1 ?? 0)] as const);
  const learned = ends.map(({ epoch, top1 }) => [place(epoch, all), height(top1)] as const);
  const parts: SVGElement[] = [];
  for (const share of [0, 0.5, 1]) {
    parts.push(node("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: height(share), y2: height(share) }));
    parts.push(node("text", { class: "figure", x: LEFT - 6, y: height(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  const every = Math.ceil(all / 10);
  for (let epoch = every; epoch <= all; epoch += every) {
    parts.push(node("text", { class: "figure", x: place(epoch, all), y: HEIGHT - 6, "text-anchor": "middle" }, String(epoch)));
  }
  parts.push(node("polyline", { class: "learned", points: line(learned) }), node("polyline", { class: "held", points: line(held) }));
  for (const [cx, cy] of held) parts.push(node("circle", { class: "held", cx: cx.toFixed(1), cy: cy.toFixed(1), r: 3 }));
  chart.replaceChildren(...parts);
  const best = ends.at(-1)?.evaluation;
  byId("chart-caption").textContent = best
    ? `Right of the photos that were set aside (line with dots): ${percent(best.top1)} after epoch ${ends.length}, at best ${percent(best.best)}. ` +
      "Thin line: of the photos that are learned, as they are cut at random."
    : "The first figures come at the end of the first epoch.";
}
