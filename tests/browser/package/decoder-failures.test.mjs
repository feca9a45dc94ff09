// Decoders that fail: no photo is lost, and what is not as asked is said.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { needs } from "../browser.mjs";
import { decodersBench } from "./decoders.mjs";
import { somePhotos } from "./harness.mjs";

let bed;
before(async () => {
  bed = await decodersBench("decoder-failures");
});
after(() => bed?.close());

/** 40 photos with these decoders, as often as said, and what was said meanwhile. */
const classified = async ([url, scripts, rounds]) => {
  const file = await helpers.file(url);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const decoders = scripts.map((script) => start(script));
  const classifier = await load({ decoders });
  const labels = [];
  for (let round = 0; round < rounds; round++) {
    const list = Array.from({ length: 40 }, (_, index) => (index % 2 ? bytes : file));
    const outcomes = await classifier.classifyAll(list);
    labels.push(...outcomes.map(({ result, error }) => result?.top[0].label ?? error.message));
  }
  return { labels, notices, prepared: decoders.map((worker) => count(worker, "prepare")) };
};

for (const [what, scripts] of [
  ["whose script is missing or broken", ["/nowhere.js", null, "/broken.js"]],
  ["of which none starts", ["/nowhere.js", "/broken.js"]],
]) {
  test(`decoders ${what} cost a notice, and the others or the engine's worker take the photos`, async () => {
    const [photo] = somePhotos(1);
    const found = await bed.onPage(classified, [photo.url, scripts, 3]);
    assert.deepEqual(found.labels, Array(120).fill(photo.top[0].label));
    assert.equal(found.notices.length, 2, found.notices.join("\n"));
    for (const notice of found.notices) assert.match(notice, /^a decoding worker failed: .*worker-src.*decoded without it/);
    assert.ok(found.prepared.every((count, index) => scripts[index] === null || count === 0));
  });
}

test("a decoder that dies in the middle loses no photo", async () => {
  const [photo] = somePhotos(1);
  for (const scripts of [["/dying.js", null], ["/dying.js"]]) {
    const found = await bed.onPage(classified, [photo.url, scripts, 3]);
    assert.deepEqual(found.labels, Array(120).fill(photo.top[0].label));
    assert.equal(found.notices.length, 1, found.notices.join("\n"));
    assert.match(found.notices[0], /a decoding worker failed: .*died on purpose/);
  }
});

test("a decoder that does not answer, at all or any more, loses no photo", needs("scripts before the page's"), async () => {
  const [photo] = somePhotos(1);
  // Half a minute in a fifteenth of the time, which a busy machine still answers in.
  const init = `const { setTimeout: later } = window; window.setTimeout = (call, delay, ...rest) => later(call, delay / 15, ...rest);`;
  const hanging = await bed.onPage(classified, [photo.url, ["/hanging.js", null], 1], { init });
  assert.deepEqual(hanging.labels, Array(40).fill(photo.top[0].label));
  assert.match(hanging.notices.join("\n"), /a decoding worker failed: it does not answer/);
  // Nobody waits for one that never came.
  const silent = await bed.onPage(classified, [photo.url, ["/silent.js"], 1], { init });
  assert.deepEqual(silent.labels, Array(40).fill(photo.top[0].label));
  assert.deepEqual(silent.prepared, [0]);
});

test("a photo for which a decoder has no memory is the engine's, which may have some", async () => {
  const [photo] = somePhotos(1);
  const found = await bed.onPage(
    async (url) => {
      const file = await helpers.file(url);
      const decoder = start("/trapping.js");
      const classifier = await load({ decoders: [decoder] });
      const rows = [];
      do {
        const outcomes = await classifier.classifyAll(Array(10).fill(file));
        rows.push(...outcomes.map(({ result }) => [result.decodedBy, result.top[0].label]));
      } while (count(decoder, "prepare") === 0);
      return { rows, notices };
    },
    photo.url,
  );
  for (const row of found.rows) assert.deepEqual(row, ["photonet", photo.top[0].label]);
  assert.deepEqual(found.notices, []);
});

test("where compiled wasm is not handed on, decoders fetch it", async () => {
  const [photo] = somePhotos(1);
  for (const keeping of ["engine", "page"]) {
    bed.asked = 0;
    const found = await bed.onPage(
      async ([url, keeping]) => {
        const file = await helpers.file(url);
        const decoder = start();
        if (keeping === "page") {
          const { postMessage } = decoder;
          decoder.postMessage = (message, transfer) => {
            if (message.what.wasm instanceof WebAssembly.Module) throw new DOMException("no module", "DataCloneError");
            postMessage.call(decoder, message, transfer);
          };
        }
        const classifier = await load({ worker: start(keeping === "engine" ? "/keeping.js" : null), decoders: [decoder] });
        const labels = [];
        do {
          const outcomes = await classifier.classifyAll(Array(20).fill(file));
          labels.push(...outcomes.map(({ result }) => result.top[0].label));
        } while (count(decoder, "prepare") === 0);
        return { labels, notices };
      },
      [photo.url, keeping],
    );
    assert.ok(found.labels.every((label) => label === photo.top[0].label));
    assert.deepEqual(found.notices, []);
    assert.equal(bed.asked, 2, keeping);
  }
});
