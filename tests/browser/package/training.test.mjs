// A training in the browser is the program's on the same photos.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { needs } from "../browser.mjs";
import { program } from "../fixtures.mjs";
import { answer, bench, fixtures, packageFolder, root } from "./harness.mjs";
import { withLittleMemory } from "./memory.mjs";

const settings = { arch: "small", width: 0.35, size: 64, epochs: 12, batch: 16 };

/** The program, and what it prints. */
function photonet(...words) {
  return execFileSync(program, words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** The first epoch of the program's run with these settings: what it told of it. */
function programsRun() {
  const out = join(bed.project, "run");
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  photonet("train", join(fixtures, "drawn"), ...words, "--stop-after", "1", "-o", "Global.print_batch_step=1", "--out", out);
  return readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
}

let bed;
before(async () => {
  bed = await bench("training");
});
after(() => bed?.close());

/** The photos of that run, `each` of a class at most, as [address, class]. */
function drawn(each = Infinity) {
  const classes = readdirSync(join(fixtures, "drawn")).sort();
  const of = (name) => readdirSync(join(fixtures, "drawn", name)).sort().slice(0, each);
  return { classes, photos: classes.flatMap((name) => of(name).map((file) => [`/drawn/${name}/${file}`, name])) };
}

async function trainingPage() {
  const page = await bed.page();
  await page.evaluate(async () => {
    window.training = await import("/node_modules/photonet/dist/training.js");
    /** A trainer with photos. */
    window.trainerOn = async (options, photos) => {
      const trainer = await training.Trainer.open(options);
      for (const [url, label] of photos) await trainer.add(await helpers.file(url), label);
      return trainer;
    };
    window.endingOf = async (promise) => {
      try {
        return { value: await promise };
      } catch (error) {
        return { name: error.name, message: error.message, ours: error instanceof training.PhotonetError };
      }
    };
  });
  return page;
}

test("two epochs have the losses of the program's run, can be stopped and gone on with, and give a model", needs("WebGPU"), async () => {
  const page = await trainingPage();
  const { classes, photos } = drawn();
  const found = await page.evaluate(
    async ([options, photos]) => {
      // Backwards: the order makes no difference.
      const trainer = await trainerOn(options, photos.toReversed());
      const { counts } = trainer;
      const early = [await endingOf(trainer.model()), await trainer.judgement()];
      const compiling = [];
      const onCompile = (told) => {
        compiling.push(told);
        throw new Error("of the page's own");
      };
      const begun = await trainer.begin({ onCompile });
      const late = await endingOf(trainer.add(await helpers.file(photos[0][0]), 0));
      const steps = [];
      const until = (wanted) => {
        const stop = new AbortController();
        const onStep = (step) => {
          steps.push(step);
          if (wanted(step)) stop.abort();
        };
        return endingOf(trainer.train({ signal: stop.signal, onStep }));
      };
      const stopped = await until(({ epoch, step }) => epoch === 1 && step === 5);
      const again = await until(({ epoch, evaluation }) => epoch === 2 && evaluation);
      const judgement = await trainer.judgement();
      const bytes = new Uint8Array(await (await trainer.model()).arrayBuffer());
      trainer.dispose();
      const over = await endingOf(trainer.train());
      const verdicts = {};
      for (const backend of ["cpu", "webgpu"]) {
        const classifier = await photonet.Classifier.load(bytes, { backend });
        const { labels, info } = classifier;
        verdicts[backend] = { labels, info, verdict: await classifier.verify() };
        classifier.dispose();
      }
      return { counts, early, compiling, begun, late, steps, stopped, again, over, judgement, verdicts, bytes: Array.from(bytes) };
    },
    [{ ...settings, classes }, photos],
  );
  assert.deepEqual(found.counts, classes.map(() => 40));
  assert.match(found.early[0].message, /has not begun/);
  assert.equal(found.early[1], null);
  const { compiling } = found;
  // Most are there by now.
  assert.ok(compiling.length > 0 && compiling.at(-1).done > 20, JSON.stringify(compiling));
  assert.equal(compiling.at(-1).done, compiling.at(-1).total);
  compiling.forEach(({ done, total }, index) => assert.ok(done <= total && done >= (compiling[index - 1]?.done ?? 0), JSON.stringify(compiling)));
  // What the callback threw is the page's, and stopped nothing.
  const thrown = page.problems.filter((text) => text.includes("of the page's own"));
  assert.equal(thrown.length, compiling.length);
  assert.match(found.late.message, /added before the training begins/);
  const { trainPhotos, valPhotos, stepsPerEpoch, epochs, size, software, architecture, notes } = found.begun;
  assert.deepEqual([trainPhotos, valPhotos, stepsPerEpoch, epochs, size, notes], [192, 48, 12, 12, 64, []]);
  // Not every browser names its GPU.
  if (found.begun.device) assert.equal(software, /swiftshader|llvmpipe/i.test(found.begun.device), found.begun.device);
  assert.equal(architecture, "paddle MobileNetV3 small x0.35 with 6 classes");
  assert.equal(found.stopped.name, "AbortError");
  assert.equal(found.again.name, "AbortError");
  assert.deepEqual([found.over.name, found.over.ours], ["DeviceError", true]);

  const events = programsRun();
  const near = (value, expected, tolerance, what) =>
    assert.ok(Math.abs(value - expected) <= tolerance * Math.abs(expected), `${what}: ${value} in the browser, ${expected} natively`);
  // Told are means since the epoch's start. A first unit that another rounding switches on or off shows in the eighth step, in the
  // program's own sets of kernels as well, which differ by 0.4 % at the epoch's end.
  const told = events.filter(({ event }) => event === "train_step");
  assert.equal(told.length, 12);
  told.forEach(({ loss }, index) => near(found.steps[index].loss, loss, index < 7 ? 1e-5 : 1e-2, `the loss of step ${index + 1}`));
  const evaluations = found.steps.filter(({ evaluation }) => evaluation);
  assert.deepEqual(evaluations.map(({ epoch, step, steps, done }) => [epoch, step, steps, done]), [[1, 12, 12, false], [2, 12, 12, false]]);
  const { loss } = events.find(({ event }) => event === "eval_epoch");
  near(evaluations[0].evaluation.loss, loss, 1e-2, "the first evaluation");

  const { judgement } = found;
  assert.equal(judgement.images, 48);
  assert.deepEqual(judgement.classes.map(({ label, images }) => [label, images]), classes.map((name) => [name, 8]));
  const right = judgement.classes.reduce((sum, { correct }) => sum + correct, 0);
  assert.ok(Math.abs(judgement.top1 - right / 48) < 1e-9);
  assert.equal(judgement.confusions.reduce((sum, { images }) => sum + images, 0), 48 - right);
  assert.ok(judgement.mistakes.every(({ file, truth }) => file.startsWith(truth.label)));
  for (const { labels, info, verdict } of Object.values(found.verdicts)) {
    assert.deepEqual(labels, classes);
    assert.deepEqual([info.train_images, info.val_images, info.size], [192, 48, 64]);
    assert.deepEqual([verdict.vectors, verdict.ok], [1, true], JSON.stringify(verdict));
  }
  // The program takes the model as its own.
  const path = join(bed.project, "trained.safetensors");
  writeFileSync(path, Buffer.from(found.bytes));
  assert.match(photonet("verify", path), /works as it should/);
  assert.equal(page.problems.length, thrown.length);
  await page.free();
});

test("a training that starts from a model learns with a few steps", needs("WebGPU"), async () => {
  const page = await trainingPage();
  const { classes, photos } = drawn(8);
  const [kept, renamed] = await page.evaluate(
    async ([classes, photos]) => {
      const outcomes = [];
      for (const names of [classes, classes.map((name) => `a ${name}`)]) {
        const options = { classes: names, from: "/model.safetensors", epochs: 1, batch: 8, balance: true, freeze: "head", precision: "f16" };
        const trainer = await trainerOn(options, photos.map(([url, label]) => [url, classes.indexOf(label)]));
        const begun = await trainer.begin();
        const judgement = await trainer.train();
        const [again] = await Promise.all([trainer.train(), trainer.train()]);
        outcomes.push({ begun, judgement, same: JSON.stringify(again) === JSON.stringify(judgement) });
        trainer.dispose();
      }
      return outcomes;
    },
    [classes, photos],
  );
  assert.equal(kept.begun.size, 64);
  assert.equal(kept.begun.architecture, "paddle MobileNetV3 small x0.35 with 6 classes");
  assert.deepEqual(kept.begun.notes, ["frozen: all but the classifier's two layers", "batch normalisation keeps its running statistics"]);
  assert.ok(kept.judgement.top1 > 0.6, `${kept.judgement.top1}`);
  assert.ok(kept.same && renamed.same);
  assert.match(renamed.begun.notes[0], /classifier of 6 classes is replaced by a new one of 6/);
  await page.free();
});

test("what cannot be trained is an error that says why", needs("WebGPU"), async () => {
  const page = await trainingPage();
  const { classes, photos } = drawn(1);
  const found = await page.evaluate(
    async ([classes, photos]) => {
      const open = (options) => endingOf(training.Trainer.open(options));
      const errors = {
        none: await open({ classes: ["one"] }),
        twice: await open({ classes: ["a", "a"] }),
        arch: await open({ classes, arch: "huge" }),
        both: await open({ classes, from: "/model.safetensors", arch: "small" }),
        unknown: await open({ classes, epoch: 3 }),
        nan: await open({ classes, epochs: Number.NaN }),
        zero: await open({ classes, batch: 0 }),
        frozen: await open({ classes, freeze: "head" }),
        wide: await open({ classes, width: -1 }),
        model: await open({ classes, from: "/nowhere.safetensors" }),
        noModel: await open({ classes, from: new Blob(["hello"]) }),
        aborted: await open({ classes, signal: AbortSignal.abort() }),
      };
      const trainer = await trainerOn({ classes, size: 32 }, photos);
      errors.label = await endingOf(trainer.add(await helpers.file(photos[0][0]), "nothing"));
      errors.text = await endingOf(trainer.add(new File(["hello"], "note.jpg"), 0));
      errors.few = await endingOf(trainer.begin());
      // More photos help.
      for (const [url, label] of photos) await trainer.add(await helpers.file(url), label);
      const stop = new AbortController();
      errors.both2 = await endingOf(Promise.all([trainer.train({ signal: stop.signal, onStep: () => stop.abort() }), trainer.train({ signal: stop.signal })]));
      trainer.dispose();
      return errors;
    },
    [classes, photos],
  );
  const says = (key, name, pattern) => {
    assert.equal(found[key].name, name, JSON.stringify(found[key]));
    assert.match(found[key].message, pattern);
  };
  says("none", "TrainingError", /names of two or more/);
  says("twice", "TrainingError", /two classes are called "a"/);
  says("arch", "TrainingError", /arch must be "small" or "large", not "huge"/);
  says("both", "TrainingError", /takes its network/);
  says("unknown", "TrainingError", /there is no option epoch/);
  says("model", "ModelError", /404/);
  says("noModel", "ModelError", /not a safetensors file|truncated/);
  says("aborted", "AbortError", /./);
  says("label", "TrainingError", /"nothing" is none of the classes: checks, crosses/);
  says("text", "ImageError", /note\.jpg/);
  says("few", "TrainingError", /no class has two photos/);
  says("both2", "AbortError", /./);
  says("nan", "TrainingError", /epochs must be a whole number from 1 on, not null/);
  says("zero", "TrainingError", /batch must be a whole number from 1 on, not 0/);
  says("frozen", "TrainingError", /as `from`/);
  says("wide", "TrainingError", /width/i);
  await page.free();
});

test("where memory runs out, what is asked then is answered with an error, of whatever trainer", needs("WebGPU"), async () => {
  bed.routes["/little.wasm"] = answer(withLittleMemory(readFileSync(join(packageFolder, "dist/photonet_trainer_bg.wasm")), 160), "application/wasm");
  const page = await trainingPage();
  const { classes, photos } = drawn(2);
  const errors = await page.evaluate(
    async ([classes, photos]) => {
      // Ten MiB are too few for the weights of the large network, for which kernels are compiled while photos are added.
      const trainer = await training.Trainer.open({ classes, arch: "large", size: 64, wasm: "/little.wasm" });
      const [[url, label]] = photos;
      const added = await endingOf(trainer.add(await helpers.file(url), label));
      const errors = [added, await endingOf(trainer.train()), trainer.full, await endingOf(trainer.judgement())];
      trainer.dispose();
      return [...errors, await endingOf(training.Trainer.open({ classes }))];
    },
    [classes, photos],
  );
  const [full] = errors.splice(2, 1);
  assert.equal(full, false);
  for (const { name, message } of errors) {
    assert.equal(name, "DeviceError", message);
    assert.match(message, /memory ran out .*reload the page/);
  }
  await page.free();
});

test("kernels are compiled while photos are added", needs("WebGPU"), async () => {
  const page = await trainingPage();
  const { classes, photos } = drawn(3);
  const found = await page.evaluate(
    async ([options, photos]) => {
      let [asked, compiled] = [0, 0];
      const { createComputePipelineAsync } = GPUDevice.prototype;
      GPUDevice.prototype.createComputePipelineAsync = async function (...words) {
        asked += 1;
        const pipeline = await createComputePipelineAsync.apply(this, words);
        compiled += 1;
        return pipeline;
      };
      // What the plans hold for that is freed, not left to the garbage collector.
      const held = new Map();
      let most = 0;
      const { createBuffer } = GPUDevice.prototype;
      const { destroy } = GPUBuffer.prototype;
      const sum = () => [...held.values()].reduce((a, b) => a + b, 0);
      GPUDevice.prototype.createBuffer = function (descriptor) {
        const buffer = createBuffer.call(this, descriptor);
        held.set(buffer, descriptor.size);
        most = Math.max(most, sum());
        return buffer;
      };
      GPUBuffer.prototype.destroy = function () {
        held.delete(this);
        destroy.call(this);
      };
      const trainer = await trainerOn(options, photos);
      while (asked === 0 || compiled < asked || held.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      const [ahead, mostAhead] = [asked, most];
      const told = [];
      await trainer.begin({ onCompile: (compiling) => told.push(compiling) });
      await endingOf(trainer.train());
      trainer.dispose();
      // One that is given up meanwhile.
      const gone = await training.Trainer.open(options);
      gone.dispose();
      return { ahead, asked, mostAhead, last: told.at(-1), over: await endingOf(gone.begin()) };
    },
    [{ ...settings, classes, batch: 8, epochs: 1 }, photos],
  );
  assert.ok(found.ahead > 20 && found.mostAhead > 1e6, `${found.ahead} kernels, ${found.mostAhead} bytes`);
  assert.equal(found.asked, found.ahead, "the training needed others");
  assert.deepEqual(found.last, { done: found.ahead, total: found.ahead });
  assert.match(found.over.message, /disposed of/);
  await page.free();
});

test("workers decode photos that are added at once, and what is learned of them is the same", needs("WebGPU"), async () => {
  const page = await trainingPage();
  const { classes, photos } = drawn(6);
  const found = await page.evaluate(
    async ([options, photos]) => {
      let started = 0;
      const decoders = () => {
        started += 1;
        return new Worker("/node_modules/photonet/dist/training-worker.js", { type: "module" });
      };
      const files = await Promise.all(photos.map(async ([url, label]) => [await helpers.file(url), label]));
      const firstSteps = async (trainer) => {
        const losses = [];
        const stop = new AbortController();
        const onStep = ({ loss }) => losses.push(loss) === 2 && stop.abort();
        const ending = await endingOf(trainer.train({ onStep, signal: stop.signal }));
        return { ending, losses, counts: trainer.counts };
      };
      const notices = [];
      const many = await training.Trainer.open({ ...options, decoders, onNotice: (text) => notices.push(text) });
      const adding = files.map(([file, label]) => endingOf(many.add(file, label)));
      adding.push(endingOf(many.add(new File(["no photo"], "note.jpg"), 0)), endingOf(many.add(files[0][0], 0, { signal: AbortSignal.abort() })));
      // Without waiting for them: the training does.
      const together = await firstSteps(many);
      const added = await Promise.all(adding);
      const late = await endingOf(many.add(files[0][0], 0));
      many.dispose();

      const one = await training.Trainer.open(options);
      for (const [file, label] of files) await one.add(file, label);
      const alone = await firstSteps(one);
      one.dispose();

      // Workers that do not start, and a trainer that goes while its workers decode.
      const failing = await training.Trainer.open({ ...options, decoders: () => new Worker("/nowhere.js"), onNotice: (text) => notices.push(text) });
      const without = await Promise.all(files.slice(0, 3).map(([file, label]) => endingOf(failing.add(file, label))));
      const { counts } = failing;
      // The photos do not wait for the workers.
      while (notices.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      failing.dispose();
      const gone = await training.Trainer.open({ ...options, decoders });
      await gone.add(files[0][0], 0);
      const leaving = files.map(([file, label]) => endingOf(gone.add(file, label)));
      setTimeout(() => gone.dispose());
      return { started, together, added, late, notices, alone, without, counts, left: await Promise.all(leaving) };
    },
    [{ ...settings, classes }, photos],
  );
  const { together, alone, added, late, notices, without, left } = found;
  assert.ok(found.started >= 2, `${found.started} workers`);
  assert.equal(together.ending.name, "AbortError", JSON.stringify(together));
  assert.deepEqual(together.counts, classes.map(() => 6));
  assert.deepEqual(together, alone);
  const [aborted, broken] = [added.pop(), added.pop()];
  assert.ok(added.length === photos.length && added.every((ending) => !("name" in ending)), JSON.stringify(added));
  assert.deepEqual([aborted.name, broken.name], ["AbortError", "ImageError"]);
  assert.match(broken.message, /^note\.jpg: /);
  assert.match(late.message, /added before the training begins/);
  assert.ok(without.every((ending) => !("name" in ending)), JSON.stringify(without));
  assert.equal(found.counts.reduce((a, b) => a + b), 3);
  assert.match(notices[0], /a decoding worker failed: .* Does it run photonet\/training-worker as a module.* Photos are decoded without it/);
  for (const { name, message } of left.filter((ending) => "name" in ending)) assert.match(`${name} ${message}`, /^DeviceError this trainer was disposed of/);
  assert.ok(left.some((ending) => "name" in ending));
  await page.free();
});

test("without WebGPU training says so", async () => {
  const page = await trainingPage();
  const error = await page.evaluate(async () => {
    Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
    return endingOf(training.Trainer.open({ classes: ["a", "b"] }));
  });
  assert.equal(error.name, "DeviceError");
  assert.match(error.message, /no WebGPU here, and training needs it/);
  await page.free();
});

test("the package exports the training with its types and its wasm", () => {
  const { exports } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  for (const path of [...Object.values(exports["./training"]), ...Object.values(exports["./training-worker"]), exports["./training-wasm"]]) {
    assert.ok(readFileSync(join(packageFolder, path)).length > 0, path);
  }
});
