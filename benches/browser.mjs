// Measures the page's engine in a headless browser (Chromium, or what PHOTONET_BROWSER says: firefox, webkit), and beside
// it what others offer, each page load in a fresh browser with a fresh profile: nothing is cached. One line of JSON for each
// measurement, then a table.
//
//   node benches/browser.mjs --models DIR [--model small,large] [--backend cpu,webgpu,webgpu-f16] [--photo FILE]
//                            [--runs 20] [--cold 3] [--adapter swiftshader|default (in Chromium)]
//                            [--peers COMMAND] [--out FILE]
//
// DIR holds the models as NAME.safetensors, and where there are expected answers NAME.logits.json (a list of numbers: what
// `photonet infer --logits` says of the photo): then they are compared. The page must be built (`cargo xtask web`), and the
// tests' library installed (`npm ci` in tests/browser).
// COMMAND is run for every model, with NAME put for {model}; lines of JSON that it prints join the table. So both sides are
// measured one after the other on the same machine.
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { engine, launch } from "../tests/browser/browser.mjs";
import { serve } from "../tests/browser/server.mjs";

const { values: options } = parseArgs({
  options: {
    models: { type: "string" },
    model: { type: "string", default: "small,large" },
    backend: { type: "string", default: "cpu,webgpu,webgpu-f16" },
    photo: { type: "string" },
    runs: { type: "string", default: "20" },
    cold: { type: "string", default: "3" },
    adapter: { type: "string", default: "swiftshader" },
    peers: { type: "string" },
    out: { type: "string" },
  },
});
if (!options.models) throw new Error("--models DIR is needed: a folder with small.safetensors and large.safetensors");

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const site = join(root, "web/site/dist");
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const rounded = (value) => Math.round(value * 10) / 10;
const report = [];

function tell(row) {
  report.push(row);
  const line = JSON.stringify(row);
  console.log(line);
  if (options.out) appendFileSync(options.out, `${line}\n`);
}

/** What a visitor loads before the first answer, model aside. */
function bytes() {
  const assets = join(site, "assets");
  // The page's own files: the benchmark's page loads the same worker and wasm.
  const files = readdirSync(assets).filter((name) => /\.(js|wasm)$/.test(name) && !name.startsWith("bench"));
  const contents = files.map((name) => readFileSync(join(assets, name)));
  return {
    raw: contents.reduce((sum, content) => sum + content.length, 0),
    brotli: contents.reduce((sum, content) => sum + brotliCompressSync(content).length, 0),
  };
}

async function load(server, query) {
  const args = options.adapter === "default" ? ["--use-webgpu-adapter=default"] : [];
  const browser = await launch({ args, steady: false });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}/bench.html?${new URLSearchParams(query)}`);
    await page.waitForFunction(() => window.photonetBench, undefined, { timeout: 600_000, polling: 100 });
    const result = await page.evaluate(() => window.photonetBench);
    if (result.error) throw new Error(result.error);
    return { ...result, browser: `${engine} ${browser.version()}` };
  } finally {
    await browser.close();
  }
}

/** The largest difference from the expected logits, over the largest of them. */
function difference(model, logits) {
  let expected;
  try {
    expected = JSON.parse(readFileSync(join(options.models, `${model}.logits.json`), "utf8"));
  } catch {
    return undefined;
  }
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, at) => Math.abs(value - logits[at]))) / largest;
}

/** `place` is a backend, with `-f16` for half precision. */
async function own(server, model, place) {
  const [backend, precision = "f32"] = place.split("-");
  const query = { model: `${model}.safetensors`, backend, precision, ...(options.photo && { photo: "photo" }) };
  const cold = [];
  let last;
  for (let load_ = 1; load_ <= Number(options.cold); load_++) {
    last = await load(server, { ...query, runs: load_ === Number(options.cold) ? options.runs : "0" });
    cold.push(last.cold_ms);
  }
  const off = difference(model, last.logits);
  if (off !== undefined && off > (precision === "f16" ? 0.1 : 1e-3)) throw new Error(`${model} on ${place}: logits are off by ${off}`);
  const { decode, resize, upload, compute, readBack } = last.warm;
  tell({
    peer: `photonet-${place}`,
    task: "latency",
    model,
    batch: 1,
    res: last.size,
    adapter: last.adapter,
    // As the peers': from a tensor to logits. The photo's own way is beside it.
    median_ms: rounded(upload + compute + readBack),
    photo_to_answer_ms: rounded(last.median_ms),
    decode_ms: rounded(decode),
    resize_ms: rounded(resize),
    runs: last.runs,
    cold_first_logits_ms: rounded(median(cold)),
    cold_loads: cold.map(rounded),
    logits_off: off,
    bytes: bytes(),
    notes: last.browser,
  });
}

function others(model) {
  return new Promise((resolve, reject) => {
    const child = spawn(options.peers.replaceAll("{model}", model), { shell: true, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.on("error", reject);
    child.on("close", () => {
      for (const line of text.split("\n").filter((line) => line.startsWith("{"))) tell(JSON.parse(line));
      resolve();
    });
  });
}

const routes = {};
if (options.photo) {
  const photo = readFileSync(options.photo);
  routes["/photo"] = (_, response) => response.writeHead(200, { "content-type": "image/jpeg" }).end(photo);
}
const server = await serve({ folders: [site, resolve(options.models)], routes });
for (const model of options.model.split(",")) {
  for (const backend of options.backend.split(",")) await own(server, model, backend);
  if (options.peers) await others(model);
}
await server.close();

console.log("\n| model | engine | warm, tensor to logits | cold, navigation to first logits |\n|---|---|---|---|");
for (const { model, peer, median_ms, cold_first_logits_ms } of report) {
  console.log(`| ${model} | ${peer} | ${median_ms ?? "failed"} ms | ${cold_first_logits_ms ?? ""} ms |`);
}
