// Photos on every way into the page, and what it says of them.
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { deflateSync } from "node:zlib";
import { engine, launch, needs } from "../browser.mjs";
import { answers, download, drop, dropDrawn, openPage, paste, photos, ready, served, servePage, says, settled } from "./page.mjs";

const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const expected = photos();
let browser;
let server;

before(async () => {
  browser = await launch({ args: CAMERA });
  server = await servePage();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/**
 * Compares what is on the sheet with what the native program said of the same files: the labels as they are shown, and
 * every probability as it is saved, close enough to tell one photo's answer from another's.
 */
async function agree(page, some, tolerance = 1e-5) {
  const shown = new Map((await answers(page)).map((answer) => [answer.name, answer]));
  const saved = new Map(JSON.parse((await download(page, "#save-json")).text).photos.map((photo) => [photo.file, photo]));
  for (const { path, top, logits } of some) {
    const name = basename(path);
    const answer = shown.get(name);
    assert.ok(answer, `${name} is not on the page`);
    assert.equal(answer.state, "done", `${name}: ${answer.said}`);
    assert.equal(answer.top[0].label, top[0].label, `${name}: top-1 differs`);
    assert.equal(answer.top.length, Math.min(5, logits.length), name);
    const powers = logits.map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    const apart = saved.get(name).probabilities.map((value, index) => Math.abs(value - powers[index] / sum));
    assert.ok(Math.max(...apart) < tolerance, `${name}: probabilities differ by ${Math.max(...apart)}`);
  }
}

/** A PNG that promises so many pixels and holds none. */
function png(width, height) {
  const crc = (bytes) => {
    let sum = 0xffffffff;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return (sum ^ 0xffffffff) >>> 0;
  };
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.alloc(9))), chunk("IEND", Buffer.alloc(0))]);
}

async function clear(page) {
  await page.click("#clear");
  await settled(page, 0);
}

/** All photos by each of the ways, and each time the native program's answers. */
async function arrive(page, tolerance) {
  const ways = [
    () => page.setInputFiles("#pick-photos", expected.map(({ path }) => path)),
    () => drop(page, served(expected)),
    ...(needs("pasting by script").skip ? [] : [() => paste(page, served(expected))]),
  ];
  for (const way of ways) {
    if (await page.$(".card")) await clear(page);
    await way();
    await settled(page, expected.length);
    await agree(page, expected, tolerance);
  }
}

test("picked, dropped and pasted photos get the native program's answers, on the CPU", async () => {
  const page = await openPage(browser, server);
  assert.match(await page.textContent("#model-status"), /CPU/);
  await arrive(page);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("the switch to WebGPU keeps the answers", needs("WebGPU"), async () => {
  const page = await openPage(browser, server);
  await page.check('input[name="backend"][value="webgpu"]');
  await says(page, "#model-status", /on WebGPU/);
  await arrive(page, 1e-4);
  assert.match(await page.textContent(".card .more summary"), /WebGPU/);
  await page.waitForFunction(() => document.querySelectorAll("#timings tr").length === 6);
  await page.reload();
  assert.ok(await page.isChecked('input[name="backend"][value="webgpu"]'), "the choice is remembered");
  await page.context().close();
});

test("a photo shows its picture, its bars and the time of each step", async () => {
  const [one] = expected.filter(({ path }) => path.endsWith(".jpg"));
  const page = await openPage(browser, server);
  await page.setInputFiles("#pick-photos", one.path);
  await settled(page, 1);
  // Pictures are drawn near the screen, in WebKit on it.
  if (engine === "webkit") await page.evaluate(() => document.querySelector(".card img").scrollIntoView());
  await page.waitForFunction(() => document.querySelector(".card img").naturalWidth > 0);
  const widths = await page.$$eval(".bars .fill", (fills) => fills.map((fill) => Number.parseFloat(fill.style.inlineSize)));
  assert.ok(widths[0] > 0 && widths.every((width, i) => i === 0 || width <= widths[i - 1]), `bars: ${widths}`);
  await page.click(".card .more summary");
  // They are filled in once the browser has told that the list is open.
  await page.waitForSelector(".card dl dd:last-child");
  const terms = await page.$$eval(".card dt", (terms) => terms.map((term) => term.textContent));
  assert.deepEqual(terms.slice(2), ["Decode", "Resize", "Compute", "Total"]);
  await page.waitForFunction(() => document.querySelectorAll("#timings tr").length === 4);
  await page.context().close();
});

test("the picker offers what every browser reads: HEIC, which most do not, comes as JPEG where the system converts it", async () => {
  const page = await openPage(browser, server);
  const offered = (await page.evaluate(() => document.getElementById("pick-photos").accept)).split(",");
  assert.deepEqual(offered.filter((type) => /hei[cf]|\*/.test(type)), []);
  for (const type of ["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"]) assert.ok(offered.includes(`image/${type}`), type);
  await page.context().close();
});

test("what is no photo is named with its error and stops nothing", async () => {
  const page = await openPage(browser, server);
  const [good] = served(expected);
  const text = { name: "notes.jpg", type: "image/jpeg", text: "these are my notes" };
  const empty = { name: "empty.png", type: "image/png", text: "" };
  await drop(page, [text, empty, good]);
  await settled(page, 3);
  await says(page, "#announcer", /^3 photos classified: .*2 could not be read/);
  await page.setInputFiles("#pick-photos", { name: "huge.png", mimeType: "image/png", buffer: png(20_000, 20_000) });
  await settled(page, 4);
  const [first, second, third, huge] = await answers(page);
  assert.equal(huge.state, "failed");
  assert.match(huge.said, /^Could not be classified(?!.*huge\.png).*too large.*20000 x 20000/s);
  assert.equal(first.state, "failed");
  // The name stands above it already.
  assert.match(first.said, /^Could not be classified(?!.*notes\.jpg)[A-Z]/s);
  assert.equal(second.state, "failed");
  assert.equal(third.state, "done");
  await says(page, "#count", /4 photos.*3 failed/);
  await says(page, "#announcer", /huge\.png could not be classified/);
  await page.context().close();
});

test("a folder gives its photos with their paths, and says what it left out", needs("picking a folder"), async () => {
  const folder = mkdtempSync(join(tmpdir(), "photonet-"));
  try {
    const inner = join(folder, "trip", "day 2");
    mkdirSync(inner, { recursive: true });
    const [one, two] = expected.filter(({ path }) => path.endsWith(".jpg"));
    copyFileSync(one.path, join(folder, "trip", "one.jpg"));
    copyFileSync(two.path, join(inner, "two.jpg"));
    writeFileSync(join(inner, "list.txt"), "not a photo");
    const page = await openPage(browser, server);
    await page.setInputFiles("#pick-folder", join(folder, "trip"));
    await settled(page, 2);
    const names = (await answers(page)).map(({ name }) => name).sort();
    assert.deepEqual(names, ["trip/day 2/two.jpg", "trip/one.jpg"]);
    assert.match(await page.textContent("#notices"), /1 file in the folders left out/);
    await page.context().close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("500 photos at once: the page answers meanwhile, and all get their answer", needs("viewports"), async () => {
  const page = await openPage(browser, server, { viewport: { width: 1280, height: 900 } });
  await dropDrawn(page, 500);
  await page.waitForFunction(() => document.querySelectorAll(".card").length === 500);
  // Nothing blocks: a timer of the page is never late by much.
  const late = await page.evaluate(async () => {
    let worst = 0;
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 20));
      worst = Math.max(worst, performance.now() - start - 20);
    }
    return worst;
  });
  assert.ok(late < 1000, `the page stood still for ${late} ms`);
  // A second batch waits its turn.
  await drop(page, served(expected.slice(0, 1)));
  await settled(page, 501);
  const shown = await answers(page);
  assert.ok(shown.every(({ state }) => state === "done"));
  await agree(page, expected.slice(0, 1));
  const pictures = await page.$$eval(".card img", (images) => images.filter((image) => image.src).length);
  assert.ok(pictures > 0 && pictures < 100, `${pictures} thumbnails, of which a screen shows a few`);
  await page.context().close();
});

test("a running batch is cancelled, and can be taken up again", async () => {
  const page = await openPage(browser, server);
  await dropDrawn(page, 400);
  await page.waitForFunction(() => document.querySelectorAll('.card[data-state="done"]').length > 3);
  await page.click("#cancel");
  await page.waitForFunction(() => document.getElementById("running").hidden);
  const states = (await answers(page)).map(({ state }) => state);
  const cancelled = states.filter((state) => state === "cancelled").length;
  assert.ok(cancelled > 0 && cancelled < 400, `${cancelled} of 400 cancelled`);
  await says(page, "#announcer", /Stopped after/);
  // What was answered stays so.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual((await answers(page)).map(({ state }) => state), states);
  await page.click("#again");
  await settled(page, 400);
  assert.ok((await answers(page)).every(({ state }) => state === "done"));
  await page.context().close();
});

test("a photo that is removed while it waits is gone, and clearing empties the sheet", async () => {
  const page = await openPage(browser, server);
  await dropDrawn(page, 60);
  await page.click('.card:nth-child(50) .remove');
  await settled(page, 59);
  assert.ok(!(await answers(page)).some(({ name }) => name === "drawn 49.png"));
  await page.click("#clear");
  await settled(page, 0);
  assert.match(await page.textContent("#empty"), /Nothing here yet/);
  await drop(page, served(expected.slice(0, 1)));
  await settled(page, 1);
  assert.equal(await page.textContent(".card .edge"), "1", "the next sheet is numbered from its start");
  await page.context().close();
});

test("photos by address: this server's are taken, others refused with the reason", needs("keys"), async () => {
  const page = await openPage(browser, server);
  const [one] = expected;
  await page.fill("#address", `photos/${encodeURIComponent(basename(one.path))}`);
  await page.press("#address", "Enter");
  await settled(page, 1);
  await agree(page, [one]);
  await page.fill("#address", "https://example.com/cat.jpg");
  await page.press("#address", "Enter");
  await says(page, "#address-error", /security policy lets it reach only its own server/);
  assert.equal(await page.getAttribute("#address", "aria-invalid"), "true");
  await page.fill("#address", "photos/nowhere.jpg");
  await page.press("#address", "Enter");
  await says(page, "#address-error", /answered 404/);
  await settled(page, 1);
  // Who types on does not see the old error; one that is dropped is answered where it is seen.
  await page.fill("#address", "photos/else");
  assert.equal(await page.textContent("#address-error"), "");
  assert.equal(await page.getAttribute("#address", "aria-invalid"), "false");
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/uri-list", "https://example.com/cat.jpg");
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
  });
  await says(page, "#notices", /security policy lets it reach only its own server/);
  assert.equal(await page.textContent("#address-error"), "");
  await page.context().close();
});

test("only files and addresses from elsewhere are taken for a drop", async () => {
  const page = await openPage(browser, server);
  await drop(page, served(expected.slice(0, 1)));
  await settled(page, 1);
  /** Says whether the page took what is dragged over `selector`, and whether it showed that. */
  const drag = (selector, type, text, own = false) =>
    page.evaluate(
      ([selector, type, text, own]) => {
        const data = new DataTransfer();
        if (type === "file") data.items.add(new File(["no photo"], text));
        else data.setData(type, text);
        const target = document.querySelector(selector);
        const tell = (name) => target.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: data }));
        if (own) tell("dragstart");
        const over = !tell("dragover");
        const shown = !document.getElementById("drop-veil").hidden;
        const taken = !tell("drop");
        if (own) tell("dragend");
        return { over, shown, taken };
      },
      [selector, type, text, own],
    );
  const [yes, no] = [true, false].map((is) => ({ over: is, shown: is, taken: is }));
  assert.deepEqual(await drag("#intake-lead", "text/plain", "some words"), no);
  assert.deepEqual(await drag("#address", "text/uri-list", "https://example.com/a.jpg"), no, "a field takes an address itself");
  assert.deepEqual(await drag(".card img", "text/uri-list", "blob:something", true), no, "a picture of the page's own");
  assert.equal(await page.evaluate(() => document.querySelector(".card img").draggable), false);
  assert.equal((await answers(page)).length, 1);
  assert.deepEqual(await drag("#intake-lead", "text/uri-list", "https://example.com/a.jpg"), yes);
  assert.deepEqual(await drag("#address", "file", "notes.jpg"), yes, "a file, which the browser would open in place of the page");
  await settled(page, 2);
  await page.context().close();
});

test("the camera gives a photo; refused or missing, it says what to do", needs("a camera"), async () => {
  const page = await openPage(browser, server);
  await page.click("#open-camera");
  await page.waitForSelector("#camera-shoot:enabled");
  await page.click("#camera-shoot");
  await settled(page, 1);
  // The page behind the dialog is inert: what it says there nobody hears.
  await says(page, "#camera #camera-count", /^1 photo taken/);
  await page.click("#camera-shoot");
  await says(page, "#camera-count", /^2 photos taken/);
  await settled(page, 2);
  await page.keyboard.press("Escape");
  const [photo] = await answers(page);
  assert.equal(photo.state, "done");
  assert.match(photo.name, /^camera .*\.png$/);
  // The stream ends when the dialog says that it is closed, which is a moment after the key.
  await page.waitForFunction(() => document.getElementById("camera-video").srcObject === null);
  for (const [name, text] of [["NotAllowedError", /refused.*Allow it/], ["NotFoundError", /No camera was found/], ["SecurityError", /https/]]) {
    await page.evaluate((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
    }, name);
    await page.click("#open-camera");
    await page.waitForSelector("#camera-error:not(:empty)");
    assert.match(await page.textContent("#camera-error"), text);
    assert.equal(await page.isVisible("#camera-video"), false);
    assert.equal(await page.isVisible("#camera-shoot"), false);
    assert.equal(await page.textContent("#camera-count"), "");
    await page.click("#camera-close");
  }
  // As over plain http.
  await page.evaluate(() => {
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
    Object.defineProperty(globalThis, "isSecureContext", { value: false });
  });
  await page.click("#open-camera");
  await says(page, "#camera-error", /https:\/\/ only.*Choose a photo/);
  await page.context().close();
});

test("drawn samples say that they are drawn; the server's own take their place", needs("answers in the server's place"), async () => {
  const page = await openPage(browser, server);
  await page.click("#add-samples");
  await settled(page, 6);
  for (const { name, state } of await answers(page)) {
    assert.match(name, /^drawn sample, /);
    assert.equal(state, "done");
  }
  const name = basename(expected[0].path);
  await page.route("**/samples/index.json", (route) => route.fulfill({ json: [name] }));
  await page.route(`**/samples/${encodeURIComponent(name)}`, (route) => route.fulfill({ path: expected[0].path }));
  await clear(page);
  await page.click("#add-samples");
  await settled(page, 1);
  await agree(page, expected.slice(0, 1));
  await page.context().close();
});

test("a hidden tab goes on: nothing waits for a frame or for the screen", needs("scripts before the page's"), async () => {
  const page = await openPage(browser, server, {
    init: () => {
      // What a browser does to a tab in the background.
      globalThis.requestAnimationFrame = () => 0;
      globalThis.IntersectionObserver = class {
        observe() {}
        unobserve() {}
      };
      Object.defineProperty(document, "hidden", { get: () => true });
      Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
    },
  });
  await dropDrawn(page, 40);
  await settled(page, 40);
  await says(page, "#count", /40 photos/);
  await page.context().close();
});

test("photos that come before the model wait for it", async () => {
  const page = await openPage(browser, server, { wait: false });
  const some = expected.slice(0, 3);
  await page.setInputFiles("#pick-photos", some.map(({ path }) => path));
  await ready(page);
  await settled(page, 3);
  await agree(page, some);
  await page.context().close();
});
