// The package without a browser: what npm ships, Node, servers that only import it, and its types.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { brotliCompressSync } from "node:zlib";
import { difference, fixtures, folder, installed, lacksTools, model, packed, photos, root, somePhotos, tools } from "./harness.mjs";

let project, dist;
before(() => {
  project = installed("node");
  dist = join(project, "node_modules/photonet/dist");
});

/** Runs a module in the project with this Node. */
function node(code, ...options) {
  return execFileSync(process.execPath, [...options, "--input-type=module", "--eval", code], { cwd: project, encoding: "utf8" });
}

describe("the tarball", () => {
  test("holds what it should and nothing else", () => {
    const { files, unpackedSize } = packed(folder("tarball"));
    for (const needed of ["README.md", "package.json", "dist/index.js", "dist/index.d.ts", "dist/worker.js", "dist/node.js"]) {
      assert.ok(files.includes(needed), `${needed} is missing`);
    }
    for (const needed of ["LICENSE-MIT", "LICENSE-APACHE", "dist/photonet_wasm.js", "dist/photonet_wasm_bg.wasm", "dist/training.js", "dist/photonet_trainer_bg.wasm"]) {
      assert.ok(files.includes(needed), `${needed} is missing`);
    }
    const odd = files.filter((file) => !/^(README\.md|package\.json|LICENSE-(MIT|APACHE)|dist\/[\w-]+(\.d)?\.ts|dist\/[\w-]+\.(js|wasm))$/.test(file));
    assert.deepEqual(odd, []);
    assert.ok(!files.some((file) => /(?<!\.d)\.ts$|\.map$/.test(file)), "sources or source maps");
    assert.ok(unpackedSize < 3_200_000, `${unpackedSize} bytes`);
  });

  for (const [what, limit, others] of [
    ["what classifies", 420_000, /train/],
    ["what trains", 660_000, /photonet_wasm|classifier|worker|engine|local|remote|many|open/],
  ]) {
    test(`${what} stays below ${limit / 1000} KB with brotli: the wasm and its JavaScript, before any bundler makes it smaller`, () => {
      const { files } = packed(folder("tarball"));
      const loaded = files.filter((file) => /\.(js|wasm)$/.test(file) && !/node\.js$/.test(file) && !others.test(file));
      const contents = loaded.map((file) => readFileSync(join(dist, file.slice("dist/".length))));
      const raw = contents.reduce((sum, { length }) => sum + length, 0);
      const brotli = contents.reduce((sum, bytes) => sum + brotliCompressSync(bytes).length, 0);
      console.log(`# the package is ${raw} bytes, ${brotli} with brotli`);
      assert.ok(brotli < limit, `${brotli} bytes with brotli`);
    });
  }

  test("has every file that package.json names", () => {
    const { exports, ...named } = JSON.parse(readFileSync(join(dist, "../package.json"), "utf8"));
    const paths = Object.values(exports).flatMap((target) => (typeof target === "string" ? target : Object.values(target)));
    for (const path of [...paths, named.types, named.jsdelivr, named.unpkg, ...named.sideEffects]) {
      assert.ok(existsSync(join(dist, "..", path)), path);
    }
    for (const target of Object.values(exports)) {
      if (typeof target === "object") assert.equal(Object.keys(target)[0], "types", "types come first");
    }
  });

  test("has no eval in it", () => {
    for (const name of ["index", "local", "wasm", "photonet_wasm", "trainer", "starter", "photonet_trainer"]) {
      assert.doesNotMatch(readFileSync(join(dist, `${name}.js`), "utf8"), /new Function\(|\beval\(/, name);
    }
  });
});

describe("Node", () => {
  test("classifies files with the native answers", () => {
    const some = photos().slice(0, 12);
    const found = JSON.parse(
      node(`
        import { Classifier } from "photonet";
        import { createHash } from "node:crypto";
        import { pathToFileURL } from "node:url";
        import { readFileSync, openAsBlob } from "node:fs";
        const notices = [];
        const classifier = await Classifier.load(${JSON.stringify(model)}, { onNotice: (notice) => notices.push(notice) });
        const paths = ${JSON.stringify(some.map(({ path }) => path))};
        const rows = [];
        for (const path of paths) {
          const tensor = createHash("sha256").update(await classifier.tensor(path)).digest("hex");
          rows.push({ tensor, logits: [...(await classifier.classify(readFileSync(path))).logits] });
        }
        const url = (await classifier.classify(pathToFileURL(paths[0]))).top[0].label;
        const blob = (await classifier.classify(await openAsBlob(paths[0]))).top[0].label;
        const kept = await Promise.all([
          Classifier.load(pathToFileURL(${JSON.stringify(model)})), Classifier.load(readFileSync(${JSON.stringify(model)})),
        ]);
        const bad = [];
        for (const run of [
          () => Classifier.load("/nowhere/model.safetensors"), () => Classifier.load("model", { backend: "webgpu" }),
          () => classifier.classify("/nowhere/x.jpg"), () => classifier.classify(Buffer.from("text")),
          () => Classifier.load("HTTP://127.0.0.1:1/m"), () => classifier.classify("Http://127.0.0.1:1/x.jpg"), () => classifier.classify(""),
        ]) bad.push(await run().then(() => "nothing", (error) => error.name + ": " + error.message));
        const verdict = await classifier.verify();
        classifier.dispose();
        console.log(JSON.stringify({ rows, url, blob, kept: kept.map(({ labels }) => labels.length), bad, verdict, notices, backend: classifier.backend }));
      `),
    );
    some.forEach(({ file, logits, input_sha256 }, index) => {
      assert.equal(found.rows[index].tensor, input_sha256, file);
      assert.ok(difference(found.rows[index].logits, logits) < 1e-3, file);
    });
    assert.equal(found.backend, "cpu");
    assert.deepEqual([found.url, found.blob], [some[0].top[0].label, some[0].top[0].label]);
    assert.match(found.notices.join(), /using the CPU/);
    assert.ok(found.verdict.ok);
    assert.match(found.bad[0], /ModelError: cannot read the model \/nowhere/);
    assert.match(found.bad[1], /^(DeviceError: there is no WebGPU|ModelError: cannot read the model model)/);
    assert.match(found.bad[2], /ImageError: cannot read the photo \/nowhere/);
    assert.match(found.bad[3], /ImageError: .*text/);
    assert.match(found.bad[4], /ModelError: cannot fetch the model from http:\/\/127.*Is the network there/);
    assert.match(found.bad[5], /ImageError: cannot fetch the photo from http:\/\/127.*Is the network there/);
    assert.match(found.bad[6], /ImageError: `` is not the address of a photo: give a path or a URL/);
    for (const message of [...found.bad, ...found.notices]) assert.doesNotMatch(message, /chosen|CORS|https nor|page|browser/, message);
  });

  test("photos resized in any way have the native bytes", () => {
    const cases = JSON.parse(readFileSync(join(fixtures, "resized.json"), "utf8"));
    const found = JSON.parse(
      node(`
        import { Classifier } from "photonet";
        import { readFileSync } from "node:fs";
        const file = readFileSync(${JSON.stringify(model)});
        const start = Number(file.readBigUInt64LE(0)) + 8;
        const header = JSON.parse(file.subarray(8, start));
        const rows = [];
        for (const { photo, preprocessing } of JSON.parse(readFileSync(${JSON.stringify(join(fixtures, "resized.json"))}))) {
          header.__metadata__.preprocessing = JSON.stringify(preprocessing);
          const text = Buffer.from(JSON.stringify(header));
          // Tensors begin at multiples of 8 bytes.
          const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
          const length = Buffer.alloc(8);
          length.writeBigUInt64LE(BigInt(padded.length));
          const classifier = await Classifier.load(Buffer.concat([length, padded, file.subarray(start)]));
          rows.push(Buffer.from(await classifier.tensor(${JSON.stringify(join(fixtures, "photos"))} + "/" + photo)).toString("hex"));
          classifier.dispose();
        }
        console.log(JSON.stringify(rows));
      `),
    );
    assert.equal(cases.length, 2 * 2 * 5);
    cases.forEach(({ photo, preprocessing, pixels }, index) => {
      assert.ok(found[index] === pixels, `${photo}: ${JSON.stringify(preprocessing.transforms[0])}`);
    });
    // Each way is another one, or the cases say little.
    assert.ok(new Set(found).size > 12, `${new Set(found).size} different`);
  });

  test("ends by itself after dispose()", () => {
    const [photo] = somePhotos(1);
    const { status, signal } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", `import { Classifier } from "photonet";
        const classifier = await Classifier.load(${JSON.stringify(model)});
        await classifier.classifyAll(Array(3).fill(${JSON.stringify(photo.path)}));
        classifier.dispose();`],
      { cwd: project, timeout: 20_000 },
    );
    assert.deepEqual([status, signal], [0, null]);
  });
});

describe("import alone", () => {
  test("touches nothing in Node, with the server's entry and with the browser's", () => {
    const names = "AbortError Classifier DeviceError ImageError ModelError PhotonetError affordableDecoders isAbort portTo workerFrom";
    const code = `import * as all from "photonet"; console.log(Object.keys(all).sort().join(" "));`;
    assert.equal(node(code).trim(), names);
    assert.equal(node(code, "--conditions=browser").trim(), names);
  });

  test("the browser's entry can be evaluated where there is no global at all", async () => {
    const context = vm.createContext({});
    const done = new Map();
    const load = (path) => {
      if (!done.has(path)) {
        const initializeImportMeta = (meta) => (meta.url = pathToFileURL(path).href);
        done.set(path, new vm.SourceTextModule(readFileSync(path, "utf8"), { context, identifier: path, initializeImportMeta }));
      }
      return done.get(path);
    };
    if (!vm.SourceTextModule) {
      // The class is behind a flag: the same test in a child that has it.
      const child = spawnSync(
        process.execPath,
        ["--experimental-vm-modules", "--no-warnings", "--test-name-pattern", "where there is no global", "--test", import.meta.filename],
        { encoding: "utf8", env: { ...process.env, NODE_TEST_CONTEXT: "" } },
      );
      assert.equal(child.status, 0, child.stdout + child.stderr);
      return;
    }
    const entry = load(join(dist, "index.js"));
    await entry.link((specifier, from) => load(join(from.identifier, "..", specifier)));
    await entry.evaluate();
    assert.equal(typeof entry.namespace.Classifier.load, "function");
    // An engine of 2022 has no Symbol.dispose: no property may take its place.
    const own = Object.getOwnPropertyNames(entry.namespace.Classifier.prototype);
    assert.ok(!own.includes("undefined"), own.join());
  });

  test("there is no await at the top level: require() and old bundlers take it", () => {
    for (const name of ["index", "worker", "node", "wasm", "photonet_wasm", "training", "trainer", "photonet_trainer"]) {
      assert.doesNotMatch(readFileSync(join(dist, `${name}.js`), "utf8"), /^(export |const .*= )?await /m, name);
    }
  });
});

const EVERYWHERE = `
const { signal } = new AbortController();
for (const photo of [new URL("x:y"), new Blob([]), "photo.jpg"]) await classifier.classify(photo, { signal });`;

describe("the types", () => {
  const tsc = join(root, "web/node_modules/typescript/bin/tsc");
  for (const [module, moduleResolution, lib] of [
    ["ESNext", "bundler", ["ES2022", "DOM"]],
    ["NodeNext", "nodenext", ["ES2022", "DOM", "DOM.Iterable"]],
  ]) {
    test(`compile in strict mode with ${moduleResolution}`, () => {
      const compilerOptions = {
        target: "ES2022", module, moduleResolution, lib, types: [], strict: true, noEmit: true, skipLibCheck: false,
        exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
      };
      writeFileSync(join(project, "use.ts"), USE);
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
      const good = spawnSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
      assert.equal(good.status, 0, good.stdout);
      if (module !== "ESNext") return;
      writeFileSync(join(project, "use.ts"), `${USE}\nawait Classifier.load("x", { backend: "gpu" });`);
      const wrong = spawnSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
      assert.match(wrong.stdout, /"gpu"/, "a wrong option was taken");
    });
  }

  // The least version is the one that README names.
  for (const [version, compiler] of [["this repository's TypeScript", tsc], ["TypeScript 5.2", join(tools, "node_modules/typescript-5.2/bin/tsc")]]) {
    for (const [what, lib, types, use] of [
      ["a page", ["ES2022", "DOM"], [], `${EVERYWHERE} await classifier.classify(document.createElement("canvas"));`],
      ["a worker", ["ES2022", "WebWorker"], [], `${EVERYWHERE} await classifier.classify(new OffscreenCanvas(1, 1));`],
      ["Node", ["ES2022"], ["node"], `${EVERYWHERE} await classifier.classify(Buffer.from("x"));`],
      ["nothing but the language", ["ES2022"], [], "await classifier.classify(new Uint8Array(1));"],
    ]) {
      test(`compile with ${version} where there is ${what}`, (context) => {
        if (lacksTools(context)) return;
        const compilerOptions = {
          target: "ES2022", module: "NodeNext", moduleResolution: "nodenext", lib, types, typeRoots: [join(tools, "node_modules/@types")],
          strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true,
        };
        const start = `import { Classifier } from "photonet"; import { Trainer } from "photonet/training";
          using trainer = await Trainer.open({ classes: ["a", "b"], freeze: "head", from: new Uint8Array(1) });
          await trainer.add(new Uint8Array(1), "a"); await trainer.train({ onStep: ({ epoch }) => epoch.toFixed() });
          using classifier = await Classifier.load(new Uint8Array(1), { topK: 1 });`;
        writeFileSync(join(project, "use.ts"), `${start} ${use} export {};`);
        writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
        const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", project], { encoding: "utf8" });
        assert.equal(status, 0, stdout);
      });
    }
  }
});

const USE = `
import { AbortError, Classifier, DeviceError, ImageError, isAbort, ModelError, PhotonetError, workerFrom } from "photonet";
import type {
  Backend, Classification, ClassifyAllOptions, ClassifyOptions, LoadOptions, ModelInfo, ModelSource, Outcome, PhotoSource, Progress, Ranked,
  Timings, Verdict, WasmSource,
} from "photonet";
import "photonet/worker";
import { Trainer, TrainingError } from "photonet/training";
import type { AddOptions, Begun, Judgement, Said, Scores, TrainerOptions, TrainingStep, TrainOptions } from "photonet/training";

declare const file: File;
declare const signal: AbortSignal | undefined;
declare const sources: [HTMLImageElement, HTMLVideoElement, HTMLCanvasElement, OffscreenCanvas, ImageBitmap, ImageData, VideoFrame, URL, Blob, ArrayBuffer];
const wasm: WasmSource = new URL("x", "https://x");
const options: LoadOptions = {
  backend: "auto", topK: 3, signal, sha256: undefined, cache: true, wasm, worker: workerFrom("x"),
  onProgress: ({ loaded, total, cached }: Progress) => console.log(loaded, total?.toFixed(), cached),
  onNotice: (message) => console.log(message.length),
};
const model: ModelSource = file;
const photo: PhotoSource = sources[0];
const classifier: Classifier = await Classifier.load(model, options);
const each: ClassifyOptions = { topK: 1, signal };
const { top, timings, backend, probabilities, logits, width, height, decodedBy }: Classification = await classifier.classify(photo, each);
const first: Ranked | undefined = top[0];
const spent: Timings = timings;
const which: Backend = backend;
const by: "photonet" | "browser" = decodedBy;
const many: ClassifyAllOptions = { signal, onResult: (o: Outcome) => (o.error ? o.error.message : o.result.top.length) };
const outcomes: Outcome[] = await classifier.classifyAll(new Set<PhotoSource>(sources), many);
const verdict: Verdict = await classifier.verify({ signal });
const embedding: Float32Array = await classifier.embed(file, { signal });
const tensor: Uint8Array = await classifier.tensor(file);
const info: ModelInfo = classifier.info;
const labels: readonly string[] = classifier.labels;
try {
  using scoped = await Classifier.load("x");
  console.log(scoped.backend);
} catch (error) {
  if (isAbort(error) || error instanceof AbortError) console.log("aborted");
  for (const type of [ModelError, ImageError, DeviceError, PhotonetError]) if (error instanceof type) console.log(error.message);
}
classifier.dispose();
const training: TrainerOptions = { classes: ["a", "b"], from: file, epochs: undefined, precision: "f16", freeze: 3, signal };
const trainer: Trainer = await Trainer.open(training);
const named: AddOptions = { name: "a photo", signal };
await trainer.add(sources[0], "a", named);
const begun: Begun = await trainer.begin({ signal });
const told: TrainOptions = { signal, onBegin: ({ notes }) => notes.length, onStep: ({ evaluation, loss }: TrainingStep) => evaluation?.best ?? loss };
const judged: Judgement & Scores = await trainer.train(told);
const mistaken: Said | undefined = judged.mistakes[0]?.truth;
const trained: Blob = await trainer.model();
const again: Classifier = await Classifier.load(trained);
console.log(trainer.full, trainer.counts[0], trainer.classes[0], new TrainingError("x").message, new Response(trained), again.labels);
export { begun, mistaken };
export { by, embedding, first, height, info, labels, logits, outcomes, probabilities, spent, tensor, verdict, which, width };
`;
