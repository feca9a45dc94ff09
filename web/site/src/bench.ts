/**
 * Measures one model in this browser: `bench.html?model=ADDRESS&backend=auto|webgpu|cpu&precision=f32|f16&
 * runs=20&photo=ADDRESS`. The result is in `window.photonetBench` (and in the page, as a table and as JSON), an error in its
 * `error`. `performance.now()` counts from the start of the navigation, so the first answer's time is the cold time where
 * nothing was cached.
 */
import { Classifier, type Classification, type Timings } from "photonet";
import { byId, el } from "./dom.js";
import { median, message, milliseconds } from "./format.js";
import { startWorker } from "./start-worker.js";
import workerAddress from "./workers/classify.ts?worker&url";

export interface BenchResult {
  model: string;
  sha256: string;
  architecture: string;
  size: number;
  classes: number;
  backend: "webgpu" | "cpu";
  /** Of the numbers on a GPU. */
  precision: "f32" | "f16";
  /** The GPU's name as far as the browser gives it. */
  adapter: string;
  notices: string[];
  /** From the navigation's start, in milliseconds. */
  marks: { script: number; worker: number; ready: number; answer: number };
  /** Navigation to first answer: `marks.answer`. */
  cold_ms: number;
  first_ms: number;
  first: Timings;
  runs: number;
  /** Classifications that a run takes the mean of: more than one where the browser's clock is coarse beside one of them. */
  repeats: number;
  median_ms: number;
  /** Of the runs, each a mean of `repeats`. */
  min_ms: number;
  max_ms: number;
  /** Medians of the steps. */
  warm: Timings;
  top: Classification["top"];
  logits: number[];
}

declare global {
  interface Window {
    photonetBench?: BenchResult | { error: string };
  }
}

const WARM_UP = 3;
/** A run lasts as many steps of the clock at least, which browsers make coarse (5 µs to 1 ms) against spying. */
const CLOCK_STEPS = 10;
const STEPS: readonly (readonly [keyof Timings, string])[] = [
  ["decode", "Decode"],
  ["resize", "Resize"],
  ["upload", "Upload"],
  ["compute", "Compute"],
  ["readBack", "Read back"],
  ["total", "All steps"],
];

const script = performance.now();
const query = new URLSearchParams(location.search);

/** A drawn photo of usual proportions, so that the page needs no file. */
async function drawn(): Promise<Blob> {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser gives no canvas");
  for (let i = 0; i < 24; i++) {
    context.fillStyle = `hsl(${i * 47} 60% ${30 + ((i * 13) % 50)}%)`;
    context.fillRect((i * 97) % 640, (i * 61) % 480, 180, 140);
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  if (!blob) throw new Error("the browser cannot save a drawn photo");
  return blob;
}

async function photo(): Promise<Blob> {
  const address = query.get("photo");
  if (!address) return drawn();
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the server answered ${response.status} for the photo ${address}`);
  return response.blob();
}

async function adapterName(): Promise<string> {
  type Info = { vendor?: string; architecture?: string; description?: string };
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<{ info?: Info } | null> } }).gpu;
  const info = (await gpu?.requestAdapter())?.info;
  return [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(" ") || "none";
}

/** The clock's step, in milliseconds: the least of a few differences, since the page may be interrupted between two readings. */
function clockStep(): number {
  let step = Infinity;
  let last = performance.now();
  for (let changes = 0; changes < 5; ) {
    const now = performance.now();
    if (now === last) continue;
    step = Math.min(step, now - last);
    last = now;
    changes++;
  }
  return step;
}

/** What `average` makes of the times that each step took. */
function averaged(all: readonly Timings[], average: (times: number[]) => number): Timings {
  const steps = STEPS.map(([step]) => [step, average(all.map((timings) => timings[step]))]);
  return Object.fromEntries(steps) as unknown as Timings;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function measure(): Promise<BenchResult> {
  const model = query.get("model") || "model.safetensors";
  const runs = Math.min(1000, Math.max(0, Number(query.get("runs") ?? 20) || 0));
  const wanted = query.get("backend");
  const precision = query.get("precision") === "f16" ? "f16" : "f32";
  const notices: string[] = [];
  // Like a visitor's photo, it is there before the model is.
  const file = photo();
  file.catch(() => undefined);
  const worker = await startWorker(workerAddress);
  const started = performance.now();
  const classifier = await Classifier.load(model, {
    worker,
    backend: wanted === "webgpu" || wanted === "cpu" ? wanted : "auto",
    precision,
    onNotice: (text) => notices.push(text),
  });
  const source = await file;
  const ready = performance.now();
  const first = await classifier.classify(source);
  const answer = performance.now();
  byId("status").textContent = `First answer after ${milliseconds(answer)}; ${runs} further runs`;
  /** Classifies as often as said; the time of one, as the page sees it, and of its steps. */
  const run = async (times: number): Promise<{ ms: number; parts: Timings }> => {
    const all: Timings[] = [];
    const start = performance.now();
    while (all.length < times) all.push((await classifier.classify(source)).timings);
    return { ms: (performance.now() - start) / times, parts: averaged(all, mean) };
  };
  const times: number[] = [];
  const parts: Timings[] = [];
  let repeats = 1;
  if (runs > 0) {
    const enough = CLOCK_STEPS * clockStep();
    // The shortest: what interrupts one does not interrupt the others.
    let lasted = Infinity;
    for (let i = 0; i < WARM_UP; i++) lasted = Math.min(lasted, (await run(1)).ms);
    for (; lasted < enough; lasted = repeats * (await run(repeats)).ms) repeats *= 2;
  }
  while (times.length < runs) {
    const { ms, parts: steps } = await run(repeats);
    times.push(ms);
    parts.push(steps);
  }
  const { info, backend } = classifier;
  return {
    model,
    sha256: info.sha256,
    architecture: info.architecture,
    size: info.size,
    classes: info.classes,
    backend,
    precision: backend === "cpu" ? "f32" : precision,
    adapter: backend === "webgpu" ? await adapterName() : "cpu (wasm)",
    notices,
    marks: { script, worker: started, ready, answer },
    cold_ms: answer,
    first_ms: answer - ready,
    first: first.timings,
    runs,
    repeats,
    median_ms: median(times),
    min_ms: times.length ? Math.min(...times) : 0,
    max_ms: times.length ? Math.max(...times) : 0,
    warm: averaged(parts, median),
    top: first.top,
    logits: Array.from(first.logits),
  };
}

function show(result: BenchResult): void {
  const rows = STEPS.map(([step, name]) => [name, result.first[step], result.warm[step]] as const);
  const all = [
    ["Navigation to first answer (cold)", result.cold_ms, NaN],
    ...rows,
    ["Photo to answer, as the page sees it", result.first_ms, result.median_ms],
  ] as const;
  byId("table").hidden = false;
  byId("table")
    .querySelector("tbody")
    ?.replaceChildren(
      ...all.map(([name, first, warm]) => {
        const head = el("th", "", name);
        head.scope = "row";
        const cells = [first, warm].map((value) => el("td", "", Number.isNaN(value) ? "" : value.toFixed(2)));
        return el("tr", "", head, ...cells);
      }),
    );
  byId("status").textContent =
    `${result.architecture}, ${result.size} × ${result.size} pixels, on ${result.backend === "cpu" ? "the CPU" : `WebGPU (${result.adapter}, ${result.precision})`}, ` +
    `${result.runs} warm runs`;
}

for (const name of ["model", "photo", "backend", "precision", "runs"]) {
  const value = query.get(name);
  if (value) byId<HTMLInputElement | HTMLSelectElement>(name).value = value;
}
byId("options").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(byId<HTMLFormElement>("options"));
  const chosen = Array.from(form, ([name, value]) => [name, String(value)]).filter(([, value]) => value);
  location.search = new URLSearchParams(chosen).toString();
});

try {
  const result = await measure();
  window.photonetBench = result;
  show(result);
} catch (error) {
  window.photonetBench = { error: message(error) };
  byId("error").textContent = `The measurement failed: ${message(error)}`;
  byId("status").textContent = "";
}
byId("json").textContent = JSON.stringify(window.photonetBench, undefined, 1);
