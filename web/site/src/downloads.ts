import type { ModelInfo } from "photonet";
import { isUnsure, type Item } from "./items.js";

const TOP = 5;

/** RFC 4180, with a mark so that spreadsheets read it as UTF-8. */
export function toCsv(items: readonly Item[], threshold: number): string {
  const ranks = Array.from({ length: TOP }, (_, rank) => [`class ${rank + 1}`, `probability ${rank + 1}`]).flat();
  const head = ["file", "answer", ...ranks, "width", "height", "decoded by", "backend", "milliseconds", "error"];
  const rows = items.map((item) => {
    const { answer } = item;
    const top = Array.from({ length: TOP }, (_, rank) => {
      const ranked = answer?.top[rank];
      return ranked ? [text(ranked.label), String(ranked.probability)] : ["", ""];
    }).flat();
    const rest = answer
      ? [answer.width, answer.height, answer.decodedBy, answer.backend, answer.timings.total.toFixed(2)].map(String)
      : ["", "", "", "", ""];
    return [text(item.name), text(said(item, threshold)), ...top, ...rest, text(item.error ?? "")];
  });
  return `\ufeff${[head.map(text), ...rows].map((row) => `${row.join(",")}\r\n`).join("")}`;
}

/** A quoted cell. What a spreadsheet would take for a formula gets an apostrophe in front. */
function text(value: string): string {
  if (value === "") return "";
  const harmless = /^[\s]*[=+\-@|\t\r]/.test(value) ? `'${value}` : value;
  return `"${harmless.replaceAll('"', '""')}"`;
}

function said(item: Item, threshold: number): string {
  if (item.state === "failed") return "error";
  if (!item.answer) return item.state;
  return isUnsure(item, threshold) ? "not sure" : (item.answer.top[0]?.label ?? "");
}

/** Everything that the page knows, for programs. */
export function toJson(
  items: readonly Item[],
  threshold: number,
  model: { name: string; info: ModelInfo; labels: readonly string[] } | undefined,
): string {
  const photos = items.map(({ name, state, answer, error }) => ({
    file: name,
    state,
    ...(error === undefined ? {} : { error }),
    ...(answer && {
      unsure: (answer.top[0]?.probability ?? 0) < threshold,
      top: answer.top,
      probabilities: Array.from(answer.probabilities),
      width: answer.width,
      height: answer.height,
      decodedBy: answer.decodedBy,
      backend: answer.backend,
      timings: answer.timings,
    }),
  }));
  const about = model && { name: model.name, ...model.info, labels: model.labels };
  return `${JSON.stringify({ model: about ?? null, threshold, photos }, undefined, 1)}\n`;
}

/** Hands a text, or what a file holds, to the visitor as a file. */
export function save(content: string | Blob, name: string, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The download holds its own reference once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
