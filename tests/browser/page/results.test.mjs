// What is done with results: threshold, filter, order, downloads.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, needs } from "../browser.mjs";
import { answers, bytes, download, drop, openPage, photos, ready, relabelled, served, servePage, says, settled } from "./page.mjs";

const expected = photos().slice(0, 24);
let browser;
let server;
let page;

before(async () => {
  browser = await launch({ webgpu: false });
  server = await servePage();
  page = await openPage(browser, server);
  await drop(page, [...served(expected), { name: "=1+1.jpg", type: "image/jpeg", text: "no photo" }]);
  await settled(page, expected.length + 1);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function threshold(percent) {
  await page.fill("#threshold", String(percent));
}

/** Waits until the sheet shows what was asked for. */
async function shown(condition) {
  await page.waitForFunction(condition, undefined, { polling: 50, timeout: 5000 });
  return answers(page);
}

test("below the threshold a photo is “not sure”, and the choice is remembered", needs("two windows"), async () => {
  await threshold(100);
  const unsure = (await answers(page)).filter(({ state }) => state === "done");
  for (const { said, top, unsure: marked } of unsure) {
    assert.ok(marked);
    assert.match(said, /^Not sure/);
    assert.ok(said.includes(top[0].label));
  }
  await threshold(0);
  for (const { said, top, state, unsure: marked } of await answers(page)) {
    if (state !== "done") continue;
    assert.ok(!marked);
    assert.ok(said.startsWith(top[0].label));
  }
  await threshold(73);
  assert.equal(await page.textContent("#threshold-value"), "73 %");
  const other = await page.context().newPage();
  await other.goto(server.url);
  assert.equal(await other.inputValue("#threshold"), "73");
  await other.close();
  for (const { top, unsure: marked, state } of await answers(page)) {
    if (state === "done") assert.equal(marked, Number.parseFloat(top[0].probability.replace(/[<>]/, "")) < 73);
  }
});

test("filters by label, by class and by doubt leave what they should, and count the rest", async () => {
  const all = await answers(page);
  const label = all.find(({ state }) => state === "done").top[0].label;
  const count = all.filter(({ top }) => top[0]?.label === label).length;
  await page.selectOption("#filter-class", `=${label}`);
  const some = await answers(page);
  assert.equal(some.length, count);
  assert.ok(some.every(({ top }) => top[0].label === label));
  await says(page, "#count", new RegExp(`${all.length - count} hidden`));
  // New photos may not pass it: there is a way back beside the count.
  await page.click("#show-all");
  assert.equal((await answers(page)).length, all.length);
  assert.equal(await page.inputValue("#filter-class"), "");
  assert.equal(await page.isVisible("#show-all"), false);
  await page.fill("#filter-text", "=1+");
  assert.deepEqual((await answers(page)).map(({ name }) => name), ["=1+1.jpg"]);
  await page.fill("#filter-text", label.toUpperCase());
  const named = await answers(page);
  assert.ok(named.length >= count && named.every(({ name, top }) => name.includes(label) || top[0].label.includes(label)));
  await page.fill("#filter-text", "nothing is called so");
  assert.equal(await page.isVisible("#empty"), true);
  await page.fill("#filter-text", "");
  await threshold(100);
  await page.check("#filter-unsure");
  assert.equal((await answers(page)).length, expected.length);
  await threshold(0);
  await shown(() => document.querySelectorAll(".card:not([hidden])").length === 0);
  await page.uncheck("#filter-unsure");
  assert.equal((await answers(page)).length, all.length);
});

test("the order follows the choice", async () => {
  const number = ({ top }) => (top.length ? Number.parseFloat(top[0].probability.replace(/[<>]/, "")) : undefined);
  await page.selectOption("#sort", "sure");
  const sure = (await answers(page)).map(number).filter((value) => value !== undefined);
  assert.deepEqual(sure, [...sure].sort((a, b) => b - a));
  await page.selectOption("#sort", "unsure");
  const unsure = (await answers(page)).map(number).filter((value) => value !== undefined);
  assert.deepEqual(unsure, [...unsure].sort((a, b) => a - b));
  await page.selectOption("#sort", "name");
  const names = (await answers(page)).map(({ name }) => name);
  assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })));
  await page.selectOption("#sort", "added");
  assert.equal((await answers(page)).at(-1).name, "=1+1.jpg");
});

/** RFC 4180, strictly: anything else throws. */
function parse(csv) {
  const rows = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  let row = [];
  while (cell.lastIndex < csv.length) {
    const at = cell.lastIndex;
    const found = cell.exec(csv);
    if (!found) throw new Error(`no cell at ${at}: ${csv.slice(at, at + 40)}`);
    row.push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] === "\r\n") rows.push(row.splice(0));
  }
  return rows;
}

test("the CSV has every photo, quoted, without formulas", async () => {
  await threshold(60);
  const { name, text } = await download(page, "#save-csv");
  assert.equal(name, "photonet.csv");
  assert.ok(text.startsWith("\ufeff"), "spreadsheets know it as UTF-8 by its mark");
  const [head, ...rows] = parse(text.slice(1));
  assert.deepEqual(head.slice(0, 4), ["file", "answer", "class 1", "probability 1"]);
  assert.equal(rows.length, expected.length + 1);
  assert.ok(rows.every((row) => row.length === head.length));
  const shown = await answers(page);
  rows.forEach((row, index) => {
    const { top, state, unsure } = shown[index];
    if (state !== "done") return;
    assert.equal(row[1], unsure ? "not sure" : top[0].label);
    assert.equal(row[2], top[0].label);
    const native = expected[index].top[0].probability;
    assert.ok(Math.abs(Number(row[3]) - native) < 1e-3, `${row[0]}: ${row[3]}, not ${native}`);
  });
  const formula = rows.at(-1);
  assert.equal(formula[0], "'=1+1.jpg");
  assert.equal(formula[1], "error");
  assert.match(formula.at(-1), /=1\+1\.jpg/);
  for (const row of rows) for (const cell of row) assert.doesNotMatch(cell, /^[=+\-@\t\r]/);
});

test("the JSON has the model, the threshold, and every probability of the photos shown", async () => {
  await page.fill("#filter-text", expected[0].file.split(/[\\/]/).pop());
  const { name, text } = await download(page, "#save-json");
  await page.fill("#filter-text", "");
  assert.equal(name, "photonet.json");
  const { model, threshold: limit, photos: list } = JSON.parse(text);
  assert.equal(limit, 0.6);
  assert.equal(model.sha256.length, 64);
  assert.equal(model.labels.length, model.classes);
  assert.equal(list.length, 1);
  const [photo] = list;
  assert.equal(photo.probabilities.length, model.classes);
  assert.ok(Math.abs(photo.probabilities.reduce((a, b) => a + b) - 1) < 1e-5);
  assert.equal(photo.top[0].label, expected[0].top[0].label);
  assert.equal(photo.backend, "cpu");
  assert.ok(photo.timings.total > 0);
});

test("names that run from right to left leave the numbers beside them in one piece", async () => {
  const labels = ["زجاجة بلاستيكية شفافة كبيرة الحجم 721", "קרטון"];
  const arabic = await servePage({ routes: { "/model.safetensors": bytes(relabelled((_, index) => labels[index] ?? `class ${index}`)) } });
  const other = await openPage(browser, arabic);
  await drop(other, served(expected.slice(0, 8)));
  await settled(other, 8);
  for (const limit of ["0", "100"]) {
    await other.fill("#threshold", limit);
    const said = await other.$$eval(".card", (cards) =>
      cards.map((card) => {
        const range = document.createRange();
        const [number] = card.querySelectorAll(".answer > span");
        range.selectNodeContents(number.lastChild);
        return { text: number.textContent, isolated: card.querySelectorAll(".answer bdi").length, pieces: range.getClientRects().length };
      }),
    );
    for (const { text, isolated, pieces } of said) {
      assert.equal(isolated, 1, text);
      // None where WebKit lays nothing out that is far from the screen.
      if (limit === "0") assert.ok(pieces <= 1, `“${text}” is torn into ${pieces}`);
    }
  }
  // Cut at its end, a name shows its beginning, which is on the right.
  const directions = await other.$$eval(".card .label", (names) => names.map((name) => [name.textContent, getComputedStyle(name).direction]));
  assert.ok(directions.some(([name]) => labels.includes(name)));
  for (const [name, direction] of directions) assert.equal(direction, labels.includes(name) ? "rtl" : "ltr", name);
  await other.context().close();
  await arabic.close();
});

test("a class name is cut only where there is no space, and shown whole with the details", needs("viewports"), async () => {
  const long = "a name that is far too long for any bar to stand beside";
  const names = await servePage({ routes: { "/model.safetensors": bytes(relabelled((_, index) => (index % 2 ? `toilet tissue ${index}` : `${long} ${index}`))) } });
  const other = await openPage(browser, names, { viewport: { width: 390, height: 844 } });
  await drop(other, served(expected.slice(0, 1)));
  await settled(other, 1);
  const cut = () => other.$$eval(".card .label", (labels) => labels.map((label) => [label.textContent.startsWith("toilet"), label.scrollWidth > label.clientWidth]));
  for (const [short, isCut] of await cut()) assert.equal(isCut, !short);
  await other.click(".card .more summary");
  await other.waitForSelector(".card dl");
  assert.ok((await cut()).every(([, isCut]) => !isCut));
  const values = await other.$$eval(".card .value", (values) => values.every((value) => value.getBoundingClientRect().right <= innerWidth));
  assert.ok(values);
  await other.context().close();
  await names.close();
});

test("on paper there are the results alone, with all pictures and bars, on white in dark colours too", needs("colour schemes", "viewports"), async () => {
  const other = await openPage(browser, server, { colorScheme: "dark", viewport: { width: 800, height: 500 } });
  await drop(other, served(expected));
  await settled(other, expected.length);
  const pictures = () => other.$$eval(".card img", (images) => images.filter(({ naturalWidth }) => naturalWidth > 0).length);
  assert.ok((await pictures()) < expected.length, "pictures far from the screen are not drawn yet");
  await other.evaluate(() => {
    globalThis.print = () => {
      document.body.dataset.printed = "yes";
    };
  });
  await other.click("#print");
  await other.waitForSelector("body[data-printed]", { state: "attached" });
  assert.equal(await pictures(), expected.length);
  await other.emulateMedia({ media: "print" });
  for (const part of [".intake", ".side", ".tools", ".actions", ".foot", ".card .remove"]) assert.equal(await other.isVisible(part), false, part);
  assert.equal(await other.isVisible(".card:last-child .bars"), true);
  const [ground, card, bar] = await other.evaluate(() => [
    getComputedStyle(document.body).backgroundColor,
    getComputedStyle(document.querySelector(".card")).backgroundColor,
    getComputedStyle(document.querySelector(".fill")).printColorAdjust,
  ]);
  assert.deepEqual([ground, card, bar], ["rgb(255, 255, 255)", "rgb(255, 255, 255)", "exact"]);
  await other.context().close();
});

test("storage that throws costs only the memory of choices", needs("scripts before the page's"), async () => {
  const other = await openPage(browser, server, {
    init: () => {
      Object.defineProperty(globalThis, "localStorage", {
        get() {
          throw new DOMException("denied", "SecurityError");
        },
      });
    },
  });
  await other.setInputFiles("#pick-photos", expected[0].path);
  await settled(other, 1);
  await other.fill("#threshold", "90");
  assert.equal(await other.textContent("#threshold-value"), "90 %");
  assert.equal((await answers(other))[0].state, "done");
  assert.deepEqual(other.problems, []);
  await other.context().close();
});

test("a full storage is a notice, and the photos are classified", needs("quotas"), async () => {
  const other = await openPage(browser, server, { wait: false, path: "/bench.html?runs=0" });
  const control = await other.context().newCDPSession(other);
  await control.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 2000 });
  await control.send("Storage.clearDataForOrigin", { origin: server.url, storageTypes: "cache_storage" });
  await other.goto(server.url);
  await ready(other);
  await says(other, "#notices", /not kept on this device/);
  await other.setInputFiles("#pick-photos", expected[0].path);
  await settled(other, 1);
  assert.equal((await answers(other))[0].state, "done");
  await other.context().close();
});
