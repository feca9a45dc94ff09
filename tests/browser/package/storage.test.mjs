// Models kept on the device: by hash, checked, and never in the way.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { engine, needs } from "../browser.mjs";
import { answer, bench, model, sha256 } from "./harness.mjs";

let bed, hash;
let requests = 0;
before(async () => {
  const bytes = readFileSync(model);
  hash = sha256(bytes);
  bed = await bench("storage", { webgpu: false });
  bed.routes["/counted.safetensors"] = (_, response) => {
    requests++;
    response.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
    response.end(bytes);
  };
});
after(() => bed?.close());

/** Loads on a page and gives facts. */
function load(page, options = {}, source = "/counted.safetensors") {
  return page.evaluate(
    async ([source, options]) => {
      const notices = [];
      const end = await helpers.ending(
        photonet.Classifier.load(source, { backend: "cpu", ...options, onNotice: (notice) => notices.push(notice) }),
      );
      if (!end.value) return { ...end, notices };
      const { info, labels } = end.value;
      end.value.dispose();
      return { cached: info.cached, sha256: info.sha256, labels: labels.length, notices };
    },
    [source, options],
  );
}

/**
 * Waits until the storage holds this many entries, one of them with this in its address. In the page itself:
 * Playwright's waitForFunction takes a promise for a yes.
 */
function entries(page, count, including = "") {
  return page.evaluate(
    async ([count, including]) => {
      const cache = await caches.open("photonet-models-1");
      for (;;) {
        const keys = await cache.keys();
        if (keys.length === count && keys.some(({ url }) => url.includes(including))) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [count, including],
  );
}

test("with a known hash, the second visit asks no server", async () => {
  const page = await bed.page();
  const first = await load(page, { sha256: hash.toUpperCase() });
  assert.deepEqual([first.cached, first.sha256], [false, hash]);
  await entries(page, 2);
  const before = requests;
  const second = await load(page, { sha256: hash });
  assert.deepEqual([second.cached, second.sha256, requests], [true, hash, before]);
  await page.free();
});

test("without a network, the copy of the last visit answers, and that is said", async () => {
  const page = await bed.page();
  await load(page);
  await entries(page, 2);
  await page.context().setOffline(true);
  const found = await load(page);
  assert.equal(found.cached, true, JSON.stringify(found));
  assert.match(found.notices.join(), /copy on this device/);
  const other = await load(page, {}, "/other.safetensors");
  assert.equal(other.kind, "ModelError");
  await page.free();
});

test("a server that says no is believed, copy or not", async () => {
  const page = await bed.page();
  bed.routes["/soon-gone.safetensors"] = answer(readFileSync(model), "application/octet-stream");
  await load(page, {}, "/soon-gone.safetensors");
  await entries(page, 2);
  bed.routes["/soon-gone.safetensors"] = answer("gone", "text/plain", { status: 410 });
  const found = await load(page, {}, "/soon-gone.safetensors");
  assert.match(found.message, /410/);
  await page.free();
});

test("a damaged copy is thrown away and fetched anew", async () => {
  const page = await bed.page();
  await load(page);
  await entries(page, 2);
  await page.evaluate(async (hash) => {
    const cache = await caches.open("photonet-models-1");
    const key = (await cache.keys()).find(({ url }) => url.includes(hash));
    await cache.put(key, new Response("damaged"));
  }, hash);
  const found = await load(page, { sha256: hash });
  assert.deepEqual([found.cached, found.sha256], [false, hash]);
  await entries(page, 2);
  await page.free();
});

test("a new version replaces the one before", async () => {
  const page = await bed.page();
  const bytes = readFileSync(model);
  bed.routes["/versions.safetensors"] = answer(bytes, "application/octet-stream");
  await load(page, {}, "/versions.safetensors");
  await entries(page, 2);
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] ^= 1;
  bed.routes["/versions.safetensors"] = answer(changed, "application/octet-stream");
  const found = await load(page, {}, "/versions.safetensors");
  assert.equal(found.sha256, sha256(changed));
  await entries(page, 2, sha256(changed));
  await page.free();
});

test("what proved to be no model is not kept, nor anything where cache is false", async () => {
  const page = await bed.page();
  bed.routes["/waste.safetensors"] = answer("waste", "application/octet-stream");
  assert.equal((await load(page, {}, "/waste.safetensors")).kind, "ModelError");
  await load(page, { cache: false });
  await page.waitForTimeout(200);
  const kept = await page.evaluate(async () => (await (await caches.open("photonet-models-1")).keys()).length);
  assert.equal(kept, 0);
  await page.free();
});

test("a full storage costs nothing but the next download, and is said", needs("quotas"), async () => {
  const page = await bed.page();
  const session = await page.context().newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: bed.url, quotaSize: 10_000 });
  const found = await page.evaluate(async () => {
    let told;
    const notice = new Promise((resolve) => (told = resolve));
    const classifier = await photonet.Classifier.load("/counted.safetensors", { backend: "cpu", onNotice: (text) => /kept/.test(text) && told(text) });
    return { labels: classifier.labels.length, notice: await notice };
  });
  assert.ok(found.labels > 1);
  assert.match(found.notice, /not kept.*quota/i);
  await page.free();
});

test("a storage that fails at everything is not in the way", async () => {
  for (const method of ["match", "put", "delete", "keys"]) {
    const page = await bed.page({ init: `if (globalThis.Cache) Cache.prototype.${method} = () => Promise.reject(new DOMException("broken", "UnknownError"));` });
    for (const options of [{}, { sha256: hash }]) {
      assert.ok((await load(page, options)).labels > 1, method);
    }
    assert.deepEqual(page.problems, []);
    await page.free();
  }
  const page = await bed.page({ init: `if (globalThis.CacheStorage) CacheStorage.prototype.open = () => Promise.reject(new DOMException("denied", "SecurityError"));` });
  assert.ok((await load(page, { sha256: hash })).labels > 1);
  await page.free();
});

test("a sandboxed frame, where storage may not even be named", async () => {
  bed.routes["/frame"] = answer(`<iframe sandbox="allow-scripts" src="/inside"></iframe>`);
  const cors = { headers: { "access-control-allow-origin": "*" } };
  const from = (path, type) => answer(readFileSync(path), type, cors);
  bed.routes["/cors.safetensors"] = from(model, "application/octet-stream");
  const script = `
    import { Classifier } from "/node_modules/photonet/dist/index.js";
    let storage = "there";
    try { caches; } catch { storage = "forbidden"; }
    const tell = (text) => parent.postMessage(storage + ": " + text, "*");
    Classifier.load("/cors.safetensors", { backend: "cpu" }).then((c) => tell("loaded " + c.labels.length), (e) => tell(e.message));`;
  // An opaque origin needs CORS for its own scripts.
  const { readdirSync } = await import("node:fs");
  const dist = `${bed.project}/node_modules/photonet/dist`;
  for (const name of readdirSync(dist)) {
    const type = name.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    bed.routes[`/cors/${name}`] = from(`${dist}/${name}`, type);
  }
  bed.routes["/inside"] = answer(
    `<!doctype html><script type="module">${script.replace("/node_modules/photonet/dist/", "/cors/")}</script>`,
  );
  const page = await bed.page({
    path: "/frame",
    ready: false,
    init: `window.told = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data)));`,
  });
  // In Firefox it may be named, and fails when it is opened.
  assert.match(await page.evaluate(() => told), engine === "firefox" ? /^there: loaded \d+$/ : /^forbidden: loaded \d+$/);
  await page.free();
});
