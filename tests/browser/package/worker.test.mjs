// The same in a worker: answers, errors, aborts, and what a worker alone can get wrong.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../browser.mjs";
import { answer, bench, difference, somePhotos } from "./harness.mjs";
import { serve } from "../server.mjs";

const WORKER = "/node_modules/photonet/dist/worker.js";

let bed;
before(async () => {
  bed = await bench("worker");
  bed.routes["/stuck.jpg"] = () => undefined;
  bed.routes["/broken.js"] = answer("throw new Error('broken on purpose')", "text/javascript");
  bed.routes["/silent.js"] = answer("", "text/javascript");
});
after(() => bed?.close());

async function onPage(what, argument) {
  const page = await bed.page();
  try {
    return await page.evaluate(what, argument);
  } finally {
    await page.free();
  }
}

test("answers on both backends, from two classifiers in one worker", needs("WebGPU"), async () => {
  const photos = somePhotos(3);
  const found = await onPage(
    async ([script, urls]) => {
      const worker = new Worker(script, { type: "module" });
      const progress = [];
      const [cpu, gpu] = await Promise.all(
        ["cpu", "webgpu"].map((backend) =>
          photonet.Classifier.load("model.safetensors", { worker, backend, onProgress: ({ loaded }) => progress.push(loaded) }),
        ),
      );
      const rows = [];
      for (const url of urls) {
        for (const classifier of [cpu, gpu]) {
          const { logits, backend, decodedBy } = await classifier.classify(await helpers.file(url));
          rows.push({ logits: [...logits], backend, decodedBy });
        }
      }
      const image = new Image();
      image.src = urls[0];
      await image.decode();
      const drawn = await cpu.classify(image);
      const verdict = await gpu.verify();
      const embedding = await cpu.embed(urls[0]);
      const tensor = await cpu.tensor(urls[0]);
      const { labels, info } = cpu;
      return { rows, verdict, drawn: drawn.decodedBy, embedding: embedding.length, tensor: tensor.length, labels, info, progress };
    },
    [WORKER, photos.map(({ url }) => url)],
  );
  photos.forEach(({ logits }, index) => {
    for (const [offset, backend] of ["cpu", "webgpu"].entries()) {
      const row = found.rows[2 * index + offset];
      assert.equal(row.backend, backend);
      assert.ok(difference(row.logits, logits) < 1e-3);
    }
  });
  assert.equal(found.drawn, "browser");
  assert.ok(found.verdict.ok && found.verdict.vectors > 0);
  assert.equal(found.embedding, found.info.embedding);
  assert.equal(found.tensor, found.info.size ** 2 * 3);
  assert.ok(found.labels.length > 1 && found.progress.length > 0);
});

test("a photo given as a buffer is what it was at the call, here and in a worker, and stays the caller's", async () => {
  const [photo] = somePhotos(1);
  const found = await onPage(
    async ([script, url]) => {
      const file = await helpers.file(url);
      const bitmap = await createImageBitmap(file);
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const rows = [];
      for (const worker of [undefined, new Worker(script, { type: "module" })]) {
        const classifier = await photonet.Classifier.load("/model.safetensors", { worker, backend: "cpu" });
        const buffer = await file.arrayBuffer();
        const view = new Uint8Array(await file.arrayBuffer());
        const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
        const many = [new Uint8Array(view)];
        const calls = [classifier.classify(buffer), classifier.classify(view), classifier.classify(pixels)];
        const all = classifier.classifyAll(many);
        for (const bytes of [new Uint8Array(buffer), view, pixels.data, many[0]]) bytes.fill(0);
        const answers = [...(await Promise.all(calls)), (await all)[0].result];
        rows.push({ labels: answers.map(({ top }) => top[0].label), left: [buffer, view, pixels.data, many[0]].map(({ byteLength }) => byteLength) });
      }
      return rows;
    },
    [WORKER, photo.url],
  );
  for (const { labels, left } of found) {
    assert.deepEqual(labels, Array(4).fill(photo.top[0].label));
    assert.ok(left.every((bytes) => bytes > 0), `left of the buffers: ${left}`);
  }
});

test("callbacks that throw are uncaught errors and stop nothing, here and in a worker", async () => {
  const page = await bed.page();
  const found = await page.evaluate(async (script) => {
    const rows = [];
    for (const worker of [undefined, new Worker(script, { type: "module" })]) {
      const uncaught = [];
      const hear = (event) => uncaught.push(event.error.message);
      addEventListener("error", hear);
      const options = {
        worker,
        onProgress: () => {
          throw new Error("progress");
        },
        onNotice: () => {
          throw new Error("notice");
        },
      };
      const end = await helpers.ending(photonet.Classifier.load("/model.safetensors", options).then(({ labels }) => labels.length));
      removeEventListener("error", hear);
      rows.push({ end, uncaught: [...new Set(uncaught)].sort() });
    }
    return rows;
  }, WORKER);
  for (const { end, uncaught } of found) {
    assert.ok(end.value > 1, JSON.stringify(end));
    // A software adapter, or none, is noted.
    assert.deepEqual(uncaught, ["notice", "progress"]);
  }
  await page.free();
});

test("the page stays free while the worker works", async () => {
  const [photo] = somePhotos(1);
  const found = await onPage(
    async ([script, url]) => {
      const worker = new Worker(script, { type: "module" });
      const classifier = await photonet.Classifier.load("/model.safetensors", { worker, backend: "cpu" });
      const file = await helpers.file(url);
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 5);
      const outcomes = await classifier.classifyAll(Array(200).fill(file));
      clearInterval(timer);
      return { longest, good: outcomes.filter(({ result }) => result).length };
    },
    [WORKER, photo.url],
  );
  assert.equal(found.good, 200);
  assert.ok(found.longest < 250, `the page stood still for ${found.longest} ms`);
});

test("errors keep their class, aborts end at once, dispose answers earlier calls and refuses later ones", async () => {
  const [photo] = somePhotos(1);
  const found = await onPage(
    async ([script, url]) => {
      const { load } = photonet.Classifier;
      const worker = new Worker(script, { type: "module" });
      const options = { worker, backend: "cpu" };
      const missing = await helpers.ending(load.call(photonet.Classifier, "/nowhere.safetensors", options));
      const during = new AbortController();
      const aborted = helpers.ending(
        load.call(photonet.Classifier, "/model.safetensors", { ...options, signal: during.signal, onProgress: () => during.abort() }),
      );
      const abortedEnd = await aborted;
      const classifier = await load.call(photonet.Classifier, "/model.safetensors", options);
      const text = await helpers.ending(classifier.classify(new File(["words"], "words.png")));
      const file = await helpers.file(url);
      const running = new AbortController();
      const all = helpers.ending(
        classifier.classifyAll(Array(40).fill(file), { signal: running.signal, onResult: ({ index }) => index === 2 && running.abort() }),
      );
      const allEnd = await all;
      const last = [classifier.classify(file), classifier.classify(url), classifier.classifyAll([file, file, file])];
      classifier.dispose();
      const [one, fetched, several] = await Promise.all(last);
      const tops = [one, fetched, ...several.map(({ result }) => result)].map(({ top }) => top[0].label);
      const late = await helpers.ending(classifier.classify(file));
      return { missing, abortedEnd, text, allEnd, late, tops };
    },
    [WORKER, photo.url],
  );
  assert.equal(found.missing.kind, "ModelError");
  assert.match(found.missing.message, /404.*nowhere/);
  assert.equal(found.abortedEnd.kind, "AbortError");
  assert.equal(found.text.kind, "ImageError");
  assert.match(found.text.message, /words\.png/);
  assert.equal(found.allEnd.kind, "AbortError");
  assert.deepEqual(found.tops, Array(5).fill(photo.top[0].label));
  assert.equal(found.late.kind, "DeviceError");
});

for (const [what, script, message] of [
  ["missing", "/nowhere.js", /worker failed.*worker-src/],
  ["broken", "/broken.js", /worker failed.*broken on purpose/],
]) {
  test(`a worker whose script is ${what} is a DeviceError`, async () => {
    const found = await onPage(
      (script) => helpers.ending(photonet.Classifier.load("/model.safetensors", { worker: new Worker(script, { type: "module" }) })),
      script,
    );
    assert.equal(found.kind, "DeviceError", JSON.stringify(found));
    assert.match(found.message, message);
  });
}

test("a worker that does not answer is a DeviceError, not an eternal wait", needs("scripts before the page's"), async () => {
  const page = await bed.page({
    // Half a minute in a fiftieth of the time.
    init: `const { setTimeout: later } = window; window.setTimeout = (call, delay, ...rest) => later(call, delay / 50, ...rest);`,
  });
  const { end, notices } = await page.evaluate(async () => {
    const notices = [];
    const options = { worker: new Worker("/silent.js", { type: "module" }), onNotice: (notice) => notices.push(notice) };
    return { end: await helpers.ending(photonet.Classifier.load("/model.safetensors", options)), notices };
  });
  assert.equal(end.kind, "DeviceError");
  assert.match(end.message, /does not answer.*photonet\/worker/);
  assert.equal(notices.length, 1);
  assert.match(notices[0], /has not answered yet.*photonet\/worker/);
  await page.free();
});

test("a worker from another site, through workerFrom", async () => {
  const [photo] = somePhotos(1);
  const cdn = await serve({ folders: [bed.project], headers: { "access-control-allow-origin": "*" } });
  try {
    const found = await onPage(
      async ([script, url]) => {
        const worker = photonet.workerFrom(script);
        const classifier = await photonet.Classifier.load("model.safetensors", { worker, backend: "cpu" });
        return (await classifier.classify(url)).top[0].label;
      },
      [cdn.url + WORKER, photo.url],
    );
    assert.equal(found, photo.top[0].label);
  } finally {
    await cdn.close();
  }
});

test("the package itself runs in a user's worker, with files, bitmaps and offscreen canvases", async () => {
  const [photo] = somePhotos(1);
  bed.routes["/own.js"] = answer(
    `import { Classifier, ImageError } from "/node_modules/photonet/dist/index.js";
     onmessage = async ({ data: { file, bitmap } }) => {
       const classifier = await Classifier.load("/model.safetensors", { backend: "cpu" });
       const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
       offscreen.getContext("2d").drawImage(bitmap, 0, 0);
       const rows = [];
       for (const source of [file, bitmap, offscreen]) rows.push([...(await classifier.classify(source)).logits]);
       const bad = await classifier.classify({}).catch((error) => error instanceof ImageError);
       classifier.dispose();
       postMessage({ rows, bad });
     };`,
    "text/javascript",
  );
  const found = await onPage(async (url) => {
    const file = await helpers.file(url);
    const bitmap = await createImageBitmap(file);
    const worker = new Worker("/own.js", { type: "module" });
    const told = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    worker.postMessage({ file, bitmap }, [bitmap]);
    return told;
  }, photo.url);
  assert.ok(difference(found.rows[0], photo.logits) < 1e-3);
  assert.ok(difference(found.rows[1], photo.logits) < 0.1);
  assert.ok(difference(found.rows[2], photo.logits) < 0.1);
  assert.equal(found.bad, true);
});

test("the worker's policy: a page whose script-src lacks wasm-unsafe-eval fails by name in the worker too", async () => {
  const script = readFileSync(join(bed.project, WORKER));
  // A worker's policy comes with its own script.
  bed.routes["/policy/worker.js"] = answer(
    script.toString().replaceAll('from "./', 'from "/node_modules/photonet/dist/'),
    "text/javascript",
    { headers: { "content-security-policy": "script-src 'self'" } },
  );
  const found = await onPage(() =>
    helpers.ending(
      photonet.Classifier.load("/model.safetensors", { worker: new Worker("/policy/worker.js", { type: "module" }), backend: "cpu" }),
    ),
  );
  assert.equal(found.kind, "DeviceError");
  assert.match(found.message, /wasm-unsafe-eval/);
});
