// Draws public/icon-*.png from public/icon.svg with the browser of the tests: node build/icons.mjs
import { readFile } from "node:fs/promises";
import { launch } from "../../../tests/browser/browser.mjs";

const folder = new URL("../public/", import.meta.url);
const svg = await readFile(new URL("icon.svg", folder), "utf8");
// Launchers cut maskable icons to any shape: the picture fills the square and its mark stays in the middle.
const maskable = svg.replace('rx="14"', "").replace('viewBox="0 0 64 64"', 'viewBox="-8 -8 80 80"')
  .replace('<rect width="64" height="64"', '<rect x="-8" y="-8" width="80" height="80"');

const browser = await launch({ webgpu: false });
for (const [name, size, drawing] of [
  ["icon-180.png", 180, maskable],
  ["icon-192.png", 192, svg],
  ["icon-512.png", 512, svg],
  ["icon-maskable-512.png", 512, maskable],
]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>*{margin:0}svg{display:block;width:100vw}</style>${drawing}`);
  await page.screenshot({ path: new URL(name, folder).pathname, omitBackground: true });
  await page.close();
}
await browser.close();
