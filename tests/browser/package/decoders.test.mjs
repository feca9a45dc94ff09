// Photos that further workers decode: the answers of one worker, in order, whatever becomes of the others.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { needs } from "../browser.mjs";
import { answer, AVIF, bench, photos, somePhotos } from "./harness.mjs";
import { serve } from "../server.mjs";

const DIST = "/node_modules/photonet/dist";
const WASM = `${DIST}/photonet_wasm_bg.wasm`;

let bed, wasm;
/** How often the wasm was asked for. */
let asked = 0;
before(async () => {
  bed = await bench("decoders");
  wasm = readFileSync(join(bed.project, WASM));
  bed.routes[WASM] = (request, response) => {
    asked++;
    answer(wasm, "application/wasm")(request, response);
  };
  // Workers that stop at their third photo, with an error or without a word.
  const spoiled = (then) => `let photos = 0;
    addEventListener("message", (event) => {
      if (event.data.what.op !== "prepare" || ++photos < 3) return;
      event.stopImmediatePropagation();
      ${then}
    });`;
  const scripts = {
    "/dying-first.js": spoiled(`throw new Error("died on purpose");`),
    "/hanging-first.js": spoiled(""),
    "/dying.js": `import "/dying-first.js"; import "${DIST}/worker.js";`,
    "/hanging.js": `import "/hanging-first.js"; import "${DIST}/worker.js";`,
    "/broken.js": "throw new Error('broken on purpose')",
    "/silent.js": "",
    "/trapping-first.js": `const { instantiate } = WebAssembly;
      WebAssembly.instantiate = async (module, imports) => {
        const { exports } = await instantiate(module, imports);
        const photo_decode = () => {
          throw new WebAssembly.RuntimeError("no memory");
        };
        return { module, instance: { exports: { ...exports, photo_decode } } };
      };`,
    "/trapping.js": `import "/trapping-first.js"; import "${DIST}/worker.js";`,
    "/keeping-first.js": `const post = postMessage;
      postMessage = (message, transfer) => {
        if (message.value instanceof WebAssembly.Module) throw new DOMException("no module", "DataCloneError");
        post(message, transfer);
      };`,
    "/keeping.js": `import "/keeping-first.js"; import "${DIST}/worker.js";`,
  };
  for (const [path, script] of Object.entries(scripts)) bed.routes[path] = answer(script, "text/javascript");
});
after(() => bed?.close());

/** What every test has in its page. */
function tools(dist) {
  window.started = [];
  window.ended = [];
  /** A worker that notes the kinds of messages that it gets. */
  window.start = (script) => {
    const worker = new Worker(script ?? `${dist}/worker.js`, { type: "module" });
    worker.ops = [];
    const { postMessage, terminate } = worker;
    worker.postMessage = (message, transfer) => {
      worker.ops.push(message.what.op);
      postMessage.call(worker, message, transfer);
    };
    worker.terminate = () => {
      ended.push(worker);
      terminate.call(worker);
    };
    started.push(worker);
    return worker;
  };
  window.count = (worker, op) => worker.ops.filter((other) => other === op).length;
  window.load = (options) => {
    window.notices = [];
    const base = { worker: start(), backend: "cpu", onNotice: (notice) => notices.push(notice) };
    return photonet.Classifier.load("/model.safetensors", { ...base, ...options });
  };
  /** Everything of an outcome that does not depend on the clock. */
  window.plain = ({ index, result, error }) => {
    if (error) return { index, error: error.message, kind: error.name };
    const { logits, width, height, decodedBy, backend, top, timings } = result;
    return { index, logits: Array.from(logits), width, height, decodedBy, backend, top, timed: timings.decode > 0 || timings.resize > 0 };
  };
  /** A machine of so many cores. */
  window.machine = (hardwareConcurrency, deviceMemory) => {
    Object.defineProperty(navigator, "hardwareConcurrency", { value: hardwareConcurrency, configurable: true });
    Object.defineProperty(navigator, "deviceMemory", { value: deviceMemory, configurable: true });
  };
}

async function onPage(what, argument, options) {
  const page = await bed.page(options);
  try {
    await page.evaluate(tools, DIST);
    return await page.evaluate(what, argument);
  } finally {
    await page.free();
  }
}

/** The time of decoding and resizing is there or, by a coarse clock, not: it is no part of the answer. */
function untimed(outcomes) {
  return outcomes.map(({ timed: _, ...rest }) => rest);
}

for (const backend of ["cpu", "webgpu"]) {
  test(`on ${backend}: every kind of photo, a bad one among them, as one worker answers them`, backend === "webgpu" ? needs("WebGPU") : {}, async () => {
    const urls = photos().map(({ path }) => `/photos/${encodeURIComponent(basename(path))}`);
    asked = 0;
    const found = await onPage(
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
    assert.equal(asked, 2, "only the engines fetch the wasm");
  });
}

test("photos are begun in their turn, a few ahead, and a generator is asked no sooner", async () => {
  const found = await onPage(async (url) => {
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
  const found = await onPage(async (url) => {
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
    const found = await onPage(classified, [photo.url, scripts, 3]);
    assert.deepEqual(found.labels, Array(120).fill(photo.top[0].label));
    assert.equal(found.notices.length, 2, found.notices.join("\n"));
    for (const notice of found.notices) assert.match(notice, /^a decoding worker failed: .*worker-src.*decoded without it/);
    assert.ok(found.prepared.every((count, index) => scripts[index] === null || count === 0));
  });
}

test("a decoder that dies in the middle loses no photo", async () => {
  const [photo] = somePhotos(1);
  for (const scripts of [["/dying.js", null], ["/dying.js"]]) {
    const found = await onPage(classified, [photo.url, scripts, 3]);
    assert.deepEqual(found.labels, Array(120).fill(photo.top[0].label));
    assert.equal(found.notices.length, 1, found.notices.join("\n"));
    assert.match(found.notices[0], /a decoding worker failed: .*died on purpose/);
  }
});

test("a decoder that does not answer, at all or any more, loses no photo", needs("scripts before the page's"), async () => {
  const [photo] = somePhotos(1);
  // Half a minute in a fiftieth of the time.
  const init = `const { setTimeout: later } = window; window.setTimeout = (call, delay, ...rest) => later(call, delay / 50, ...rest);`;
  const hanging = await onPage(classified, [photo.url, ["/hanging.js", null], 1], { init });
  assert.deepEqual(hanging.labels, Array(40).fill(photo.top[0].label));
  assert.match(hanging.notices.join("\n"), /a decoding worker failed: it does not answer/);
  // Nobody waits for one that never came.
  const silent = await onPage(classified, [photo.url, ["/silent.js"], 1], { init });
  assert.deepEqual(silent.labels, Array(40).fill(photo.top[0].label));
  assert.deepEqual(silent.prepared, [0]);
});

test("a photo for which a decoder has no memory is the engine's, which may have some", async () => {
  const [photo] = somePhotos(1);
  const found = await onPage(
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

test("a decoder from another site, through workerFrom", async () => {
  const [photo] = somePhotos(1);
  const cdn = await serve({ folders: [bed.project], headers: { "access-control-allow-origin": "*" } });
  try {
    const found = await onPage(
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

test("where compiled wasm is not handed on, decoders fetch it", async () => {
  const [photo] = somePhotos(1);
  for (const keeping of ["engine", "page"]) {
    asked = 0;
    const found = await onPage(
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
    assert.equal(asked, 2, keeping);
  }
});

test("a function starts as many as the machine has room for, once a second photo waits; dispose() ends them", async () => {
  const [photo] = somePhotos(1);
  const found = await onPage(async (url) => {
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

test("decoders that were started have their rest and are started anew", needs("scripts before the page's"), async () => {
  const [photo] = somePhotos(1);
  const init = `const { setTimeout: later } = window; window.setTimeout = (call, delay, ...rest) => later(call, delay === 20_000 ? 50 : delay, ...rest);`;
  const found = await onPage(
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
  const found = await onPage(async (url) => {
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
