// What goes wrong while loading: the wasm, the policy, the model. Each error says what happened and what to do.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answer, bench, model, root, statedPolicy } from "./harness.mjs";
import { serve } from "../server.mjs";
import { withLittleMemory } from "./memory.mjs";

const WASM = "/node_modules/photonet/dist/photonet_wasm_bg.wasm";

let bed, wasm;
before(async () => {
  bed = await bench("failures", { webgpu: false });
  wasm = readFileSync(join(bed.project, WASM));
});
after(() => bed?.close());

/** How loading ends on a fresh page. */
async function ending(source, { path = "/", options = {}, offline = false } = {}) {
  const page = await bed.page({ path });
  try {
    if (offline) await page.context().setOffline(true);
    return await page.evaluate(
      async ([source, options]) => {
        const { value, ...error } = await helpers.ending(photonet.Classifier.load(source, { backend: "cpu", ...options }));
        return value ? { labels: value.labels } : error;
      },
      [source, options],
    );
  } finally {
    await page.free();
  }
}

/** A page with this policy. */
function policy(path, value) {
  const page = `<!doctype html><meta charset="utf-8"><script type="module" src="/start.js"></script>`;
  bed.routes["/start.js"] = answer(
    `import * as photonet from "/node_modules/photonet/dist/index.js"; window.photonet = photonet;`,
    "text/javascript",
  );
  bed.routes[path] = answer(page, "text/html", { headers: { "content-security-policy": value } });
}

describe("the wasm", () => {
  const cases = [
    ["sent as HTML", answer("<!doctype html>"), /200 text\/html.*single-page fallback.*optimizeDeps/],
    ["missing", answer("no", "text/plain", { status: 404 }), /404.*not copied.*optimizeDeps/],
    ["refused", answer("<h1>403 Restricted</h1>", "text/html", { status: 403 }), /403.*server\.fs\.allow/],
    ["an HTML page that calls itself wasm", answer("<!doctype html>", "application/wasm"), /no wasm file.*not copied/],
    ["damaged", () => answer(wasm.subarray(0, 5000), "application/wasm"), /does not start.*damaged/],
  ];
  for (const [what, route, message] of cases) {
    test(`${what} is a DeviceError that names the causes`, async () => {
      // The function that makes a route knows the wasm only once the tests run.
      bed.routes[WASM] = route.length === 0 ? route() : route;
      try {
        const found = await ending("/model.safetensors");
        assert.equal(found.kind, "DeviceError", JSON.stringify(found));
        assert.match(found.message, message);
      } finally {
        delete bed.routes[WASM];
      }
    });
  }

  test("with a wrong type starts all the same", async () => {
    bed.routes[WASM] = answer(wasm, "application/octet-stream");
    try {
      assert.ok((await ending("/model.safetensors")).labels.length > 1);
    } finally {
      delete bed.routes[WASM];
    }
  });

  test("whose memory runs out answers with an error, and what is asked then as well", async () => {
    // Too little for the numbers of the model's weights.
    bed.routes["/little.wasm"] = answer(withLittleMemory(wasm, 16), "application/wasm");
    const page = await bed.page();
    const errors = await page.evaluate(async () => {
      const load = () => helpers.ending(photonet.Classifier.load("/model.safetensors", { backend: "cpu", wasm: "/little.wasm" }));
      return [await load(), await load()];
    });
    for (const { kind, message } of errors) {
      assert.equal(kind, "DeviceError", message);
      assert.match(message, /memory ran out .*reload the page/);
    }
    await page.free();
  });

  test("may lie elsewhere", async () => {
    bed.routes["/elsewhere/engine.wasm"] = answer(wasm, "application/wasm");
    bed.routes[WASM] = answer("no", "text/plain", { status: 404 });
    try {
      assert.ok((await ending("/model.safetensors", { options: { wasm: "elsewhere/engine.wasm" } })).labels.length > 1);
    } finally {
      delete bed.routes[WASM];
    }
  });

  test("of a bundle that is no ES module is asked for by name, and taken from the address that is given", async () => {
    const { build } = await import(join(root, "web/node_modules/esbuild/lib/main.js"));
    writeFileSync(join(bed.project, "all.js"), 'import * as photonet from "photonet"; window.photonet = photonet;');
    const options = { entryPoints: [join(bed.project, "all.js")], bundle: true, format: "iife", write: false, logLevel: "silent" };
    const [{ text }] = (await build(options)).outputFiles;
    bed.routes["/iife.js"] = answer(text, "text/javascript");
    bed.routes["/iife"] = answer('<!doctype html><meta charset="utf-8"><script src="/iife.js"></script>');
    const found = await ending("/model.safetensors", { path: "/iife" });
    assert.equal(found.kind, "DeviceError", JSON.stringify(found));
    assert.match(found.message, /the wasm is not found.*no ES module.*`wasm`/);
    assert.ok((await ending("/model.safetensors", { path: "/iife", options: { wasm: WASM } })).labels.length > 1);
  });

  test("can be tried again after a failure, on the same page", async () => {
    const page = await bed.page();
    bed.routes[WASM] = answer("no", "text/plain", { status: 503 });
    const load = () =>
      page.evaluate(async () => {
        const { value, kind } = await helpers.ending(photonet.Classifier.load("/model.safetensors", { backend: "cpu" }));
        return value ? "loaded" : kind;
      });
    try {
      assert.equal(await load(), "DeviceError");
    } finally {
      delete bed.routes[WASM];
    }
    assert.equal(await load(), "loaded");
    await page.free();
  });
});

describe("the Content-Security-Policy", () => {
  test("needs no unsafe-eval and no other site", async () => {
    policy("/strict", statedPolicy());
    assert.ok((await ending("/model.safetensors", { path: "/strict" })).labels.length > 1);
  });

  test("of a page whose worker is another site's names blob: and that site", async () => {
    const cdn = await serve({ folders: [bed.project], headers: { "access-control-allow-origin": "*" } });
    const script = `${cdn.url}/node_modules/photonet/dist/worker.js`;
    const from = async (path, value) => {
      policy(path, value);
      const page = await bed.page({ path });
      const found = await page.evaluate(async (script) => {
        const options = { worker: photonet.workerFrom(script), backend: "cpu" };
        return helpers.ending(photonet.Classifier.load("/model.safetensors", options).then(({ labels }) => labels));
      }, script);
      await page.free();
      return found;
    };
    try {
      const allowed = statedPolicy().replace("connect-src 'self'", `$& ${cdn.url}`).replace("worker-src 'self'", `worker-src blob: ${cdn.url}`);
      const taken = await from("/blob", allowed);
      assert.ok(taken.value?.length > 1, JSON.stringify(taken));
      const refused = await from("/noblob", statedPolicy());
      assert.equal(refused.kind, "DeviceError", JSON.stringify(refused));
      assert.match(refused.message, /worker-src, script-src/);
    } finally {
      await cdn.close();
    }
  });

  test("without wasm-unsafe-eval gives an error that says what to add", async () => {
    policy("/nowasm", "default-src 'none'; script-src 'self'; connect-src 'self'");
    const found = await ending("/model.safetensors", { path: "/nowasm" });
    assert.equal(found.kind, "DeviceError");
    assert.match(found.message, /add 'wasm-unsafe-eval' to script-src/);
  });

  test("without connect-src gives an error that names it", async () => {
    policy("/noconnect", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'");
    const found = await ending("/model.safetensors", { path: "/noconnect" });
    assert.match(found.message, /cannot fetch.*Content-Security-Policy \(connect-src\)/);
  });
});

describe("the model", () => {
  const bytes = () => readFileSync(model);
  const cases = [
    ["404", () => answer("no", "text/plain", { status: 404 }), /404.*\/model\.bad.*is the address right/],
    ["500", () => answer("no", "text/plain", { status: 500 }), /500.*\/model\.bad/],
    ["an HTML page", () => answer("<!doctype html><title>App</title>"), /HTML page.*\/model\.bad/],
    ["an HTML page of no type", () => answer("<!doctype html><title>App</title>", "application/octet-stream"), /not a/],
    ["empty", () => answer("", "application/octet-stream"), /not a|empty/],
    ["truncated", () => answer(bytes().subarray(0, bytes().length / 2), "application/octet-stream"), /truncated/],
    ["cut in its header", () => answer(bytes().subarray(0, 200), "application/octet-stream"), /truncated|not a/],
    ["another project's", () => answer(foreign(), "application/octet-stream"), /model\.bad/],
    ["damaged in its weights", () => answer(spoiled(bytes()), "application/octet-stream"), /model\.bad.*not finite.*damaged/],
    ["damaged in a name", () => answer(renamed(bytes()), "application/octet-stream"), /model\.bad/],
  ];
  for (const [what, route, message] of cases) {
    test(`${what} is a ModelError that says so`, async () => {
      bed.routes["/model.bad"] = route();
      const found = await ending("/model.bad");
      assert.equal(found.kind, "ModelError", JSON.stringify(found));
      assert.match(found.message, message);
    });
  }

  test("from a server that hangs up is a ModelError with the bytes so far", async () => {
    bed.routes["/model.bad"] = (_, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes().length });
      response.write(bytes().subarray(0, 100_000), () => response.destroy());
    };
    const found = await ending("/model.bad");
    assert.equal(found.kind, "ModelError");
    assert.match(found.message, /broke off after \d+/);
  });

  test("without a network is a ModelError that asks for it", async () => {
    const page = await bed.page();
    await page.evaluate(() => photonet.Classifier.load("/model.safetensors", { backend: "cpu", cache: false }).then((c) => c.dispose()));
    await page.context().setOffline(true);
    const found = await page.evaluate(async () => {
      let exported;
      const load = photonet.Classifier.load("/model.safetensors", { cache: false }).catch((error) => {
        exported = error.constructor === photonet.ModelError;
        throw error;
      });
      return { ...(await helpers.ending(load)), exported };
    });
    assert.equal(found.kind, "ModelError");
    assert.match(found.message, /cannot fetch the model.*Is the network there/);
    assert.ok(found.exported, "its class is none that is exported");
    await page.free();
  });

  test("with another hash than expected is a ModelError with both", async () => {
    const found = await ending("/model.safetensors", { options: { sha256: "0".repeat(64) } });
    assert.equal(found.kind, "ModelError");
    assert.match(found.message, /SHA-256 [0-9a-f]{64}, expected 0{64}/);
  });

  test("that is no source, and impossible options", async () => {
    const page = await bed.page();
    const [nothing, number, empty, top, backend, precision] = await page.evaluate(() =>
      Promise.all([
        helpers.ending(photonet.Classifier.load(undefined, { backend: "cpu" })),
        helpers.ending(photonet.Classifier.load(5, { backend: "cpu" })),
        helpers.ending(photonet.Classifier.load(" ", { backend: "cpu" })),
        helpers.ending(photonet.Classifier.load("/model.safetensors", { topK: 0 })),
        helpers.ending(photonet.Classifier.load("/model.safetensors", { backend: "gpu" })),
        helpers.ending(photonet.Classifier.load("/model.safetensors", { precision: 16 })),
      ]),
    );
    assert.equal(nothing.kind, "ModelError");
    assert.equal(number.kind, "ModelError");
    assert.equal(empty.kind, "ModelError");
    assert.match(empty.message, /` ` is not the address of a model/);
    assert.equal(top.name, "RangeError");
    assert.equal(backend.name, "RangeError");
    assert.equal(backend.message, 'backend must be one of "auto", "webgpu", "cpu", not "gpu"');
    assert.equal(precision.message, 'precision must be one of "f32", "f16", not 16');
    await page.free();
  });

  test("may be a File, a Blob, an ArrayBuffer, a Uint8Array or a URL, and reports progress", async () => {
    const page = await bed.page();
    const found = await page.evaluate(async () => {
      const file = await helpers.file("/model.safetensors");
      const buffer = await file.arrayBuffer();
      const sources = [file, new Blob([buffer]), buffer, new Uint8Array(buffer), new URL("/model.safetensors", location.href)];
      const rows = [];
      for (const source of sources) {
        const progress = [];
        const classifier = await photonet.Classifier.load(source, { backend: "cpu", onProgress: (p) => progress.push(p) });
        rows.push({ sha256: classifier.info.sha256, bytes: classifier.info.bytes, last: progress.at(-1), steps: progress.length });
        classifier.dispose();
      }
      return { rows, size: buffer.byteLength };
    });
    for (const { sha256, bytes, last, steps } of found.rows) {
      assert.equal(sha256, found.rows[0].sha256);
      assert.equal(bytes, found.size);
      assert.deepEqual([last.loaded, last.total], [found.size, found.size]);
      assert.ok(steps >= 1);
    }
    await page.free();
  });
});

/** A safetensors file that is none of Photonet's. */
function foreign() {
  const header = Buffer.from(JSON.stringify({ weight: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, Buffer.alloc(8)]);
}

/** A model some of whose weights are not numbers. */
function spoiled(bytes) {
  return Buffer.from(bytes).fill(0xff, bytes.length / 2, bytes.length / 2 + 64);
}

/** A model whose classifier's weights have another name. */
function renamed(bytes) {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf('"classifier.weight"');
  assert.ok(at > 0);
  copy.write('"klassifier.weight"', at);
  return copy;
}
