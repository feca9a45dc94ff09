// After one visit the page works without a network, and a new version takes over cleanly.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "../browser.mjs";
import { answers, bytes, dist, eventually, openPage, photos, ready, servePage, says, settled } from "./page.mjs";

const expected = photos().slice(0, 2);
let browser;

before(async () => {
  browser = await launch({ webgpu: false });
});

after(async () => {
  await browser?.close();
});

const kept = (page) => says(page, "#offline", /works offline/);
const caches = (page) => page.evaluate(() => globalThis.caches.keys());

test("offline after one visit: the page loads, the model is there, photos are classified", async () => {
  const server = await servePage();
  const page = await openPage(browser, server, { serviceWorkers: "allow" });
  await kept(page);
  const names = await caches(page);
  assert.ok(names.includes("photonet-models-1"), `caches: ${names}`);
  assert.equal(names.filter((name) => name.startsWith("photonet-page ")).length, 1);
  // No network at all: nobody listens any more.
  await server.close();
  await page.reload();
  await ready(page);
  assert.match(await page.textContent("#notices"), /^(You are offline|The server cannot be reached); the kept model is used/);
  await page.setInputFiles("#pick-photos", expected.map(({ path }) => path));
  await settled(page, 2);
  const shown = await answers(page);
  shown.forEach(({ top }, index) => assert.equal(top[0].label, expected[index].top[0].label));
  await page.waitForFunction(() => document.querySelector(".card img").naturalWidth > 0);
  // A second page, opened offline, with an address that has a query.
  const other = await page.context().newPage();
  await other.goto(`${server.url}/bench.html?runs=1&backend=cpu`);
  await other.waitForFunction(() => globalThis.photonetBench, undefined, { timeout: 60_000 });
  assert.equal(await other.evaluate(() => globalThis.photonetBench.error), undefined);
  await page.context().close();
});

test("on a first visit without a model or a network for it, the page says so", async () => {
  const server = await servePage({ routes: { "/model.safetensors": (request) => request.socket.destroy() } });
  const page = await openPage(browser, server, { serviceWorkers: "allow", wait: false });
  // Without a model it would be of no use offline.
  await says(page, "#offline", /^The page is kept on this device; it works offline once its model is kept too/);
  await server.close();
  await page.reload();
  await page.waitForSelector("#model-error:not(:empty)", { state: "attached" });
  assert.match(await page.textContent("#model-error"), /^The network or the server is gone: try again/);
  assert.match(await page.textContent("#model-why-text"), /cannot fetch the model.*Is the network there/is);
  await page.context().close();
});

test("a new version is shown at once, and takes the place of the old one's files", async () => {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const worker = readFileSync(join(dist, "sw.js"), "utf8");
  const version = /"([0-9a-f]{16})"/.exec(worker)[1];
  const server = await servePage();
  const page = await openPage(browser, server, { serviceWorkers: "allow" });
  await kept(page);
  const [before] = (await caches(page)).filter((name) => name.startsWith("photonet-page "));
  assert.ok(before.endsWith(version));
  server.routes["/"] = bytes(Buffer.from(html.replace("What is in your photos?", "What do your photos show?")), "text/html; charset=utf-8");
  server.routes["/sw.js"] = bytes(Buffer.from(worker.replace(version, "0123456789abcdef")), "text/javascript");
  await page.reload();
  assert.equal(await page.textContent("#intake-title"), "What do your photos show?");
  // The old files stay until no page uses them.
  await eventually(page, async () => Boolean((await navigator.serviceWorker.getRegistration())?.waiting), "a version that waits");
  const context = page.context();
  const blank = await context.newPage();
  await page.close();
  await blank.waitForTimeout(300);
  await blank.goto(server.url);
  await ready(blank);
  await eventually(blank, async () => {
    const names = (await globalThis.caches.keys()).filter((name) => name.startsWith("photonet-page "));
    return names.length === 1 && names[0].endsWith("0123456789abcdef");
  }, "only the new version's files");
  await context.close();
  await server.close();
});

test("the app's description is complete", async () => {
  const manifest = JSON.parse(readFileSync(join(dist, "manifest.webmanifest"), "utf8"));
  for (const { src, sizes, type } of manifest.icons) {
    const icon = readFileSync(join(dist, src));
    if (type !== "image/png") continue;
    assert.equal(icon.readUInt32BE(16), Number.parseInt(sizes, 10), src);
  }
  assert.equal(manifest.start_url, "./");
});
