const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A probability; what rounds to all or nothing says so honestly. */
export function percent(probability: number): string {
  if (probability > 0.9995 && probability < 1) return ">\u00a099.9\u00a0%";
  if (probability > 0 && probability < 0.0005) return "<\u00a00.1\u00a0%";
  return `${(probability * 100).toFixed(1)}\u00a0%`;
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 100 ? `${value.toFixed(0)} ms` : `${value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${number.format(value / 1e3)} KB` : `${number.format(value / 1e6)} MB`;
}

/** Millions and thousands, as parameters are counted. */
export function count(value: number): string {
  if (value < 10_000) return value.toLocaleString("en");
  return value < 1e6 ? `${number.format(value / 1e3)} thousand` : `${number.format(value / 1e6)} million`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 ? high : (high + (sorted[middle - 1] ?? 0)) / 2;
}

/** When a file was saved: two of the same name differ in it. */
export function moment(time: number): string {
  return new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
}

/** With a capital at its front. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** With a full stop, unless it has an end of its own: for messages in a row. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
