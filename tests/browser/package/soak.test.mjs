// Thousands of photos in one page leave nothing behind.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bench, somePhotos } from "./harness.mjs";

let bed;
before(async () => {
  bed = await bench("soak");
});
after(() => bed?.close());

for (const [backend, count, warm] of [
  ["cpu", 2000, 100],
  ["webgpu", 2000, 100],
]) {
  test(`${count} classifications on ${backend}`, async () => {
    const photos = somePhotos(4);
    const page = await bed.page({ init: countBuffers });
    const session = await page.context().newCDPSession(page);
    await page.evaluate(
      async ([backend, urls]) => {
        const classifier = await photonet.Classifier.load("/model.safetensors", { backend });
        const files = await Promise.all(urls.map((url) => helpers.file(url)));
        // Between the photos some that are refused, one in a format of the browser's, and drawn ones.
        const bad = new File(["no picture"], "bad.jpg");
        const canvas = new OffscreenCanvas(300, 200);
        canvas.getContext("2d").fillRect(0, 0, 300, 200);
        let next = 0;
        const labels = new Set();
        window.classifySome = async (count) => {
          for (let i = 0; i < count; i++) {
            const at = next++ % files.length;
            const { top } = await classifier.classify(files[at], { topK: 1 });
            labels.add(`${at} ${top[0].label}`);
            if (i % 50 === 0) {
              await classifier.classify(bad).catch(() => undefined);
              await classifier.classify(canvas);
              await classifier.embed(files[at]);
            }
          }
          return labels.size;
        };
        window.finish = () => classifier.dispose();
      },
      [backend, photos.map(({ url }) => url)],
    );
    const measure = async () => {
      const rest = await page.evaluate(() => ({
        wasm: wasmMemories.map(({ buffer }) => buffer.byteLength),
        buffers: live.buffers,
        bytes: live.bytes,
      }));
      return { ...(await living(session)), ...rest };
    };
    // In pieces: one call to the page may take two minutes at most.
    const classify = async (count) => {
      let labels;
      for (let done = 0; done < count; done += 200) {
        labels = await page.evaluate((count) => classifySome(count), Math.min(200, count - done));
      }
      return labels;
    };
    await classify(warm);
    const start = await measure();
    assert.equal(start.wasm.length, 1, "the wasm's memory was not seen");
    const answers = await classify(count - warm);
    const end = await measure();
    assert.equal(answers, photos.length, "an answer changed on the way");
    assert.deepEqual(end.wasm, start.wasm, "the wasm's memory grew");
    assert.deepEqual([end.buffers, end.bytes], [start.buffers, start.bytes], "GPU buffers piled up");
    // One object kept for each photo would be ten times as many.
    const objects = end.objects - start.objects;
    assert.ok(objects < 0.1 * (count - warm), `${objects} more JavaScript objects after ${count - warm} photos`);
    const heap = end.heap - start.heap;
    assert.ok(heap < 50 * (count - warm), `the JavaScript heap grew by ${heap} bytes`);
    if (backend === "webgpu") assert.ok(start.buffers >= 10 && start.bytes > 1e6, `${start.buffers} of the GPU's buffers were seen, ${start.bytes} bytes`);
    await page.evaluate(() => finish());
    await page.waitForFunction(() => live.buffers === 0, undefined, { timeout: 10_000 });
    await page.free();
  });
}

test("loading and disposing of 20 classifiers leaves neither buffers nor memory", async () => {
  const page = await bed.page({ init: countBuffers });
  const cycle = (count, backend) =>
    page.evaluate(
      async ([count, backend]) => {
        const bytes = await (await fetch("/model.safetensors")).arrayBuffer();
        for (let i = 0; i < count; i++) (await photonet.Classifier.load(bytes, { backend })).dispose();
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { wasm: wasmMemories[0].buffer.byteLength, buffers: live.buffers };
      },
      [count, backend],
    );
  await cycle(3, "cpu");
  const start = await cycle(1, "webgpu");
  const end = await cycle(2, "webgpu");
  const processor = await cycle(20, "cpu");
  assert.deepEqual([start.buffers, end.buffers], [0, 0]);
  assert.equal(end.wasm, start.wasm);
  assert.equal(processor.wasm, start.wasm);
  await page.free();
});

/**
 * The JavaScript objects that are alive and their bytes. Without code, which the engine goes on to optimise for thousands
 * of calls, and without the engine's own records of it.
 */
async function living(session) {
  await session.send("HeapProfiler.collectGarbage");
  const parts = [];
  const collect = ({ chunk }) => parts.push(chunk);
  session.on("HeapProfiler.addHeapSnapshotChunk", collect);
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  session.off("HeapProfiler.addHeapSnapshotChunk", collect);
  const { nodes, strings, snapshot } = JSON.parse(parts.join(""));
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field));
  let objects = 0;
  let heap = 0;
  for (let at = 0; at < nodes.length; at += fields.length) {
    if (types[type][nodes[at + type]] === "code" || strings[nodes[at + name]].startsWith("system /")) continue;
    objects++;
    heap += nodes[at + size];
  }
  return { objects, heap };
}

/** Keeps the memories of the wasm, and counts the GPU buffers that are alive. */
function countBuffers() {
  window.wasmMemories = [];
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...options) => {
    const made = await instantiate(...options);
    wasmMemories.push((made.instance ?? made).exports.memory);
    return made;
  };
  window.live = { buffers: 0, bytes: 0 };
  const buffers = new Map();
  const gone = (buffer) => {
    const of = buffers.get(buffer);
    if (of === undefined) return;
    buffers.delete(buffer);
    live.buffers--;
    live.bytes -= buffer.size;
  };
  const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (...options) {
    const buffer = createBuffer.apply(this, options);
    buffers.set(buffer, this);
    live.buffers++;
    live.bytes += buffer.size;
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    gone(this);
    return destroy.call(this);
  };
  // A device takes its buffers with it.
  GPUDevice.prototype.destroy = function () {
    for (const [buffer, device] of buffers) if (device === this) gone(buffer);
    return destroyDevice.call(this);
  };
}
