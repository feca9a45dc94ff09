// The benchmark page measures what it says, and fails by name.
import assert from "node:assert/strict";
import { basename } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "../browser.mjs";
import { openPage, photos, servePage } from "./page.mjs";

const [photo] = photos();
let browser;
let server;

before(async () => {
  browser = await launch();
  server = await servePage();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function measure(query) {
  const page = await openPage(browser, server, { wait: false, path: `/bench.html?${new URLSearchParams(query)}` });
  await page.waitForFunction(() => globalThis.photonetBench, undefined, { timeout: 120_000 });
  const result = await page.evaluate(() => globalThis.photonetBench);
  const rows = await page.$$eval("#table tbody tr", (rows) => rows.map((row) => Array.from(row.cells, (cell) => cell.textContent)));
  const json = JSON.parse(await page.textContent("#json"));
  const error = await page.textContent("#error");
  const { problems } = page;
  await page.context().close();
  return { result, rows, json, error, problems };
}

for (const [backend, precision, runs] of [["cpu", "f32", 20], ["webgpu", "f32", 2], ["webgpu", "f16", 2]]) {
  test(`cold and warm times on ${backend} with ${precision}`, async () => {
    const { result, rows, json, problems } = await measure({ backend, precision, runs, photo: `photos/${basename(photo.path)}` });
    assert.equal(result.error, undefined);
    assert.equal(result.backend, backend);
    assert.equal(result.precision, precision);
    assert.equal(result.runs, runs);
    assert.ok(Number.isInteger(result.repeats) && result.repeats >= 1, `${result.repeats}`);
    assert.equal(result.top[0].label, photo.top[0].label);
    const { script, worker, ready, answer } = result.marks;
    assert.ok(0 < script && script <= worker && worker <= ready && ready < answer, JSON.stringify(result.marks));
    assert.equal(result.cold_ms, answer);
    assert.ok(result.min_ms > 0 && result.min_ms <= result.median_ms && result.median_ms <= result.max_ms);
    assert.ok(result.warm.total > 0 && result.warm.total <= result.max_ms + 1);
    assert.deepEqual(json, result);
    assert.equal(Number(rows[0][1]).toFixed(2), result.cold_ms.toFixed(2));
    assert.equal(rows.at(-1)[2], result.median_ms.toFixed(2));
    assert.deepEqual(problems, []);
  });
}

test("a model that is not there is an error in the page and in the result", async () => {
  const { result, error } = await measure({ model: "nowhere.safetensors" });
  assert.match(result.error, /404/);
  assert.match(error, /The measurement failed: .*404/);
});
