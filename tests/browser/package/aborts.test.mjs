// Aborts at every stage, several loads at once, and what is left after dispose().
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bench, model, slowly, somePhotos } from "./harness.mjs";

const WASM = "/node_modules/photonet/dist/photonet_wasm_bg.wasm";

let bed, photo;
before(async () => {
  bed = await bench("aborts");
  [photo] = somePhotos(1);
  bed.routes["/slow.safetensors"] = slowly(model, { part: 100_000, pause: 100 });
});
after(() => bed?.close());

async function onPage(what, argument) {
  const page = await bed.page();
  try {
    const found = await page.evaluate(what, argument);
    // A 404 on purpose is told to the console; nothing else may be.
    assert.deepEqual(page.problems.filter((problem) => !problem.includes("404")), []);
    return found;
  } finally {
    await page.free();
  }
}

function isAbort(found) {
  assert.equal(found.kind, "AbortError", JSON.stringify(found));
  assert.equal(found.name, "AbortError");
}

test("before anything", async () => {
  const found = await onPage(async () => {
    const error = await helpers.ending(photonet.Classifier.load("/model.safetensors", { signal: AbortSignal.abort() }));
    return { error, requests: performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".safetensors")).length };
  });
  isAbort(found.error);
  assert.equal(found.requests, 0);
});

test("while the wasm is on its way, and a load beside it goes on", async () => {
  bed.routes[WASM] = async (_, response) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    response.writeHead(200, { "content-type": "application/wasm" });
    response.end(readFileSync(join(bed.project, WASM)));
  };
  try {
    const found = await onPage(async () => {
      const abort = new AbortController();
      const started = performance.now();
      const first = helpers.ending(photonet.Classifier.load("/model.safetensors", { backend: "cpu", signal: abort.signal }));
      const second = photonet.Classifier.load("/model.safetensors", { backend: "cpu" });
      setTimeout(() => abort.abort(new Error("changed my mind")), 100);
      const error = await first;
      const took = performance.now() - started;
      return { error, took, labels: (await second).labels.length };
    });
    isAbort(found.error);
    assert.ok(found.took < 450, `aborting took ${found.took} ms`);
    assert.ok(found.labels > 1);
  } finally {
    delete bed.routes[WASM];
  }
});

test("while the model downloads, which ends the request", async () => {
  let cut;
  const ended = new Promise((resolve) => (cut = resolve));
  bed.routes["/endless.safetensors"] = (request, response) => {
    request.on("close", () => cut(true));
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": 1e9 });
    response.write(readFileSync(model).subarray(0, 300_000));
  };
  const found = await onPage(async () => {
    const abort = new AbortController();
    let after = 0;
    const error = await helpers.ending(
      photonet.Classifier.load("/endless.safetensors", {
        backend: "cpu",
        signal: abort.signal,
        onProgress() {
          if (abort.signal.aborted) after++;
          abort.abort();
        },
      }),
    );
    return { error, after };
  });
  isAbort(found.error);
  assert.equal(found.after, 0, "progress after the abort");
  assert.ok(await ended);
});

test("while the shaders are compiled, and everything made is freed", async () => {
  const page = await bed.page({ init: countDevices });
  const found = await page.evaluate(async () => {
    const abort = new AbortController();
    const load = helpers.ending(photonet.Classifier.load("/model.safetensors", { backend: "webgpu", signal: abort.signal }));
    while (devices.pipelines === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const started = performance.now();
    abort.abort();
    const error = await load;
    return { error, took: performance.now() - started };
  });
  isAbort(found.error);
  assert.ok(found.took < 1000, `aborting took ${found.took} ms`);
  await page.waitForFunction(() => devices.opened === devices.destroyed, undefined, { timeout: 30_000 });
  await page.free();
});

test("while photos are fetched, wait and are computed", async () => {
  bed.routes["/stuck.jpg"] = () => undefined;
  const found = await onPage(async (url) => {
    const classifier = await photonet.Classifier.load("/model.safetensors", { backend: "cpu" });
    const file = await helpers.file(url);
    const fetching = new AbortController();
    const stuck = helpers.ending(classifier.classify("/stuck.jpg", { signal: fetching.signal }));
    setTimeout(() => fetching.abort(), 50);
    // Two run, the second of them is aborted while it waits for the first.
    const waiting = new AbortController();
    const first = classifier.classify(file);
    const second = helpers.ending(classifier.classify(file, { signal: waiting.signal }));
    waiting.abort();
    const many = new AbortController();
    const seen = [];
    const all = helpers.ending(
      classifier.classifyAll(Array(50).fill(file), {
        signal: many.signal,
        onResult({ index }) {
          seen.push(index);
          if (index === 3) many.abort();
        },
      }),
    );
    const gone = helpers.ending(classifier.classify(file, { signal: AbortSignal.abort() }));
    const others = [
      helpers.ending(classifier.embed(file, { signal: AbortSignal.abort() })),
      helpers.ending(classifier.verify({ signal: AbortSignal.abort() })),
      helpers.ending(classifier.tensor(file, { signal: AbortSignal.abort() })),
    ];
    const [stuckEnd, secondEnd, allEnd, goneEnd, ...otherEnds] = await Promise.all([stuck, second, all, gone, ...others]);
    const top = (await first).top[0].label;
    const after = (await classifier.classify(file)).top[0].label;
    return { ends: [stuckEnd, secondEnd, allEnd, goneEnd, ...otherEnds], seen, top, after };
  }, photo.url);
  found.ends.forEach(isAbort);
  assert.deepEqual(found.seen, [0, 1, 2, 3]);
  assert.equal(found.top, photo.top[0].label);
  assert.equal(found.after, photo.top[0].label);
});

test("two loads at once give two classifiers, and a failing one does not hurt the other", async () => {
  const found = await onPage(async (url) => {
    const options = { backend: "cpu" };
    const [a, b, bad] = await Promise.all([
      photonet.Classifier.load("/slow.safetensors", options),
      photonet.Classifier.load("/model.safetensors", options),
      helpers.ending(photonet.Classifier.load("/nowhere.safetensors", options)),
    ]);
    const file = await helpers.file(url);
    const [first, second] = await Promise.all([a.classify(file), b.classify(file)]);
    a.dispose();
    const alone = await b.classify(file);
    return { bad, labels: [first, second, alone].map(({ top }) => top[0].label) };
  }, photo.url);
  assert.equal(found.bad.kind, "ModelError");
  assert.deepEqual(found.labels, Array(3).fill(photo.top[0].label));
});

for (const backend of ["cpu", "webgpu"]) {
  test(`dispose on ${backend}: calls made before answer, later ones reject, everything is freed`, async () => {
    const page = await bed.page({ init: countDevices });
    const found = await page.evaluate(
      async ([backend, url]) => {
        const classifier = await photonet.Classifier.load("/model.safetensors", { backend });
        const file = await helpers.file(url);
        const running = classifier.classify(file);
        await new Promise((resolve) => setTimeout(resolve));
        // Those have not come to the engine yet: one reads a file, one fetches, one has photos to come.
        const begun = [classifier.classify(file), classifier.classify(url), classifier.tensor(file), classifier.verify()];
        const all = classifier.classifyAll(Array(20).fill(file));
        const stop = new AbortController();
        const aborted = classifier.classify(file, { signal: stop.signal });
        stop.abort();
        classifier.dispose();
        classifier.dispose();
        const top = (await helpers.ending(running)).value?.top[0].label;
        const ends = await Promise.all([...begun, aborted].map((call) => helpers.ending(call)));
        const kinds = ends.map(({ value, kind }) => (value ? "answer" : kind));
        const labels = (await all).map(({ result }) => result?.top[0].label);
        const late = await Promise.all([
          helpers.ending(classifier.classify(file)),
          helpers.ending(classifier.classify("/nowhere.jpg")),
          helpers.ending(classifier.classifyAll([file])),
          helpers.ending(classifier.embed(file)),
          helpers.ending(classifier.verify()),
          helpers.ending(classifier.tensor(file)),
        ]);
        {
          // What `using` does.
          const other = await photonet.Classifier.load("/model.safetensors", { backend: "cpu" });
          other[Symbol.dispose]();
          late.push(await helpers.ending(other.classify(file)));
        }
        return { top, kinds, labels, late, devices };
      },
      [backend, photo.url],
    );
    assert.equal(found.top, photo.top[0].label);
    assert.deepEqual(found.kinds, ["answer", "answer", "answer", "answer", "AbortError"]);
    assert.deepEqual(found.labels, Array(20).fill(photo.top[0].label));
    for (const error of found.late) {
      assert.equal(error.kind, "DeviceError", JSON.stringify(error));
      assert.match(error.message, /disposed/);
    }
    assert.equal(found.devices.opened, backend === "webgpu" ? 1 : 0);
    assert.equal(found.devices.destroyed, found.devices.opened);
    await page.free();
  });
}

/** Counts devices and pipelines. */
function countDevices() {
  window.devices = { opened: 0, destroyed: 0, pipelines: 0 };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    devices.opened++;
    return device;
  };
  const { destroy } = GPUDevice.prototype;
  const gone = new WeakSet();
  GPUDevice.prototype.destroy = function () {
    if (!gone.has(this)) devices.destroyed++;
    gone.add(this);
    return destroy.call(this);
  };
  for (const name of ["createComputePipeline", "createComputePipelineAsync"]) {
    const create = GPUDevice.prototype[name];
    GPUDevice.prototype[name] = function (...options) {
      devices.pipelines++;
      return create.apply(this, options);
    };
  }
}
