// A real Chromium, headless, with WebGPU on its software adapter (SwiftShader).
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

const CANDIDATES = [
  process.env.PHOTONET_CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

/** The browser's program; set PHOTONET_CHROMIUM where it is found in no usual place. */
export function chromiumPath() {
  const found = CANDIDATES.find((path) => path && existsSync(path));
  if (!found) throw new Error("no Chromium found; set PHOTONET_CHROMIUM to its path");
  return found;
}

/**
 * Starts the browser. `webgpu: false` leaves it without an adapter.
 * @param {{ webgpu?: boolean, args?: string[], headless?: boolean }} options
 */
export function launch({ webgpu = true, args = [], headless = true } = {}) {
  const flags = [...FLAGS, ...(webgpu ? WEBGPU : ["--disable-features=WebGPU,WebGPUService"]), ...args];
  return chromium.launch({ executablePath: chromiumPath(), headless, args: flags });
}

/**
 * Hands over what goes wrong in a page: errors, refused policies, failed requests.
 * @param {import("playwright-core").Page} page
 */
export function watch(page) {
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  return problems;
}
