// The built page in a real browser, and what the tests do with it.
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { engine, watch } from "../browser.mjs";
import { model, photos, root } from "../fixtures.mjs";
import { serve } from "../server.mjs";

export { model, photos, root };

export const dist = join(root, "web/site/dist");

/** A route that answers with these bytes. */
export function bytes(body, type = "application/octet-stream", status = 200) {
  return (_, response) => {
    response.writeHead(status, { "content-type": type, "content-length": body.length });
    response.end(body);
  };
}

/** A route that sends part of a file and then waits until `release` is called. */
export function halting(file, share = 0.5) {
  const whole = readFileSync(file);
  const waiting = [];
  const route = (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": whole.length });
    response.write(whole.subarray(0, whole.length * share));
    waiting.push(() => response.end(whole.subarray(whole.length * share)));
  };
  return { route, release: () => waiting.splice(0).forEach((end) => end()) };
}

/** The bytes of the fixtures' model with other class names, as many as it has. */
export function relabelled(rename) {
  const whole = readFileSync(model);
  const end = 8 + Number(whole.readBigUInt64LE(0));
  const header = JSON.parse(whole.subarray(8, end).toString());
  header.__metadata__.labels = JSON.stringify(JSON.parse(header.__metadata__.labels).map(rename));
  const text = Buffer.from(JSON.stringify(header));
  // Tensors begin at a multiple of 8.
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, whole.subarray(end)]);
}

/** Serves the page with a model beside it, and the photos of the fixtures under /photos/. No header carries a policy. */
export async function servePage({ routes = {}, folders = [], headers = {} } = {}) {
  if (!existsSync(join(dist, "index.html"))) throw new Error(`${dist} is not built: run \`cargo xtask web\``);
  const files = {};
  for (const { path } of photos()) {
    files[`/photos/${basename(path)}`] = (_, response) => {
      response.writeHead(200, { "content-type": "image/jpeg" });
      response.end(readFileSync(path));
    };
  }
  const first = { "/model.safetensors": bytes(readFileSync(model)) };
  const all = { ...first, ...files, ...routes };
  const server = await serve({ folders: [...folders, dist], routes: all, headers });
  // They are looked up at each request, so a test may change them.
  return { ...server, routes: all };
}

/**
 * Opens the page in a fresh profile and waits for its model, unless told not to. Without a service worker, so that the
 * server answers; the tests of offline use ask for one.
 */
export async function openPage(browser, server, { wait = true, serviceWorkers = "block", path = "/", init, ...context } = {}) {
  const profile = await browser.newContext({ serviceWorkers, ...context });
  const page = await profile.newPage();
  page.problems = watch(page);
  if (init) await page.addInitScript(init);
  await page.goto(server.url + path);
  if (wait) await ready(page);
  return page;
}

export function ready(page) {
  return page.waitForSelector('#model-panel[data-state="ready"]', { state: "attached", timeout: 60_000 });
}

/** Waits until `count` photos are on the sheet and none waits. */
export async function settled(page, count) {
  const done = (count) =>
    document.querySelectorAll(".card").length === count &&
    !document.querySelector('.card[data-state="waiting"]') &&
    document.getElementById("running").hidden;
  await page.waitForFunction(done, count, { timeout: 120_000, polling: 50 });
}

/** What the page says of each photo, in the order shown. */
export function answers(page) {
  return page.$$eval(".card:not([hidden])", (cards) =>
    cards.map((card) => ({
      name: card.querySelector(".name").textContent,
      state: card.dataset.state,
      unsure: card.dataset.unsure === "true",
      said: card.querySelector(".answer").textContent,
      top: Array.from(card.querySelectorAll(".bars li"), (li) => ({
        label: li.querySelector(".label").textContent,
        probability: li.querySelector(".value").textContent,
      })),
    })),
  );
}

/** Drops files, of the server ({ name, type, url }) or of a text ({ name, type, text }), on the page or on `target`. */
export function drop(page, files, target = "body") {
  return transfer(page, files, ["dragover", "drop"], target);
}

/** The same as a paste. */
export function paste(page, files) {
  return transfer(page, files, ["paste"]);
}

function transfer(page, files, events, target = "body") {
  return page.evaluate(
    async ([files, events, target]) => {
      const data = new DataTransfer();
      for (const { name, type, url, text } of files) {
        const body = url ? await (await fetch(url)).blob() : text;
        data.items.add(new File([body], name, { type }));
      }
      const options = { bubbles: true, cancelable: true };
      for (const name of events) {
        const event =
          name === "paste"
            ? new ClipboardEvent(name, { ...options, clipboardData: data })
            : new DragEvent(name, { ...options, dataTransfer: data });
        document.querySelector(target).dispatchEvent(event);
      }
    },
    [files, events, target],
  );
}

/** The fixtures' photos as files for `drop` and `paste`. */
export function served(expected) {
  return expected.map(({ path }) => ({ name: basename(path), type: "", url: `photos/${encodeURIComponent(basename(path))}` }));
}

/** Puts `count` small, different PNGs into the page's drop, made there. */
export function dropDrawn(page, count) {
  return page.evaluate(async (count) => {
    const canvas = new OffscreenCanvas(24, 18);
    const context = canvas.getContext("2d");
    const data = new DataTransfer();
    for (let i = 0; i < count; i++) {
      context.fillStyle = `hsl(${i * 37} 70% 50%)`;
      context.fillRect(0, 0, 24, 18);
      context.fillStyle = "#fff";
      context.fillRect(i % 20, i % 15, 4, 4);
      data.items.add(new File([await canvas.convertToBlob()], `drawn ${i}.png`, { type: "image/png" }));
    }
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, count);
}

/** The text of a file that the page offers when `selector` is clicked. */
export async function download(page, selector) {
  if (engine !== "chromium") return handedOver(page, selector);
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

/** The same where tests are told of no downloads: what the page makes a file of. */
async function handedOver(page, selector) {
  await page.waitForFunction((selector) => document.querySelector(selector).matches(":enabled"), selector);
  return page.evaluate(async (selector) => {
    const { createObjectURL } = URL;
    const { click } = HTMLAnchorElement.prototype;
    const file = {};
    URL.createObjectURL = (blob) => createObjectURL.call(URL, (file.blob = blob));
    HTMLAnchorElement.prototype.click = function () {
      file.name = this.download;
      click.call(this);
    };
    try {
      document.querySelector(selector).click();
    } finally {
      URL.createObjectURL = createObjectURL;
      HTMLAnchorElement.prototype.click = click;
    }
    const bytes = await file.blob.arrayBuffer();
    return { name: file.name, text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) };
  }, selector);
}

/** Waits until an asynchronous question to the page is answered with yes; `waitForFunction` takes a promise for one. */
export async function eventually(page, question, what) {
  const until = Date.now() + 20_000;
  while (!(await page.evaluate(question))) {
    if (Date.now() > until) throw new Error(`never: ${what}`);
    await page.waitForTimeout(50);
  }
}

/** Waits until the text of `selector` matches. */
export async function says(page, selector, pattern) {
  const matches = ([selector, source, flags]) => new RegExp(source, flags).test(document.querySelector(selector).textContent);
  await page.waitForFunction(matches, [selector, pattern.source, pattern.flags], { polling: 50, timeout: 30_000 }).catch(async () => {
    throw new Error(`${selector} says “${await page.textContent(selector)}”, not ${pattern}`);
  });
}
