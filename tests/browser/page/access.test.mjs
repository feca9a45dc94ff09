// By keyboard alone, for a screen reader, with enough contrast by day and night, and on a phone.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { engine, launch, needs } from "../browser.mjs";
import { lowContrast, structureFaults } from "./accessible.mjs";
import { answers, dist, drop, halting, model, openPage, photos, served, servePage, says, settled } from "./page.mjs";

const expected = photos().slice(0, 5);
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

/** A page in every state that has a look of its own: answers, doubt, an error, a notice, open panels. */
async function filled(options) {
  const page = await openPage(browser, server, options);
  await drop(page, [...served(expected), { name: "notes.jpg", type: "image/jpeg", text: "no photo" }]);
  await settled(page, expected.length + 1);
  await page.fill("#threshold", "60");
  await page.fill("#address", "https://example.com/a.jpg");
  await page.press("#address", "Enter");
  await page.evaluate(() => {
    for (const panel of document.querySelectorAll("details")) panel.open = true;
  });
  await page.waitForSelector(".card dl");
  return page;
}

test("every step by keyboard: skip, choose, read, change, remove, clear", async () => {
  const page = await openPage(browser, server);
  await drop(page, served(expected));
  await settled(page, expected.length);
  await page.evaluate(() => document.activeElement?.blur());
  const seen = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return undefined;
      const shown = element.matches(".file") ? element.nextElementSibling : element.matches(".switch input") ? element.nextElementSibling : element;
      const style = getComputedStyle(shown);
      return {
        what: element.id || element.className || element.getAttribute("href") || element.tagName,
        visible: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2,
      };
    });
    if (!at) break;
    assert.ok(at.visible, `the focus is not seen on ${at.what}`);
    seen.push(at.what);
    // A step more leaves the page for the browser's own buttons, and Firefox does not come back for a test.
    if (engine === "firefox" && at.what === "./bench.html") break;
  }
  assert.equal(seen[0], "skip");
  const order = ["pick-photos", "pick-folder", "open-camera", "add-samples", "address", "pick-model", "save-csv", "threshold", "filter-text", "filter-class", "sort", "filter-unsure", "remove"];
  const places = order.map((name) => seen.indexOf(name));
  assert.ok(places.every((place, i) => place >= 0 && (i === 0 || place > places[i - 1])), `order: ${seen.join(", ")}`);

  await page.focus("#threshold");
  const limit = Number(await page.inputValue("#threshold"));
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await page.inputValue("#threshold")), limit + 1);
  assert.equal(await page.textContent("#threshold-value"), `${limit + 1} %`);

  await page.focus(".card:first-child .more summary");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".card:first-child dl");
  await page.focus(".card:first-child .remove");
  await page.keyboard.press("Enter");
  await settled(page, expected.length - 1);
  // The focus goes on to the next photo and is not lost.
  assert.ok(await page.evaluate(() => document.activeElement.matches(".card:first-child .remove")));

  await page.focus('input[name="backend"][value="auto"]');
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isChecked('input[name="backend"][value="cpu"]'));

  await page.focus("#open-camera");
  await page.keyboard.press("Enter");
  assert.ok(await page.evaluate(() => document.getElementById("camera").open));
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "open-camera");

  await page.focus("#clear");
  await page.keyboard.press("Enter");
  await settled(page, 0);
  await page.context().close();
});

test("answers are announced", async () => {
  const page = await openPage(browser, server);
  await drop(page, served(expected.slice(0, 1)));
  const name = served(expected)[0].name;
  const label = expected[0].top[0].label;
  await page.waitForFunction(([name, label]) => {
    const text = document.getElementById("announcer").textContent;
    return text.startsWith(name) && text.includes(label);
  }, [name, label]);
  await drop(page, served(expected.slice(1)));
  await says(page, "#announcer", /^4 photos classified/);
  await page.context().close();
});

test("every control has a name, every list its items, headings follow each other", async () => {
  const page = await filled({});
  const faults = await page.evaluate(structureFaults);
  assert.deepEqual(faults, []);
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`all text is readable in ${colorScheme} colours`, colorScheme === "dark" ? needs("colour schemes") : {}, async () => {
    const page = await filled({ colorScheme });
    const { texts, faults } = await page.evaluate(lowContrast);
    assert.ok(texts > 80, `only ${texts} texts were found`);
    assert.deepEqual(faults, []);
    const [r] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g).map(Number);
    assert.ok(colorScheme === "dark" ? r < 60 : r > 200, "the ground follows the scheme");
    await page.context().close();
  });
}

test("without scripts, and as a file, the page says at its top what it needs", needs("pages without scripts"), async () => {
  const profile = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  const page = await profile.newPage();
  await page.goto(server.url);
  const { y, height } = await page.locator(".noscript").boundingBox();
  assert.ok(y + height < 400, `${y}`);
  assert.match(await page.textContent(".noscript"), /allow scripts/);
  assert.equal(await page.textContent("#model-status"), "", "nothing starts");
  assert.equal(await page.isVisible(".unstyled"), false);
  await page.goto(pathToFileURL(join(dist, "index.html")).href);
  assert.equal(await page.isVisible(".unstyled"), true);
  assert.ok((await page.locator(".brand svg").boundingBox()).width < 50);
  await profile.close();
});

test("in forced colours the chosen backend and the edges of photos are seen", needs("colour schemes"), async () => {
  const page = await openPage(browser, server, { forcedColors: "active" });
  await drop(page, served(expected.slice(0, 1)));
  await settled(page, 1);
  const look = (selector) =>
    page.$eval(selector, (element) => {
      const { backgroundColor, borderTopWidth, borderTopStyle } = getComputedStyle(element);
      return { ground: backgroundColor, edge: borderTopStyle !== "none" && borderTopWidth !== "0px" };
    });
  const [chosen, other] = [await look("#backend :checked + span"), await look("#backend :not(:checked) + span")];
  assert.notEqual(chosen.ground, other.ground);
  for (const part of [".card", ".card .bar"]) assert.ok((await look(part)).edge, `${part} has no edge`);
  await page.context().close();
});

/** By how much the page is wider than its window, and what stands out. */
function tooWide() {
  const { clientWidth, scrollWidth } = document.documentElement;
  return {
    over: scrollWidth - clientWidth,
    by: Array.from(document.querySelectorAll("body *"))
      .filter((element) => element.checkVisibility() && !element.closest(".unseen, .file") && element.getBoundingClientRect().right > clientWidth + 1)
      .map((element) => element.id || element.className || element.tagName)
      .slice(0, 5),
  };
}

for (const width of [320, 390]) {
  test(`photos that wait for the model fit on a screen of ${width} pixels`, needs("viewports"), async () => {
    const slow = halting(model);
    const waiting = await servePage({ routes: { "/model.safetensors": slow.route } });
    const page = await openPage(browser, waiting, { wait: false, viewport: { width, height: 800 } });
    await drop(page, served(expected));
    await says(page, "#batch-text", /5 photos waiting/);
    assert.deepEqual(await page.evaluate(tooWide), { over: 0, by: [] });
    await page.context().close();
    await waiting.close();
  });
}

test("text of twice the size fits on a phone, with all panels open", needs("viewports"), async () => {
  const page = await filled({ viewport: { width: 390, height: 844 } });
  await page.evaluate(() => {
    document.documentElement.style.fontSize = "200%";
  });
  assert.deepEqual(await page.evaluate(tooWide), { over: 0, by: [] });
  await page.context().close();
});

for (const width of [320, 390, 768]) {
  test(`nothing is wider than a screen of ${width} pixels, and fingers hit the buttons`, async () => {
    const page = await filled({ viewport: { width, height: 800 }, hasTouch: true, isMobile: width < 700 });
    assert.deepEqual(await page.evaluate(tooWide), { over: 0, by: [] });
    const small = await page.$$eval("button, label.button, select, summary, a:not(.skip), input:not(.file)", (controls) =>
      controls
        .filter((control) => control.checkVisibility())
        .map((control) => [control.id || control.className || control.tagName, control.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24)
        .map(([name]) => name),
    );
    assert.deepEqual(small, []);
    assert.equal((await answers(page)).length, expected.length + 1);
    await page.context().close();
  });
}

for (const reducedMotion of ["no-preference", "reduce"]) {
  test(`on a phone the photos that were chosen come into sight (motion: ${reducedMotion})`, needs("viewports", "colour schemes"), async () => {
    const page = await openPage(browser, server, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: engine === "chromium", reducedMotion });
    const seen = () => {
      const { top, bottom } = document.querySelector(".card").getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    };
    await page.setInputFiles("#pick-photos", expected[0].path);
    await page.waitForSelector(".card", { state: "attached" });
    if (reducedMotion === "reduce") assert.ok(await page.evaluate(seen), "it is there at once");
    await page.waitForFunction(seen);
    await page.context().close();
  });
}

test("on a screen that shows the sheet, nothing is scrolled", needs("viewports"), async () => {
  const page = await openPage(browser, server, { viewport: { width: 1280, height: 800 } });
  await page.setInputFiles("#pick-photos", expected[0].path);
  await settled(page, 1);
  assert.equal(await page.evaluate(() => scrollY), 0);
  await page.context().close();
});

test("whoever wants no motion gets none", needs("colour schemes"), async () => {
  const page = await openPage(browser, server, { reducedMotion: "reduce" });
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), "auto");
  await page.context().close();
});
