// Models that come, fail, are replaced, and where they compute; in a browser without WebGPU.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, needs } from "../browser.mjs";
import { answers, bytes, drop, dropDrawn, halting, model, openPage, photos, ready, served, servePage, says, settled } from "./page.mjs";

const expected = photos();
const whole = readFileSync(model);
let browser;

before(async () => {
  browser = await launch({ webgpu: false });
});

after(async () => {
  await browser?.close();
});

/** Opens the page on a server where the model is this. */
async function withModel(route, check, options = {}) {
  const server = await servePage({ routes: route ? { "/model.safetensors": route } : {} });
  const page = await openPage(browser, server, { wait: false, ...options });
  try {
    await check(page, server);
  } finally {
    await page.context().close();
    await server.close();
  }
}

const failed = (page) => page.waitForSelector("#model-error:not(:empty)", { state: "attached", timeout: 30_000 });

test("without WebGPU the CPU answers, and the page says why", () =>
  withModel(undefined, async (page) => {
    await ready(page);
    assert.match(await page.textContent("#model-note"), /^Using the CPU: .*WebGPU/s);
    assert.equal(await page.textContent("#notices"), "", "nobody has to be warned of it");
    await page.setInputFiles("#pick-photos", expected[0].path);
    await settled(page, 1);
    const [answer] = await answers(page);
    assert.equal(answer.top[0].label, expected[0].top[0].label);
    // Asked for by name it is an error, and what was in use goes on.
    await page.click('input[name="backend"][value="webgpu"]');
    await failed(page);
    assert.match(await page.textContent("#model-error"), /^WebGPU cannot be used on this device: /);
    assert.match(await page.textContent("#model-status"), /Ready.*CPU.*as before/);
    assert.ok(await page.isChecked('input[name="backend"][value="auto"]'), "the choice is undone");
    await drop(page, served(expected.slice(1, 2)));
    await settled(page, 2);
    assert.equal((await answers(page))[1].state, "done");
  }));

test("a choice that does not work here is not kept; one from an earlier visit gives way to the CPU", () =>
  withModel(undefined, async (page) => {
    await ready(page);
    await page.click('input[name="backend"][value="webgpu"]');
    await failed(page);
    await page.reload();
    await ready(page);
    assert.ok(await page.isChecked('input[name="backend"][value="auto"]'));
    assert.equal(await page.textContent("#model-error"), "");
    // As when the driver has changed since.
    await page.evaluate(() => localStorage.setItem("photonet.backend", "webgpu"));
    await page.reload();
    await ready(page);
    await failed(page);
    assert.match(await page.textContent("#model-error"), /^WebGPU cannot be used on this device: /);
    assert.match(await page.textContent("#model-status"), /Ready.*on CPU/);
    assert.ok(await page.isChecked('input[name="backend"][value="auto"]'));
    await page.setInputFiles("#pick-photos", expected[0].path);
    await settled(page, 1);
    assert.equal((await answers(page))[0].top[0].label, expected[0].top[0].label);
    await page.check('input[name="backend"][value="cpu"]');
    await page.waitForFunction(() => localStorage.getItem("photonet.backend") === "cpu");
  }));

test("the model's facts and the check of its test vectors", () =>
  withModel(undefined, async (page) => {
    await ready(page);
    const facts = await page.$$eval("#model-facts div", (rows) =>
      Object.fromEntries(rows.map((row) => [row.querySelector("dt").textContent, row.querySelector("dd").textContent])),
    );
    assert.equal(facts.Input, "64 × 64 pixels");
    assert.match(facts.Architecture, /small/i);
    assert.match(facts["Top-1"], /% of \d+ photos/);
    assert.match(facts["Trained on"], /\d+ photos/);
    const labels = await page.$$eval("#model-labels li", (items) => items.map((item) => item.textContent));
    assert.equal(String(labels.length), facts.Classes);
    assert.ok(labels.includes(expected[0].top[0].label));
    // It runs by itself when nobody waits.
    await page.waitForSelector('#verdict[data-state="good"]');
    assert.match(await page.textContent("#verdict-text"), /(\d+) of \1 agree/);
  }));

test("no model on the server: how to get one, and a dropped one is taken", () =>
  withModel(bytes(Buffer.from("not found"), "text/plain", 404), async (page) => {
    await failed(page);
    // What the visitor can do, and apart from it what whoever runs the page can.
    assert.match(await page.textContent("#model-error"), /^Open a model file.*drop one on the page/);
    assert.doesNotMatch(await page.textContent("#model-error"), /photonet train|404/);
    assert.match(await page.textContent("#model-why"), /404.*photonet train/s);
    assert.equal(await page.isVisible("#model-why"), true);
    assert.match(await page.textContent("#model-status"), /offers no model/);
    await drop(page, served(expected.slice(0, 1)));
    await says(page, "#batch-text", /1 photo waiting for a model/);
    await page.setInputFiles("#pick-model", model);
    await ready(page);
    await settled(page, 1);
    assert.equal((await answers(page))[0].top[0].label, expected[0].top[0].label);
  }));

for (const [what, route, says] of [
  ["an HTML page", bytes(Buffer.from("<!doctype html><p>Not here"), "text/html; charset=utf-8"), /HTML page/],
  ["a truncated file", bytes(whole.subarray(0, whole.length / 2)), /model\.safetensors cannot be used: /],
  ["a foreign file", bytes(Buffer.from("PK\u0003\u0004 this is another thing altogether")), /cannot be used: .*/],
  ["a broken download", (_, response) => {
    response.writeHead(200, { "content-length": whole.length });
    response.write(whole.subarray(0, 1000), () => response.destroy());
  }, /broke off/],
  ["no network", (request) => request.socket.destroy(), /cannot fetch the model.*network/is],
]) {
  test(`in place of the model, ${what}: an error that says so, and another model helps`, () =>
    withModel(route, async (page) => {
      await failed(page);
      const details = await page.isVisible("#model-why");
      assert.match(await page.textContent(details ? "#model-why-text" : "#model-error"), says);
      if (details) assert.doesNotMatch(await page.textContent("#model-error"), /CORS|Content-Security|https?:/);
      assert.match(await page.textContent("#model-brief"), /none/);
      await page.setInputFiles("#pick-model", model);
      await ready(page);
      assert.equal(await page.textContent("#model-error"), "");
      assert.equal(await page.isVisible("#model-why"), false);
    }));
}

test("models of one name are told apart by where they are from and when they were saved", () =>
  withModel(undefined, async (page) => {
    await ready(page);
    const status = () => page.textContent("#model-status");
    assert.match(await status(), /^Ready: model\.safetensors, computing/);
    const give = (time) =>
      page.evaluate(
        async ([address, time]) => {
          const data = new DataTransfer();
          data.items.add(new File([await (await fetch(address)).blob()], "model.safetensors", { lastModified: time }));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
        },
        ["model.safetensors", time],
      );
    await give(1.7e12);
    await says(page, "#model-status", /^Ready: model\.safetensors \(your file of .*2023/);
    const first = await status();
    await give(1.7e12 + 60_000);
    await page.waitForFunction((first) => {
      const now = document.getElementById("model-status").textContent;
      return now.startsWith("Ready: model.safetensors (your file of ") && now !== first;
    }, first);
  }));

test("a second model while the first loads: the second one wins", async () => {
  const slow = halting(model);
  await withModel(slow.route, async (page) => {
    await page.waitForFunction(() => document.getElementById("model-progress").value > 0.3);
    assert.match(await page.textContent("#model-brief"), /\d+ %/);
    await page.setInputFiles("#pick-model", { name: "mine.safetensors", mimeType: "", buffer: whole });
    await ready(page);
    assert.match(await page.textContent("#model-status"), /mine\.safetensors/);
    slow.release();
    await page.setInputFiles("#pick-photos", expected[0].path);
    await settled(page, 1);
    assert.match(await page.textContent("#model-status"), /mine\.safetensors/);
  });
});

test("loading is cancelled, and the page says how to go on", async () => {
  const slow = halting(model);
  await withModel(slow.route, async (page) => {
    await page.waitForFunction(() => document.getElementById("model-progress").value > 0.3);
    await page.click("#model-cancel");
    await drop(page, served(expected.slice(0, 1)));
    await says(page, "#model-status", /cancelled/);
    assert.equal(await page.isVisible("#model-load"), false);
    await says(page, "#batch-text", /^1 photo waiting for a model$/);
    assert.equal(await page.textContent("#count"), "1 photo · 1 waiting");
    assert.equal(await page.isVisible("#batch-progress"), false);
    // Both buttons for another try are there, beside the model and beside the photos that wait.
    assert.equal(await page.isVisible("#model-panel .retry"), true);
    await page.click("#running .retry");
    await says(page, "#batch-text", /^1 photo waiting for the model$/);
    await page.waitForFunction(() => document.getElementById("model-progress").value > 0.3);
    slow.release();
    await ready(page);
    await settled(page, 1);
    assert.equal((await answers(page))[0].top[0].label, expected[0].top[0].label);
    assert.equal(await page.isVisible(".retry"), false);
  });
});

test("a download that broke off is tried again", async () => {
  let broken = true;
  const route = (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": whole.length });
    if (broken) response.write(whole.subarray(0, 1000), () => response.destroy());
    else response.end(whole);
  };
  await withModel(route, async (page) => {
    await failed(page);
    broken = false;
    await page.click("#model-panel .retry");
    await ready(page);
    assert.equal(await page.isVisible("#model-panel .retry"), false);
  });
});

test("a worker that dies is started anew, and the photos after it are answered", needs("scripts in workers"), () =>
  withModel(undefined, async (page) => {
    await ready(page);
    const [worker] = page.workers();
    await worker.evaluate(() => {
      setTimeout(() => {
        throw new Error("out of order");
      });
    });
    await says(page, "#notices", /worker that computes has failed/);
    await page.setInputFiles("#pick-photos", expected[0].path);
    await settled(page, 1);
    assert.equal((await answers(page))[0].top[0].label, expected[0].top[0].label);
    assert.match(await page.textContent("#model-status"), /^Ready/);
  }));

test("another model in the middle of a batch answers for all photos; a bad one changes nothing", () =>
  withModel(undefined, async (page) => {
    await ready(page);
    await dropDrawn(page, 80);
    await page.waitForFunction(() => document.querySelectorAll('.card[data-state="done"]').length > 2);
    await page.setInputFiles("#pick-model", { name: "other.safetensors", mimeType: "", buffer: whole });
    // Its name alone is said while it loads, when the photos may all have answers of the model before.
    await says(page, "#model-status", /^Ready: other\.safetensors/);
    await settled(page, 80);
    const before = await answers(page);
    assert.ok(before.every(({ state }) => state === "done"));
    await drop(page, [{ name: "bad.safetensors", type: "", text: "no model" }]);
    await failed(page);
    assert.match(await page.textContent("#model-error"), /bad\.safetensors cannot be used/);
    assert.match(await page.textContent("#model-status"), /other\.safetensors.*as before/);
    assert.deepEqual(await answers(page), before);
  }));
