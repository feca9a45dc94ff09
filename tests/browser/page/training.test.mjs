// Training in the page: from photos to a model that the other page takes, and what stands in the way of it.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { engine, launch, needs } from "../browser.mjs";
import { fixtures } from "../fixtures.mjs";
import { lowContrast, structureFaults } from "./accessible.mjs";
import { answers, bytes, drop, openPage, photos, says, servePage, settled } from "./page.mjs";

const classes = ["checks", "dots", "rings"];
let browser;
let server;

before(async () => {
  browser = await launch();
  // Drawn pictures for drops.
  const files = Object.fromEntries(classes.flatMap((name) => drawn(name, 6).map((path) => [`/drawn/${basename(path)}`, bytes(readFileSync(path), "image/jpeg")])));
  server = await servePage({ routes: files });
});

after(async () => {
  await browser?.close();
  await server?.close();
});

function drawn(name, count) {
  const folder = join(fixtures, "drawn", name);
  return readdirSync(folder).sort().slice(0, count).map((file) => join(folder, file));
}

const training = (options) => openPage(browser, server, { wait: false, path: "/train.html", ...options });

/** Gives classes of the page these names and photos. */
async function fill(page, wanted) {
  while ((await page.$$(".class-card")).length < wanted.length) await page.click("#add-class");
  for (const [index, [name, paths]] of wanted.entries()) {
    await page.fill(`.class-card:nth-child(${index + 1}) input[type="text"]`, name);
    await page.setInputFiles(`.class-card:nth-child(${index + 1}) input[type="file"]`, paths);
  }
}

/** Waits for the end of the training under way. */
async function trained(page) {
  await page.waitForFunction(() => /^The training is done|^Stopped/.test(document.getElementById("progress-text").textContent), undefined, { timeout: 150_000, polling: 100 });
}

const scores = (page) => page.$$eval("#scores tbody tr", (rows) => rows.map((row) => Array.from(row.cells, ({ textContent }) => textContent)));

test("photos become a model that the other page takes; no request carries one", needs("WebGPU"), async () => {
  const page = await training();
  const requests = [];
  page.context().on("request", (request) => requests.push(request));
  await page.waitForFunction(() => document.getElementById("from").value === "page");
  // One kind of files in one call: paths, or their contents.
  const rings = drawn("rings", 14).map((path) => ({ name: basename(path), mimeType: "image/jpeg", buffer: readFileSync(path) }));
  const broken = { name: "note.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo") };
  const [{ buffer }] = rings;
  const copy = { name: "copy.jpg", mimeType: "image/jpeg", buffer };
  await fill(page, [["checks", drawn("checks", 14)], ["<b>dots</b>", drawn("dots", 14)], ["rings", [...rings, broken, copy]]]);
  await says(page, "#count", /^3 classes, 44 photos$/);
  await page.fill("#epochs", "3");
  await page.evaluate(() => {
    window.told = [];
    const text = document.getElementById("progress-text");
    new MutationObserver(() => told.push(text.textContent)).observe(text, { childList: true });
  });
  await page.click("#start");
  assert.equal(await page.isVisible("#stop"), true);
  await trained(page);
  const compiled = (await page.evaluate(() => told)).map((text) => /^Compiling the kernels.*: (\d+) of (\d+)$/.exec(text)).filter(Boolean);
  const [, done, total] = compiled.at(-1);
  // Most are there by now.
  assert.ok(compiled.length > 0 && done === total, JSON.stringify(compiled));
  await says(page, "#progress-text", /^The training is done\.$/);
  await says(page, "#notices", /1 photo could not be read and is left out: note\.jpg/);
  await says(page, "#notices", /1 photo left out that is in the same class twice/);
  await says(page, "#facts", /33 photos to learn from, 9 set aside.*3 epochs of 4 steps.*classifier of 6 classes is replaced/s);
  const rows = await scores(page);
  assert.deepEqual(rows.map(([name, count]) => [name, count]), [["checks", "3"], ["<b>dots</b>", "3"], ["rings", "3"]]);
  const right = rows.reduce((sum, [, , text]) => sum + Number.parseInt(text, 10), 0);
  await says(page, "#result-text", new RegExp(`^Of 9 photos .* names ${right} rightly: ${((100 * right) / 9).toFixed(1)}`));
  assert.ok(right >= 6, `only ${right} of 9 are right: the model that it started from knows them`);
  assert.equal((await page.$$("#mistakes li")).length, 9 - right);
  assert.deepEqual(await page.evaluate(structureFaults), []);
  assert.deepEqual((await page.evaluate(lowContrast)).faults, []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);

  const [other] = await Promise.all([page.context().waitForEvent("page"), page.click("#try")]);
  await other.waitForSelector('#model-panel[data-state="ready"]', { state: "attached", timeout: 60_000 });
  await says(other, "#model-status", /the model trained in this browser/);
  await other.setInputFiles("#pick-photos", drawn("checks", 20).slice(18));
  await settled(other, 2);
  for (const { top } of await answers(other)) assert.deepEqual(top.map(({ label }) => label).sort(), ["<b>dots</b>", "checks", "rings"]);
  await says(other, "#verdict-text", /./);
  // What was trained is offered again, until it is removed.
  await page.reload();
  await says(page, "#result-empty", /A model that was trained here is kept in this browser/);
  await page.click("#forget");
  await page.reload();
  await page.waitForFunction(() => document.getElementById("from").value === "page");
  await says(page, "#result-empty", /There is no model yet/);
  assert.ok(requests.length > 3);
  for (const request of requests) assert.equal(request.method() === "HEAD" ? "GET" : request.method(), "GET", request.url());
  assert.deepEqual(page.problems.filter((text) => !/favicon/.test(text)), []);
  await page.context().close();
});

test("a training from nothing can be stopped, and the best model is kept and saved", needs("WebGPU"), async () => {
  const page = await training();
  await page.waitForFunction(() => document.getElementById("from").value === "page");
  await page.selectOption("#from", "scratch");
  assert.equal(await page.inputValue("#size"), "96");
  assert.equal(await page.inputValue("#epochs"), "30");
  await page.selectOption("#size", "64");
  await fill(page, classes.slice(0, 2).map((name) => [name, drawn(name, 10)]));
  await page.fill("#epochs", "200");
  await page.check("#balance");
  await page.click("#start");
  await page.waitForFunction(() => /^Epoch 2 of 200/.test(document.getElementById("progress-text").textContent), undefined, { timeout: 150_000, polling: 50 });
  assert.equal(await page.isDisabled("#start"), true);
  assert.equal(await page.isDisabled("#from"), true);
  await says(page, "#facts", /16 photos to learn from, 4 set aside.*MobileNetV3 small x1 .*64 x 64 pixels/s);
  await page.click("#stop");
  await trained(page);
  await says(page, "#progress-text", /^Stopped in epoch \d+ of 200\.$/);
  assert.equal((await scores(page)).length, 2);
  assert.equal(await page.isEnabled("#start"), true);
  if (engine === "chromium") {
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#save-model")]);
    const saved = readFileSync(await file.path());
    assert.equal(file.suggestedFilename(), "model.safetensors");
    const header = JSON.parse(saved.subarray(8, 8 + Number(saved.readBigUInt64LE(0))).toString());
    assert.deepEqual(JSON.parse(header.__metadata__.labels), classes.slice(0, 2));
  }
  await page.context().close();
});

test("a photo that a mistake shows in the wrong class is moved, or taken out, for the next training", needs("WebGPU"), async () => {
  const page = await training();
  // What cannot be learned: both classes show the same things.
  const [checks, dots] = ["checks", "dots"].map((name) => drawn(name, 20));
  await fill(page, [["one", [...checks.slice(0, 10), ...dots.slice(0, 10)]], ["other", [...checks.slice(10), ...dots.slice(10)]]]);
  await page.selectOption("#size", "64");
  await page.fill("#epochs", "1");
  await page.click("#start");
  await trained(page);
  const shown = await page.$$eval("#mistakes li .name", (names) => names.map(({ textContent }) => textContent));
  assert.ok(shown.length >= 2, shown.join());
  const counts = () => page.$$eval(".class-card .count", (all) => all.map(({ textContent }) => Number.parseInt(textContent, 10)));
  const [said] = await page.$$eval("#mistakes li:first-child button", (buttons) => buttons.map(({ textContent }) => textContent.replace("Move to ", "")));
  await page.click("#mistakes li:first-child button");
  await says(page, "#mistakes li:first-child", new RegExp(`Moved to ${said}, for the next training$`));
  assert.deepEqual(await counts(), said === "one" ? [21, 19] : [19, 21]);
  await page.click("#mistakes li:nth-child(2) button:last-child");
  await says(page, "#mistakes li:nth-child(2)", /Taken out, for the next training$/);
  assert.equal((await counts()).reduce((sum, count) => sum + count), 39);
  assert.deepEqual(await page.evaluate(structureFaults), []);
  assert.deepEqual((await page.evaluate(lowContrast)).faults, []);
  await page.context().close();
});

test("a folder of folders gives the classes; photos dropped on a class belong to it", async () => {
  const page = await training();
  await drop(page, [{ name: "alone.jpg", type: "image/jpeg", url: `drawn/${basename(drawn("dots", 1)[0])}` }]);
  await says(page, "#notices", /Drop photos on the class that they show/);
  if (!needs("picking a folder").skip) {
    await page.setInputFiles("#pick-folder", join(fixtures, "drawn"));
    await says(page, "#count", /^6 classes, 240 photos$/);
    const names = await page.$$eval(".class-card input[type=text]", (inputs) => inputs.map(({ value }) => value));
    assert.deepEqual(names.sort(), ["checks", "crosses", "dots", "rings", "stripes", "waves"]);
    await says(page, ".class-card .count", /^40 photos$/);
    // Photos that do not belong there are taken out, and the keyboard goes on where they were.
    const titles = () => page.$$eval(".class-card:first-child .strip img", (images) => images.map(({ title }) => title));
    const first = await titles();
    assert.equal(first.length, 8);
    await page.click(".class-card:first-child .strip li:nth-child(2) .remove");
    await says(page, "#count", /^6 classes, 239 photos$/);
    await says(page, "#announcer", new RegExp(`^${first[1]} is taken out$`));
    assert.deepEqual((await titles()).slice(0, 7), first.toSpliced(1, 1));
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    assert.equal(await focused(), `Take out ${first[2]}`);
    await page.click(".class-card:first-child .strip-part > button");
    assert.equal((await titles()).length, 39);
    assert.equal(await focused(), `Take out ${(await titles())[8]}`);
    assert.equal(await page.isVisible(".class-card:first-child .strip-part > button"), false);
    await page.click(".class-card .row .remove");
    await says(page, "#count", /^5 classes, 200 photos$/);
    // A picture beside the folders of the classes is of none; a folder inside a class belongs to it.
    const root = mkdtempSync(join(tmpdir(), "photonet-"));
    cpSync(drawn("dots", 1)[0], join(root, "cover.jpg"));
    for (const path of ["one/a.jpg", "one/more/b.jpg", "two/c.jpg"]) cpSync(drawn("dots", 1)[0], join(root, path), { recursive: true });
    await page.setInputFiles("#pick-folder", root);
    await says(page, "#count", /^7 classes, 203 photos$/);
    await says(page, "#notices", /1 photo left out that lies beside the folders/);
    rmSync(root, { recursive: true });
  }
  // Files on a class are of that class.
  const url = `drawn/${basename(drawn("dots", 1)[0])}`;
  const before = await page.$eval(".class-card:last-child .count", ({ textContent }) => Number.parseInt(textContent, 10));
  await drop(page, [{ name: "b.jpg", type: "image/jpeg", url }, { name: "c.jpg", type: "image/jpeg", url }], ".class-card:last-child");
  await says(page, ".class-card:last-child .count", new RegExp(`^${before + 2} photos`));
  await page.click("#add-class");
  const names = await page.$$eval(".class-card input[type=text]", (inputs) => inputs.map(({ value }) => value));
  assert.equal(new Set(names).size, names.length, names.join());
  await page.context().close();
});

test("what is missing is said before a training can begin", async () => {
  const page = await training();
  const reason = (pattern) => says(page, "#start-reason", pattern);
  await reason(/give photos to two or more/);
  assert.equal(await page.isDisabled("#start"), true);
  await fill(page, [["one", drawn("dots", 1)], ["one", drawn("rings", 1)]]);
  await reason(/Two classes are called one/);
  await page.fill('.class-card:nth-child(2) input[type="text"]', " ");
  await reason(/A class has no name/);
  await page.fill('.class-card:nth-child(2) input[type="text"]', "two");
  await reason(/give a class two or more/);
  await page.setInputFiles('.class-card:nth-child(2) input[type="file"]', drawn("rings", 3));
  await reason(/^$/);
  await page.selectOption("#from", "file");
  await reason(/Choose the model file/);
  await page.setInputFiles("#pick-model", photos()[0].path);
  await reason(/^$/);
  await page.fill("#epochs", "many");
  await says(page, "#epochs-error", /whole number/);
  await page.context().close();
});

test("a training can be stopped before its first step, and begun again", needs("WebGPU"), async () => {
  const page = await training();
  await page.selectOption("#from", "scratch");
  await fill(page, classes.slice(0, 2).map((name) => [name, drawn(name, 6)]));
  await page.click("#start");
  await says(page, "#progress-text", /^Compiling/);
  await page.click("#stop");
  await says(page, "#progress-text", /^Stopped before the first step\. A model is there from/);
  assert.equal(await page.isEnabled("#start"), true);
  assert.equal(await page.isHidden("#result-body"), true);
  assert.equal((await page.$$("#notices li")).length, 0);
  await page.waitForFunction(() => !document.querySelector('#from [value="page"]').hidden);
  await page.selectOption("#from", "page");
  await page.fill("#epochs", "1");
  await page.click("#start");
  await trained(page);
  await says(page, "#progress-text", /^The training is done\.$/);
  await page.click("#start");
  await says(page, "#result-of", /Of the training before this one/);
  await page.click("#stop");
  await says(page, "#progress-text", /^Stopped|^The training is done/);
  assert.deepEqual(page.problems.filter((text) => !/favicon/.test(text)), []);
  await page.context().close();
});

test("a file that is no model is said to be none, and nothing is lost", needs("WebGPU"), async () => {
  const page = await training();
  await fill(page, classes.slice(0, 2).map((name) => [name, drawn(name, 4)]));
  await page.selectOption("#from", "file");
  await page.setInputFiles("#pick-model", photos()[0].path);
  await page.click("#start");
  await says(page, "#notices", /The training ended: .*(truncated or not a safetensors file|not a Photonet)/s);
  await says(page, "#count", /^2 classes, 8 photos$/);
  await says(page, "#progress-text", /^Ended by an error before the first step/);
  assert.equal(await page.isEnabled("#start"), true);
  await page.click("#notices .close");
  assert.equal((await page.$$("#notices li")).length, 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "result");
  assert.deepEqual(page.problems.filter((text) => !/favicon/.test(text)), []);
  await page.context().close();
});

test("a browser without WebGPU says so at once", async () => {
  const without = await launch({ webgpu: false });
  const page = await openPage(without, server, { wait: false, path: "/train.html", init: () => delete Navigator.prototype.gpu });
  await says(page, "#notices", /no WebGPU, which training needs/);
  await without.close();
});
