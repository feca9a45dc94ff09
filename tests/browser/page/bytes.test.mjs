// What a visitor loads before the first answer.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { launch } from "../browser.mjs";
import { openPage, photos, servePage, settled } from "./page.mjs";

let browser;
let server;
before(async () => {
  browser = await launch();
  server = await servePage();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test("wasm and JavaScript stay below 1.2 MB, 400 KB with brotli", async () => {
  const loaded = new Map();
  const bodies = [];
  const page = await openPage(browser, server, { wait: false, path: "/icon.svg" });
  // Workers' requests are seen by the profile, not by the page.
  const take = (response) => {
    const { pathname } = new URL(response.url());
    if (/\.(js|wasm)$/.test(pathname)) bodies.push(response.body().then((body) => loaded.set(pathname, body)));
  };
  page.context().on("response", take);
  await page.goto(server.url);
  await page.setInputFiles("#pick-photos", photos()[0].path);
  await settled(page, 1);
  // What comes after the answer does not count, and might still be on its way when the profile is closed.
  page.context().off("response", take);
  await Promise.all(bodies);
  const sum = (size) => [...loaded.values()].reduce((total, body) => total + size(body), 0);
  const [raw, brotli] = [sum((body) => body.length), sum((body) => brotliCompressSync(body).length)];
  console.log(`${loaded.size} files, ${raw} bytes, ${brotli} with brotli: ${[...loaded.keys()].join(", ")}`);
  assert.ok([...loaded.keys()].some((name) => name.endsWith(".wasm")) && loaded.size > 2, "not all was seen");
  assert.ok(![...loaded.keys()].some((name) => /train/.test(name)), "what trains is for those who train");
  assert.ok(raw <= 1_200_000, `${raw} bytes`);
  assert.ok(brotli <= 400_000, `${brotli} bytes with brotli`);
  await page.context().close();
});
