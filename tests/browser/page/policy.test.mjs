// The policy that keeps photos on the device: stated on the page, in force in it and in its workers, and never in the way.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch, needs } from "../browser.mjs";
import { answers, download, drop, model, openPage, paste, photos, served, servePage, settled } from "./page.mjs";

const expected = photos().slice(0, 3);
let browser;
let server;
let foreign;
let foreignRequests = 0;

before(async () => {
  browser = await launch();
  server = await servePage();
  foreign = createServer((_, response) => {
    foreignRequests += 1;
    response.writeHead(200, { "access-control-allow-origin": "*" });
    response.end("reached");
  });
  await new Promise((resolve) => foreign.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  await browser?.close();
  await server?.close();
  foreign?.closeAllConnections();
  foreign?.close();
});

const foreignUrl = () => `http://127.0.0.1:${foreign.address().port}/`;

/** Collects what the policy refuses, in the page itself. */
const recordViolations = () => {
  globalThis.violations = [];
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    globalThis.violations.push(`${effectiveDirective}: ${blockedURI}`);
  });
};

test("everything that the page does is within its policy, and no request carries a photo", async () => {
  const page = await openPage(browser, server, { wait: false, init: recordViolations });
  const requests = [];
  page.context().on("request", (request) => requests.push(request));
  await page.waitForSelector('#model-panel[data-state="ready"]', { timeout: 60_000 });
  await page.setInputFiles("#pick-photos", expected.map(({ path }) => path));
  await settled(page, 3);
  await (needs("pasting by script").skip ? drop : paste)(page, served(expected.slice(0, 1)));
  await settled(page, 4);
  await page.click("#add-samples");
  await settled(page, 10);
  await page.setInputFiles("#pick-model", model);
  await page.click(".card .more summary");
  await page.waitForFunction(() => document.querySelector(".card img").naturalWidth > 0);
  await page.check('input[name="backend"][value="cpu"]');
  await page.fill("#threshold", "70");
  await settled(page, 10);
  await download(page, "#save-csv");
  await download(page, "#save-json");
  await page.click('a[href="#privacy"]');
  assert.deepEqual(await page.evaluate("violations"), []);
  const refusals = page.problems.filter((problem) => /Content Security Policy|Refused to/i.test(problem));
  assert.deepEqual(refusals, []);
  for (const request of requests) {
    assert.equal(request.method(), "GET", request.url());
    assert.equal(request.postData(), null, request.url());
    assert.match(request.url(), new RegExp(`^(blob:)?${server.url}/`));
  }
  await page.context().close();
});

test("neither the page nor its workers reach another server", needs("scripts in workers"), async () => {
  const page = await openPage(browser, server, { init: recordViolations });
  await drop(page, served(expected.slice(0, 1)));
  await settled(page, 1);
  await page.waitForFunction(() => document.querySelector(".card img").naturalWidth > 0);
  const workers = page.workers();
  assert.equal(workers.length, 2, "one that computes, one that draws");
  const reach = (url) => fetch(url).then(() => "reached", (error) => error.name);
  for (const url of [foreignUrl(), "https://example.com/"]) {
    assert.equal(await page.evaluate(reach, url), "TypeError");
    for (const worker of workers) assert.equal(await worker.evaluate(reach, url), "TypeError", `${worker.url()} reached ${url}`);
  }
  await page.evaluate((url) => {
    new Image().src = url;
    navigator.sendBeacon(url, "photo");
    new WebSocket(url.replace("http", "ws"));
  }, foreignUrl());
  await page.waitForFunction(() => globalThis.violations.filter((text) => text.startsWith("connect-src")).length >= 4);
  assert.equal(foreignRequests, 0);
  // The same server without a policy in between is reached: the test can tell.
  const bare = await page.context().newPage();
  await bare.goto(foreignUrl());
  assert.ok(foreignRequests > 0);
  await page.context().close();
});

test("the page shows the policy of its own document, and lets the visitor try it", async () => {
  const page = await openPage(browser, server);
  await page.click('a[href="#privacy"]');
  assert.equal(await page.isVisible("#privacy-body"), true);
  const stated = await page.$$eval("#policy code", (codes) => codes.map((code) => code.textContent));
  const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
  assert.deepEqual(stated, policy.split("; "));
  for (const directive of ["default-src 'none'", "connect-src 'self'", "form-action 'none'", "base-uri 'none'"]) {
    assert.ok(stated.includes(directive), directive);
  }
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|https?:|\*/);
  await page.click("#try-leak");
  await page.waitForSelector("#leak-result:not(:empty)");
  assert.match(await page.textContent("#leak-result"), /^Blocked: .*connect-src/);
  await page.context().close();
});

test("a server's stricter policy for workers is met as well", async () => {
  const policy = "worker-src 'self'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
  const strict = await servePage({ headers: { "content-security-policy": policy } });
  const page = await openPage(browser, strict);
  await page.setInputFiles("#pick-photos", expected[0].path);
  await settled(page, 1);
  assert.equal((await answers(page))[0].top[0].label, expected[0].top[0].label);
  await page.context().close();
  await strict.close();
});
