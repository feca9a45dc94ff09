// Which backend `auto` takes, refused and lost devices, and batches.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { engine } from "../browser.mjs";
import { answer, bench, difference, model, somePhotos } from "./harness.mjs";

let bed;
before(async () => {
  bed = await bench("device");
});
after(() => bed?.close());

/** Loads with `auto` on a fresh page that was changed by `init`, classifies, and says what happened. */
async function auto(init, options = {}) {
  const [photo] = somePhotos(1);
  const page = await bed.page({ init });
  try {
    const found = await page.evaluate(
      async ([url, options]) => {
        const notices = [];
        const end = await helpers.ending(
          photonet.Classifier.load("/model.safetensors", { ...options, onNotice: (notice) => notices.push(notice) }),
        );
        if (!end.value) return { ...end, notices };
        const answer = await helpers.ending(end.value.classify(url));
        const { value, ...error } = answer;
        return value
          ? { backend: value.backend, of: end.value.backend, logits: [...value.logits], notices }
          : { ...error, notices };
      },
      [photo.url, options],
    );
    if (found.logits) assert.ok(difference(found.logits, photo.logits) < 1e-3);
    return found;
  } finally {
    await page.free();
  }
}

/** Makes the software adapter look like a real GPU. */
function disguise() {
  const info = { vendor: "acme", architecture: "roadrunner", device: "", description: "", isFallbackAdapter: false };
  Object.defineProperty(GPUAdapter.prototype, "info", { get: () => info });
}

describe("auto", () => {
  test("takes the CPU on a software adapter, and says so", async () => {
    const { backend, notices } = await auto();
    assert.equal(backend, "cpu");
    assert.match(notices.join(), /only a software adapter/);
  });

  test("takes WebGPU on a GPU", async () => {
    const { backend, notices } = await auto(disguise);
    assert.equal(backend, "webgpu");
    assert.deepEqual(notices, []);
  });

  test("takes the CPU where there is no WebGPU", async () => {
    const { backend, notices } = await auto(() => delete Navigator.prototype.gpu);
    assert.equal(backend, "cpu");
    assert.match(notices.join(), /no WebGPU/);
  });

  test("takes the CPU where there is no adapter", async () => {
    const { backend, notices } = await auto(() => {
      GPU.prototype.requestAdapter = async () => null;
    });
    assert.equal(backend, "cpu");
    assert.match(notices.join(), /no adapter/);
  });

  test("takes the CPU where asking for an adapter fails", async () => {
    const { backend, notices } = await auto(() => {
      GPU.prototype.requestAdapter = () => Promise.reject(new Error("blocked by policy"));
    });
    assert.equal(backend, "cpu");
    assert.match(notices.join(), /blocked by policy/);
  });

  test("takes the CPU where the device is refused", async () => {
    const { backend, notices } = await auto(`(${disguise})();
      GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException("no such luck", "OperationError"));`);
    assert.equal(backend, "cpu");
    assert.match(notices.join(), /CPU takes over.*no such luck/);
  });

  test("goes on with the CPU where the device is lost and no other is to be had", async () => {
    const { backend, of, notices } = await auto(`(${disguise})();
      const { requestDevice } = GPUAdapter.prototype;
      let asked = 0;
      GPUAdapter.prototype.requestDevice = async function (...options) {
        if (asked++ > 0) throw new DOMException("gone for good", "OperationError");
        const device = await requestDevice.apply(this, options);
        const { submit } = GPUQueue.prototype;
        GPUQueue.prototype.submit = function (...commands) {
          device.destroy();
          return submit.apply(this, commands);
        };
        return device;
      };`);
    assert.equal(backend, "cpu");
    assert.equal(of, "cpu");
    assert.match(notices.join(), /CPU takes over/);
  });
});

test("in a worker and in batches, the CPU takes over in the middle as well", async () => {
  bed.routes["/patch.js"] = answer(
    `(${disguise})();
    const { requestDevice } = GPUAdapter.prototype;
    let asked = 0;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      if (asked++ > 0) throw new DOMException("gone for good", "OperationError");
      const device = await requestDevice.apply(this, options);
      const { submit } = GPUQueue.prototype;
      let submits = 0;
      GPUQueue.prototype.submit = function (...commands) {
        if (++submits === 2) device.destroy();
        return submit.apply(this, commands);
      };
      return device;
    };`,
    "text/javascript",
  );
  bed.routes["/patched-worker.js"] = answer(
    `import "/patch.js"; import "/node_modules/photonet/dist/worker.js";`,
    "text/javascript",
  );
  const photos = somePhotos(20);
  const page = await bed.page();
  const found = await page.evaluate(
    async (urls) => {
      const notices = [];
      const worker = new Worker("/patched-worker.js", { type: "module" });
      const classifier = await photonet.Classifier.load("/model.safetensors", { worker, onNotice: (notice) => notices.push(notice) });
      const files = await Promise.all(urls.map((url) => helpers.file(url)));
      const before = classifier.backend;
      const outcomes = await classifier.classifyAll(files);
      return {
        notices,
        backends: [before, classifier.backend],
        rows: outcomes.map(({ result, error }) => (result ? [...result.logits] : error.message)),
      };
    },
    photos.map(({ url }) => url),
  );
  assert.deepEqual(found.backends, ["webgpu", "cpu"]);
  assert.match(found.notices.join(), /CPU takes over.*gone for good/);
  photos.forEach(({ logits, url }, index) => {
    assert.ok(difference(found.rows[index], logits) < 1e-3, `${url}: ${found.rows[index]}`);
  });
  await page.free();
});

describe("webgpu by name", () => {
  test("is a DeviceError where there is none", async () => {
    const found = await auto(() => delete Navigator.prototype.gpu, { backend: "webgpu" });
    assert.equal(found.kind, "DeviceError", JSON.stringify(found));
    assert.match(found.message, /WebGPU/);
  });

  test("is a DeviceError where there is no adapter, which says why that may be", async () => {
    const found = await auto(
      () => {
        GPU.prototype.requestAdapter = async () => null;
      },
      { backend: "webgpu" },
    );
    assert.equal(found.kind, "DeviceError", JSON.stringify(found));
    assert.match(found.message, /no WebGPU adapter.*hardware acceleration/);
  });

  test("is a DeviceError where the device is refused", async () => {
    const found = await auto(
      `GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException("no such luck", "OperationError"));`,
      { backend: "webgpu" },
    );
    assert.equal(found.kind, "DeviceError", JSON.stringify(found));
    assert.match(found.message, /no such luck/);
  });
});

/** Keeps the devices at `devices`. */
const KEEP = `window.devices = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    devices.push(device);
    return device;
  };`;

for (const [what, init] of [
  ["photos one at a time", KEEP],
  ["a batch of eight", `(${disguise})(); ${KEEP}`],
]) {
  test(`a device lost in the middle of ${what} is replaced, with right answers`, async () => {
    const photos = somePhotos(20);
    const page = await bed.page({ init });
    const found = await page.evaluate(
      async (urls) => {
        const notices = [];
        const options = { backend: "webgpu", onNotice: (notice) => notices.push(notice) };
        const classifier = await photonet.Classifier.load("/model.safetensors", options);
        const files = await Promise.all(urls.map((url) => helpers.file(url)));
        let destroyed = 0;
        const { submit } = GPUQueue.prototype;
        let submits = 0;
        GPUQueue.prototype.submit = function (...commands) {
          const result = submit.apply(this, commands);
          // In the middle: work is on its way to the device.
          if (++submits === 3) {
            devices[0].destroy();
            destroyed++;
          }
          return result;
        };
        const outcomes = await classifier.classifyAll(files);
        const after = await classifier.classify(files[0]);
        classifier.dispose();
        return { rows: outcomes.map(({ result }) => result && [...result.logits]), after: [...after.logits], notices, destroyed, devices: devices.length };
      },
      photos.map(({ url }) => url),
    );
    assert.equal(found.destroyed, 1);
    assert.equal(found.devices, 2);
    assert.match(found.notices.join(), /device was lost or failed; it was opened anew/);
    photos.forEach(({ logits, url }, index) => assert.ok(difference(found.rows[index] ?? [NaN], logits) < 1e-3, url));
    assert.ok(difference(found.after, photos[0].logits) < 1e-3);
    await page.free();
  });
}

/** Counts submits of work and of nothing, and tells on the channel `submits` when it is asked to. */
const COUNT = `if (globalThis.GPUQueue) {
  const counts = { work: 0, empty: 0 };
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (commands) {
    counts[commands.length > 0 ? "work" : "empty"]++;
    return submit.call(this, commands);
  };
  new BroadcastChannel("submits").onmessage = ({ data, target }) => data === "how many?" && target.postMessage(counts);
}`;

for (const place of ["the page", "a worker"]) {
  test(`in ${place}, Firefox is asked for a result until it has come, others tell of it`, async () => {
    bed.routes["/count.js"] = answer(COUNT, "text/javascript");
    bed.routes["/counting-worker.js"] = answer('import "/count.js"; import "/node_modules/photonet/dist/worker.js";', "text/javascript");
    const page = await bed.page({ init: place === "the page" ? COUNT : undefined });
    const photos = somePhotos(4);
    const found = await page.evaluate(
      async ([urls, inWorker]) => {
        const channel = new BroadcastChannel("submits");
        const submits = () =>
          new Promise((resolve) => {
            channel.onmessage = ({ data }) => resolve(data);
            channel.postMessage("how many?");
          });
        const worker = inWorker ? new Worker("/counting-worker.js", { type: "module" }) : undefined;
        const classifier = await photonet.Classifier.load("/model.safetensors", { backend: "webgpu", worker });
        const labels = [];
        for (const url of urls) labels.push((await classifier.classify(url)).top[0].label);
        const then = await submits();
        await new Promise((resolve) => setTimeout(resolve, 200));
        const later = await submits();
        classifier.dispose();
        return { labels, then, later };
      },
      [photos.map(({ url }) => url), place === "a worker"],
    );
    assert.deepEqual(found.labels, photos.map(({ top }) => top[0].label));
    assert.ok(found.then.work >= photos.length);
    assert.equal(found.then.empty > 0, engine === "firefox", `${found.then.empty} submits of nothing`);
    assert.deepEqual(found.later, found.then, "it is asked after the result has come");
    await page.free();
  });
}

test("pipelines are made while the model is still on its way, asynchronously first", async () => {
  const bytes = readFileSync(model);
  let finish;
  bed.routes["/held.safetensors"] = async (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    response.write(bytes.subarray(0, 200_000));
    await new Promise((resolve) => (finish = resolve));
    response.end(bytes.subarray(200_000));
  };
  const page = await bed.page({
    init: `window.made = { compiled: 0, compiling: 0, ahead: 0, late: 0, arrived: false, unready: 0 };
      const { createComputePipeline, createComputePipelineAsync } = GPUDevice.prototype;
      GPUDevice.prototype.createComputePipelineAsync = function (...options) {
        made.compiling++;
        const promise = createComputePipelineAsync.apply(this, options);
        promise.then(() => made.compiled++);
        return promise;
      };
      GPUDevice.prototype.createComputePipeline = function (...options) {
        if (made.compiled < made.compiling) made.unready++;
        made[made.arrived ? "late" : "ahead"]++;
        return createComputePipeline.apply(this, options);
      };`,
  });
  await page.evaluate(() => {
    window.loading = photonet.Classifier.load("/held.safetensors", { backend: "webgpu", cache: false });
  });
  await page.waitForFunction(() => made.ahead > 0 && made.ahead === made.compiled, undefined, { timeout: 60_000, polling: 50 });
  await page.evaluate(() => (made.arrived = true));
  finish();
  const found = await page.evaluate(async () => ({ labels: (await loading).labels.length, made }));
  assert.ok(found.labels > 1);
  assert.ok(found.made.ahead > 3, `${found.made.ahead} pipelines were made ahead`);
  assert.equal(found.made.late, 0, "some were made after the model had come only");
  assert.equal(found.made.unready, 0, "some were made on the page's time, before the browser had compiled them");
  await page.free();
});

test("pipelines that fail are told of before the model has come", async () => {
  let finish;
  const bytes = readFileSync(model);
  bed.routes["/never.safetensors"] = async (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
    response.write(bytes.subarray(0, 200_000));
    await new Promise((resolve) => (finish = resolve));
    response.end();
  };
  const page = await bed.page({
    init: `const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function () { return createShaderModule.call(this, { code: "no shader" }); };`,
  });
  const message = await page.evaluate(() =>
    photonet.Classifier.load("/never.safetensors", { backend: "webgpu", cache: false }).then(
      () => "loaded",
      (error) => `${error.name}: ${error.message}`,
    ),
  );
  finish();
  assert.match(message, /^DeviceError: the GPU driver refused/);
  await page.free();
});

test("a hidden tab goes on", async () => {
  const photos = somePhotos(6);
  const page = await bed.page();
  await page.evaluate(async () => {
    window.classifiers = await Promise.all(
      ["cpu", "webgpu"].map((backend) => photonet.Classifier.load("/model.safetensors", { backend })),
    );
  });
  const other = await page.context().newPage();
  await other.bringToFront();
  if (engine === "chromium") {
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setFocusEmulationEnabled", { enabled: false });
  }
  await page.evaluate(() => {
    // Headless browsers show every tab; timers are throttled as in a hidden one.
    Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
    Object.defineProperty(document, "hidden", { get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
    window.setTimeout = (call, delay, ...rest) => setInterval(call, Math.max(1000, delay ?? 0), ...rest);
    window.requestAnimationFrame = () => 0;
  });
  const rows = await page.evaluate(async (urls) => {
    const rows = [];
    for (const classifier of classifiers) {
      const started = performance.now();
      const outcomes = await classifier.classifyAll(urls);
      rows.push({ labels: outcomes.map(({ result }) => result?.top[0].label), took: performance.now() - started });
    }
    return rows;
  }, photos.map(({ url }) => url));
  for (const { labels, took } of rows) {
    assert.deepEqual(labels, photos.map(({ top }) => top[0].label));
    assert.ok(took < 5000, `took ${took} ms: something waits for timers`);
  }
  await page.free();
});
