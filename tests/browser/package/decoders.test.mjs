// Photos that further workers decode: the answers of one worker, in order, with a few photos on their way.
import assert from "node:assert/strict";
import { basename } from "node:path";
import { after, before, test } from "node:test";
import { engine, needs } from "../browser.mjs";
import { DIST, decodersBench } from "./decoders.mjs";
import { answer, AVIF, photos, somePhotos } from "./harness.mjs";
import { serve } from "../server.mjs";

let bed;
before(async () => {
  bed = await decodersBench("decoders");
});
after(() => bed?.close());

/** The time of decoding and resizing is there or, by a coarse clock, not: it is no part of the answer. */
function untimed(outcomes) {
  return outcomes.map(({ timed: _, ...rest }) => rest);
}

for (const backend of ["cpu", "webgpu"]) {
  test(`on ${backend}: every kind of photo, a bad one among them, as one worker answers them`, backend === "webgpu" ? needs("WebGPU") : {}, async () => {
    const urls = photos().map(({ path }) => `/photos/${encodeURIComponent(basename(path))}`);
    bed.asked = 0;
    const found = await bed.onPage(
      async ([urls, avif, backend]) => {
        const files = await Promise.all(urls.map((url) => helpers.file(url)));
        const [file] = files;
        const bitmap = await createImageBitmap(file);
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        const bytes = new Uint8Array(await file.arrayBuffer());
        const foreign = new File([Uint8Array.from(atob(avif), (c) => c.charCodeAt(0))], "photo.avif");
        const list = [canvas, ...files.slice(0, 3), new File(["this is no picture"], "notes.jpg"), bytes, "/nowhere.jpg", foreign, 7];
        list.push(new File([bytes.slice(0, 300)], "half.jpg"), bytes.slice().buffer, urls[1], ...files);
        const one = await load({ backend });
        const expected = (await one.classifyAll(list)).map(plain);
        const decoders = [start(), start()];
        const several = await load({ decoders, backend });
        const rounds = [];
        const told = [];
        // In the second round all are there from the beginning.
        for (let round = 0; round < 2; round++) {
          rounds.push((await several.classifyAll(list, { onResult: ({ index }) => told.push(index) })).map(plain));
          if (round === 0) while (decoders.some((worker) => count(worker, "prepare") === 0)) await several.classifyAll(files);
          for (const worker of round === 0 ? decoders : []) worker.ops.length = 0;
        }
        several.dispose();
        one.dispose();
        const ops = decoders.map((worker) => [...new Set(worker.ops)].sort());
        const prepared = decoders.reduce((sum, worker) => sum + count(worker, "prepare"), 0);
        return { expected, rounds, told, ops, prepared, left: bytes.length, notices, undecoded: 4 };
      },
      [urls, AVIF, backend],
    );
    for (const round of found.rounds) assert.deepEqual(untimed(round), untimed(found.expected));
    const { expected } = found;
    assert.deepEqual(found.told, [...expected, ...expected].map(({ index }) => index));
    assert.match(expected[4].error, /notes\.jpg.*this is no/);
    assert.equal(expected[4].kind, "ImageError");
    assert.equal(expected[7].decodedBy, "browser");
    assert.equal(expected.filter(({ error }) => error).length, 4);
    assert.equal(found.prepared, expected.length - 3, "the decoders had every file");
    for (const ops of found.ops) assert.deepEqual(ops, ["close", "prepare"]);
    assert.ok(found.left > 0);
    assert.deepEqual(found.notices.filter((notice) => /decod/.test(notice)), []);
    assert.equal(bed.asked, 2, "only the engines fetch the wasm");
  });
}

test("photos are begun in their turn, a few ahead, and a generator is asked no sooner", async () => {
  const found = await bed.onPage(async (url) => {
    const file = await helpers.file(url);
    const classifier = await load({ decoders: [start(), start()] });
    let given = 0;
    let ahead = 0;
    function* list() {
      for (; given < 60; given++) yield file;
    }
    const outcomes = await classifier.classifyAll(list(), {
      onResult: ({ index }) => {
        ahead = Math.max(ahead, given - index);
      },
    });
    const stopped = { given: 0, returned: false };
    function* endless() {
      try {
        for (;;) {
          stopped.given++;
          yield file;
        }
      } finally {
        stopped.returned = true;
      }
    }
    const abort = new AbortController();
    const end = await helpers.ending(classifier.classifyAll(endless(), { signal: abort.signal, onResult: ({ index }) => index === 5 && abort.abort() }));
    const { given: then } = stopped;
    await classifier.classify(file);
    function* failing() {
      yield file;
      throw new Error("no more photos");
    }
    const failed = await helpers.ending(classifier.classifyAll(failing()));
    return { good: outcomes.filter(({ result }) => result).length, ahead, end, stopped, then, failed };
  }, somePhotos(1)[0].url);
  assert.equal(found.good, 60);
  assert.ok(found.ahead <= 6, `${found.ahead} ahead`);
  assert.equal(found.end.kind, "AbortError");
  assert.ok(found.stopped.returned);
  assert.ok(found.stopped.given < 20 && found.stopped.given === found.then, `${found.stopped.given} asked for`);
  assert.equal(found.failed.message, "no more photos");
});

test("an abort in the middle ends at once, and the next photos are answered", async () => {
  const [photo] = somePhotos(1);
  const found = await bed.onPage(async (url) => {
    const file = await helpers.file(url);
    const decoders = [start(), start()];
    const classifier = await load({ decoders });
    const ends = [];
    for (let round = 0; round < 3; round++) {
      const abort = new AbortController();
      const seen = [];
      const call = classifier.classifyAll(Array(60).fill(file), {
        signal: abort.signal,
        onResult: ({ index }) => {
          seen.push(index);
          if (index === 7) abort.abort(new Error("changed my mind"));
        },
      });
      ends.push({ ...(await helpers.ending(call)), seen });
    }
    // One goes on while the other is stopped.
    const abort = new AbortController();
    const stopped = helpers.ending(classifier.classifyAll(Array(30).fill(file), { signal: abort.signal }));
    const all = classifier.classifyAll(Array(30).fill(file));
    setTimeout(() => abort.abort(), 20);
    ends.push({ ...(await stopped), seen: [] });
    const late = await helpers.ending(classifier.classifyAll([file, file], { signal: AbortSignal.abort() }));
    const labels = (await all).map(({ result }) => result?.top[0].label);
    return { ends, late, labels, aborts: decoders.reduce((sum, worker) => sum + count(worker, "abort"), 0), notices };
  }, photo.url);
  for (const { kind, seen } of [...found.ends, { ...found.late, seen: [] }]) {
    assert.equal(kind, "AbortError");
    assert.deepEqual(seen, seen.length ? [0, 1, 2, 3, 4, 5, 6, 7] : []);
  }
  assert.ok(found.aborts > 0, "the decoders were not told");
  assert.deepEqual(found.labels, Array(30).fill(photo.top[0].label));
  assert.deepEqual(found.notices, []);
});

test("a decoder from another site, through workerFrom", async () => {
  const [photo] = somePhotos(1);
  const cdn = await serve({ folders: [bed.project], headers: { "access-control-allow-origin": "*" } });
  try {
    const found = await bed.onPage(
      async ([script, url]) => {
        machine(2, 8);
        const file = await helpers.file(url);
        const classifier = await load({ worker: photonet.workerFrom(script), decoders: () => photonet.workerFrom(script) });
        const outcomes = [...(await classifier.classifyAll(Array(20).fill(file))), ...(await classifier.classifyAll(Array(20).fill(file)))];
        classifier.dispose();
        return { labels: outcomes.map(({ result }) => result.top[0].label), notices };
      },
      [cdn.url + `${DIST}/worker.js`, photo.url],
    );
    assert.deepEqual(found.labels, Array(40).fill(photo.top[0].label));
    assert.deepEqual(found.notices, []);
  } finally {
    await cdn.close();
  }
});

test("a function starts as many as the machine has room for, once a second photo waits; dispose() ends them", async () => {
  const [photo] = somePhotos(1);
  const found = await bed.onPage(async (url) => {
    const file = await helpers.file(url);
    const rows = [];
    for (const [cores, memory] of [[1, 8], [2, 8], [4, 8], [16, 8], [16, undefined], [8, 4], [8, 2], [8, 1]]) {
      machine(cores, memory);
      started.length = ended.length = 0;
      const classifier = await load({ decoders: () => start() });
      const [alone] = await classifier.classifyAll([file]);
      await classifier.classify(file);
      const before = started.length;
      const call = classifier.classifyAll(Array(40).fill(file));
      // Those that were called before have their answers.
      classifier.dispose();
      const labels = (await call).map(({ result }) => result?.top[0].label);
      const late = await helpers.ending(classifier.classifyAll([file, file]));
      rows.push({ before: before - 1, decoders: started.length - before, alone: alone.result.top[0].label, labels, late });
      while (ended.length < started.length - 1) await new Promise((resolve) => setTimeout(resolve, 10));
      rows.at(-1).ended = ended.length;
      rows.at(-1).engine = ended.includes(started[0]);
      started[0].terminate();
    }
    return rows;
  }, photo.url);
  assert.deepEqual(found.map(({ decoders }) => decoders), [0, 2, 3, 4, 3, 2, 1, 0]);
  for (const { before, decoders, alone, labels, late, ended, engine } of found) {
    assert.equal(before, 0, "started for one photo");
    assert.deepEqual([alone, ...labels], Array(41).fill(photo.top[0].label));
    assert.equal(late.kind, "DeviceError");
    assert.match(late.message, /disposed/);
    assert.equal(ended, decoders);
    assert.equal(engine, false);
  }
});

test("a worker starts decoders itself, but in Firefox, or is given ports to them", async () => {
  const [photo] = somePhotos(1);
  bed.routes["/customer.js"] = answer(
    `import { Classifier } from "${DIST}/index.js";
    Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 });
    const counting = (decoder, count) => {
      const { postMessage } = decoder;
      decoder.postMessage = (message, transfer) => {
        if (message.what.op === "prepare") count();
        postMessage.call(decoder, message, transfer);
      };
      return decoder;
    };
    async function labels(decoders, photo, enough) {
      const notices = [];
      const classifier = await Classifier.load("/model.safetensors", { backend: "cpu", decoders, onNotice: (notice) => notices.push(notice) });
      const labels = new Set();
      do {
        for (const { result } of await classifier.classifyAll([photo, photo, photo])) labels.add(result.top[0].label);
      } while (!enough());
      classifier.dispose();
      return { labels: [...labels], notices };
    }
    addEventListener("message", async ({ data: { url, ports, own } }) => {
      const photo = await (await fetch(url)).blob();
      let [started, prepared] = [0, 0];
      const start = () => {
        started += 1;
        return counting(new Worker("${DIST}/worker.js", { type: "module" }), () => (prepared += 1));
      };
      const byOwn = await labels(start, photo, () => !own || prepared > 2);
      const through = [0, 0];
      const byPorts = await labels(ports.map((port, index) => counting(port, () => (through[index] += 1))), photo, () => Math.min(...through) > 2);
      postMessage({ byOwn, started, byPorts });
    });
    postMessage("ready");`,
    "text/javascript",
  );
  const own = engine !== "firefox";
  const found = await bed.onPage(
    ([url, own, dist]) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/customer.js", { type: "module" });
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.onmessage = ({ data }) => {
          if (data !== "ready") return resolve(data);
          const ports = [0, 1].map(() => photonet.portTo(new Worker(`${dist}/worker.js`, { type: "module" })));
          worker.postMessage({ url, ports, own }, ports);
        };
      }),
    [photo.url, own, DIST],
  );
  const right = { labels: [photo.top[0].label], notices: [] };
  assert.deepEqual(found, { byOwn: right, started: own ? 2 : 0, byPorts: right });
});

test("decoders that were started have their rest and are started anew", needs("scripts before the page's"), async () => {
  const [photo] = somePhotos(1);
  const init = `const { setTimeout: later } = window; window.setTimeout = (call, delay, ...rest) => later(call, delay === 20_000 ? 50 : delay, ...rest);`;
  const found = await bed.onPage(
    async (url) => {
      machine(2, 8);
      const file = await helpers.file(url);
      const classifier = await load({ decoders: () => start() });
      const labels = [];
      for (let round = 1; round < 3; round++) {
        labels.push(...(await classifier.classifyAll(Array(20).fill(file))).map(({ result }) => result.top[0].label));
        while (ended.length < 2 * round) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return { labels, started: started.length, notices };
    },
    photo.url,
    { init },
  );
  assert.deepEqual(found.labels, Array(40).fill(photo.top[0].label));
  assert.equal(found.started, 5);
  assert.deepEqual(found.notices, []);
});

test("two classifiers share their decoders, and one of them goes", async () => {
  const [photo] = somePhotos(1);
  const found = await bed.onPage(async (url) => {
    const file = await helpers.file(url);
    const worker = start();
    const decoders = [start(), start()];
    const [a, b] = await Promise.all([load({ worker, decoders }), load({ worker, decoders })]);
    const both = await Promise.all([a, b].map((classifier) => classifier.classifyAll(Array(20).fill(file))));
    a.dispose();
    const after = await b.classifyAll(Array(20).fill(file));
    // The engine may be on this thread as well.
    const here = await load({ worker: undefined, decoders });
    const local = await here.classifyAll(Array(20).fill(file));
    const labels = [...both.flat(), ...after, ...local].map(({ result }) => result?.top[0].label);
    return { labels, ended: ended.length, notices };
  }, photo.url);
  assert.deepEqual(found.labels, Array(80).fill(photo.top[0].label));
  assert.equal(found.ended, 0, "they are the caller's");
  assert.deepEqual(found.notices, []);
});
