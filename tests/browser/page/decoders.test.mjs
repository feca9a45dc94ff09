// Many photos in the page: several workers decode them, and all else is as with one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "../browser.mjs";
import { answers, download, drop, dropDrawn, model, openPage, photos, ready, says, served, servePage, settled } from "./page.mjs";

const expected = photos();
let browser;
let server;

before(async () => {
  browser = await launch({ webgpu: false });
  server = await servePage();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A page on a machine of so many cores, which notes the workers that are started and ended, and what the progress says. */
async function open(cores) {
  const page = await openPage(browser, server);
  await page.evaluate((cores) => {
    Object.defineProperty(navigator, "hardwareConcurrency", { value: cores });
    Object.defineProperty(navigator, "deviceMemory", { value: 8 });
    globalThis.workers = { started: 0, ended: 0 };
    globalThis.Worker = class extends Worker {
      constructor(...options) {
        super(...options);
        workers.started++;
      }
      terminate() {
        workers.ended++;
        super.terminate();
      }
    };
    globalThis.told = [];
    const text = document.getElementById("batch-text");
    new MutationObserver(() => told.push(text.textContent)).observe(text, { childList: true, characterData: true, subtree: true });
  }, cores);
  // A model that is loaded now finds that machine.
  await page.check('input[name="backend"][value="cpu"]');
  await ready(page);
  return page;
}

/** Waits for the picture of the last photo, which is drawn near the screen, in WebKit on it. */
async function pictured(page) {
  await page.evaluate(() => [...document.querySelectorAll(".card img")].at(-1).scrollIntoView());
  await page.waitForFunction(() => [...document.querySelectorAll(".card img")].at(-1).naturalWidth > 0);
}

/** Drops photos of five megapixels, drawn in the page, with a text among them that is called one. */
function dropLarge(page, count) {
  return page.evaluate(async (count) => {
    const canvas = new OffscreenCanvas(2592, 1944);
    const context = canvas.getContext("2d");
    const data = new DataTransfer();
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < 200; j++) {
        context.fillStyle = `hsl(${(i * 83 + j * 29) % 360} 70% ${20 + ((j * 7) % 60)}%)`;
        context.fillRect((j * 397) % 2592, (j * 211 + i * 50) % 1944, 300, 240);
      }
      if (i === 5) data.items.add(new File(["no photo"], "words.jpg"));
      data.items.add(new File([await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })], `large ${i}.jpg`));
    }
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, count);
}

test("12 photos of five megapixels get the answers of one worker, and one photo starts no other", async () => {
  const found = [];
  for (const cores of [1, 4]) {
    const page = await open(cores);
    await drop(page, served(expected.slice(0, 1)));
    await settled(page, 1);
    await pictured(page);
    const before = await page.evaluate("workers.started");
    assert.equal(before, 1, "the one that draws");
    await page.evaluate("told.length = 0");
    await dropLarge(page, 12);
    await settled(page, 14);
    assert.equal((await page.evaluate("workers.started")) - before, cores === 1 ? 0 : 3);
    const told = (await page.evaluate("told")).map((text) => Number(/^(\d+) of 13 photos$/.exec(text)?.[1] ?? -1));
    assert.deepEqual(told, [...told].sort((a, b) => a - b), "the progress went back");
    assert.ok(new Set(told).size > 5, `the progress said only ${told}`);
    const shown = await answers(page);
    assert.equal(shown.filter(({ state }) => state === "done").length, 13);
    assert.match(shown.find(({ name }) => name === "words.jpg").said, /^Could not be classified/);
    found.push(JSON.parse((await download(page, "#save-json")).text).photos.map(({ file, probabilities, error, width, height }) => ({ file, probabilities, error, width, height })));
    // Pictures come all the same, those that are near.
    await pictured(page);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
  assert.equal(found[1].length, 14);
  assert.deepEqual(found[1], found[0]);
});

test("with several workers too, photos are cancelled, taken up, removed and added while others run", async () => {
  const page = await open(4);
  await dropDrawn(page, 300);
  await page.waitForFunction(() => document.querySelectorAll('.card[data-state="done"]').length > 3);
  await page.click("#cancel");
  await page.waitForFunction(() => document.getElementById("running").hidden);
  const states = (await answers(page)).map(({ state }) => state);
  const cancelled = states.filter((state) => state === "cancelled").length;
  assert.ok(cancelled > 0 && cancelled < 300, `${cancelled} of 300 cancelled`);
  await says(page, "#announcer", /Stopped after/);
  await page.click("#again");
  await page.click(".card:nth-child(290) .remove");
  await drop(page, served(expected.slice(0, 2)));
  await settled(page, 301);
  const shown = await answers(page);
  assert.ok(shown.every(({ state }) => state === "done"));
  assert.ok(!shown.some(({ name }) => name === "drawn 289.png"));
  assert.deepEqual(shown.slice(-2).map(({ top }) => top[0].label), expected.slice(0, 2).map(({ top }) => top[0].label));
  assert.ok((await page.evaluate("workers.started")) >= 3);
  await page.click("#clear");
  await settled(page, 0);
  // Another model has workers of its own, and those of the one before end.
  await page.setInputFiles("#pick-model", model);
  await page.waitForFunction(() => workers.ended >= 3);
  await drop(page, served(expected.slice(0, 4)));
  await settled(page, 4);
  assert.deepEqual((await answers(page)).map(({ top }) => top[0].label), expected.slice(0, 4).map(({ top }) => top[0].label));
  await page.context().close();
});
