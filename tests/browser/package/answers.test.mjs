// The answers in the browser are those of `photonet infer`, on both backends.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { basename } from "node:path";
import { needs } from "../browser.mjs";
import { bench, difference, photos, somePhotos } from "./harness.mjs";

let bed;
before(async () => {
  bed = await bench("answers");
});
after(() => bed?.close());

test("half precision on WebGPU gives the same top-1 and nearly the same logits", needs("WebGPU"), async () => {
  const page = await bed.page();
  const expected = photos();
  const urls = expected.map(({ path }) => `/photos/${encodeURIComponent(basename(path))}`);
  const found = await page.evaluate(async (urls) => {
    const classifier = await photonet.Classifier.load("/model.safetensors", { backend: "webgpu", precision: "f16" });
    const rows = [];
    for (const url of urls) {
      const { top, logits } = await classifier.classify(await helpers.file(url));
      rows.push({ top, logits: [...logits] });
    }
    const verdict = await classifier.verify();
    classifier.dispose();
    const refused = await photonet.Classifier.load("/model.safetensors", { precision: "fp16" }).catch(String);
    return { rows, verdict, refused };
  }, urls);
  const worst = Math.max(...expected.map(({ file, top, logits }, index) => {
    const row = found.rows[index];
    // Two classes nearer to one another than the roundings may change places.
    if (top[0].probability - top[1].probability > 0.02) assert.equal(row.top[0].label, top[0].label, `${file}: top-1 differs`);
    return difference(row.logits, logits);
  }));
  assert.ok(worst > 1e-5, "the logits are those of single precision");
  assert.ok(worst < 0.05, `logits differ by ${worst}`);
  assert.ok(found.verdict.ok, `differs from its test vectors by ${found.verdict.difference}`);
  assert.match(found.refused, /RangeError: precision must be one of "f32", "f16", not "fp16"/);
  page.free();
});

for (const backend of ["cpu", "webgpu"]) {
  describe(`on ${backend}`, backend === "webgpu" ? needs("WebGPU") : {}, () => {
    let page;
    before(async () => {
      page = await bed.page();
      await page.evaluate(async (backend) => {
        window.classifier = await photonet.Classifier.load("/model.safetensors", { backend });
      }, backend);
    });
    after(() => page?.free());

    test("every photo has the same tensor, the same logits and the same top-1 as natively", async () => {
      const expected = photos();
      assert.ok(expected.length >= 10, `only ${expected.length} photos to compare`);
      const urls = expected.map(({ path }) => `/photos/${encodeURIComponent(basename(path))}`);
      const found = await page.evaluate(async (urls) => {
        const rows = [];
        for (const url of urls) {
          const file = await helpers.file(url);
          const tensor = await helpers.sha256(await classifier.tensor(file));
          const { top, logits, probabilities, timings, backend, decodedBy } = await classifier.classify(file);
          rows.push({ tensor, top, logits: [...logits], sum: probabilities.reduce((a, b) => a + b), timings, backend, decodedBy });
        }
        return rows;
      }, urls);
      let worst = 0;
      expected.forEach(({ file, top, logits, input_sha256 }, index) => {
        const row = found[index];
        assert.equal(row.decodedBy, "photonet", file);
        assert.equal(row.tensor, input_sha256, `${file}: the tensor differs`);
        assert.equal(row.top[0].label, top[0].label, `${file}: top-1 differs`);
        assert.equal(row.backend, backend);
        assert.ok(Math.abs(row.sum - 1) < 1e-5, `${file}: probabilities sum to ${row.sum}`);
        assert.equal(row.top.length, Math.min(5, row.logits.length));
        assert.ok(Math.abs(row.top[0].probability - top[0].probability) < 1e-3, `${file}: the probability differs`);
        const { decode, resize, upload, compute, readBack, total } = row.timings;
        for (const part of [decode, resize, upload, compute, readBack]) assert.ok(part >= 0 && part <= total);
        worst = Math.max(worst, difference(row.logits, logits));
      });
      assert.ok(worst < 1e-3, `logits differ by ${worst}`);
      assert.deepEqual(page.problems, []);
    });

    test("verify, labels, info and embed", async () => {
      const expected = somePhotos(2);
      const urls = expected.map(({ url }) => url);
      const found = await page.evaluate(async (urls) => {
        const [a, b] = await Promise.all(urls.map((url) => helpers.file(url)));
        const [first, again, other] = [await classifier.embed(a), await classifier.embed(a), await classifier.embed(b)];
        const { labels, info, backend } = classifier;
        return { labels, info, backend, first: [...first], again: [...again], other: [...other], verdict: await classifier.verify() };
      }, urls);
      assert.equal(found.backend, backend);
      assert.equal(found.labels.length, found.info.classes);
      assert.ok(found.labels.includes(expected[0].top[0].label));
      assert.equal(found.info.size, 64);
      assert.match(found.info.sha256, /^[0-9a-f]{64}$/);
      assert.equal(found.first.length, found.info.embedding);
      assert.deepEqual(found.again, found.first);
      assert.ok(difference(found.other, found.first) > 1e-3, "another photo has the same embedding");
      assert.ok(found.first.every(Number.isFinite) && found.first.some((value) => value !== 0));
      assert.ok(found.verdict.vectors > 0, "the model has no test vectors");
      assert.ok(found.verdict.ok, `differs from its test vectors by ${found.verdict.difference}`);
    });

    test("classifyAll: a bad photo is an outcome and stops nothing", async () => {
      const expected = photos().slice(0, 5);
      const urls = expected.map(({ path }) => `/photos/${encodeURIComponent(basename(path))}`);
      const found = await page.evaluate(async (urls) => {
        const files = await Promise.all(urls.map((url) => helpers.file(url)));
        files.splice(2, 0, new File(["this is no picture"], "notes.jpg"));
        files.push("/nowhere.jpg", 7);
        const told = [];
        const outcomes = await classifier.classifyAll(files, { topK: 1, onResult: ({ index }) => told.push(index) });
        return {
          told,
          outcomes: outcomes.map(({ index, result, error }) => ({
            index,
            top: result?.top.map(({ label }) => label),
            error: error && { image: error instanceof photonet.ImageError, message: error.message },
          })),
        };
      }, urls);
      assert.deepEqual(found.told, [0, 1, 2, 3, 4, 5, 6, 7]);
      const labels = expected.map(({ top }) => [top[0].label]);
      labels.splice(2, 0, undefined);
      labels.push(undefined, undefined);
      assert.deepEqual(found.outcomes.map(({ top }) => top), labels);
      const [text, missing, number] = [2, 6, 7].map((index) => found.outcomes[index].error);
      assert.ok(text.image && missing.image && number.image);
      assert.match(text.message, /notes\.jpg.*this is no/);
      assert.match(missing.message, /404.*nowhere\.jpg/);
      assert.match(number.message, /number is no photo/);
    });
  });
}
