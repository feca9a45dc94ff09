// A real browser for the tests: Chromium, or with PHOTONET_BROWSER another engine, `firefox` or `webkit`.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, firefox } from "playwright-core";
import { find } from "./programs.mjs";
import * as webkit from "./webkit.mjs";

/** Which browser the tests run in. */
export const engine = process.env.PHOTONET_BROWSER || "chromium";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// SwiftShader.
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Firefox's camera of a test; Chromium's is asked for by flags. */
const FAKE_CAMERA = { "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true };

/** What a browser, or what tests may do with it, does not have; `needs` takes these names. */
const LACKS = {
  chromium: [],
  // Playwright speaks WebDriver BiDi to it, in which these are missing; a script's paste event carries no files.
  firefox: ["quotas", "scripts in workers", "colour schemes", "picking a folder", "pasting by script", "pages without scripts"],
  // Driven by WebDriver; WebKitGTK has no WebGPU.
  webkit: [
    "WebGPU",
    "quotas",
    "scripts in workers",
    "scripts before the page's",
    "answers in the server's place",
    "colour schemes",
    "viewports",
    "picking a folder",
    "a camera",
    "keys",
    "two windows",
    "pages without scripts",
  ],
};

if (!(engine in LACKS)) throw new Error(`PHOTONET_BROWSER=${engine}: tests run in ${Object.keys(LACKS).join(", ")}`);

/** Options of a test that needs these. */
export function needs(...features) {
  const unknown = features.find((feature) => !Object.values(LACKS).flat().includes(feature));
  if (unknown) throw new Error(`no browser lacks ${unknown}: a mistake in its name?`);
  const missing = features.filter((feature) => LACKS[engine].includes(feature));
  return { skip: missing.length > 0 && `${engine} lacks ${missing.join(", ")}` };
}

/** The environment in which Vulkan has Mesa's software driver alone, where that is. */
function software() {
  const folder = "/usr/share/vulkan/icd.d";
  if (process.env.VK_DRIVER_FILES || !existsSync(folder)) return {};
  const files = readdirSync(folder).filter((name) => name.startsWith("lvp_icd"));
  return files.length > 0 ? { VK_DRIVER_FILES: files.map((name) => join(folder, name)).join(":") } : {};
}

/** PHOTONET_CHROMIUM and PHOTONET_FIREFOX name others than those of programs.txt. */
function program() {
  const variable = `PHOTONET_${engine.toUpperCase()}`;
  const found = find(engine, process.env[variable]);
  if (!found) throw new Error(`no ${engine} found; set ${variable} to its path`);
  return found;
}

/**
 * Starts the browser, headless, with WebGPU on a software adapter.
 * @param {{ webgpu?: boolean, args?: string[], headless?: boolean, steady?: boolean }} options `webgpu: false` leaves it
 * without an adapter; `args` are Chromium's; `steady: false`, for measuring, is WebKit with the threads that it compiles on
 */
export function launch({ webgpu = true, args = [], headless = true, steady = true } = {}) {
  if (engine === "webkit") return webkit.launch({ steady });
  if (engine === "firefox") {
    // Its WebGPU is wgpu, on the system's Vulkan driver: here Mesa's software one, which is on its list of those not to use.
    const firefoxUserPrefs = { "dom.webgpu.enabled": webgpu, "gfx.webgpu.ignore-blocklist": true, ...FAKE_CAMERA };
    return firefox.launch({ executablePath: program(), channel: "moz-firefox", headless, firefoxUserPrefs, env: { ...process.env, ...software() } });
  }
  const flags = [...FLAGS, ...(webgpu ? WEBGPU : ["--disable-features=WebGPU,WebGPUService"]), ...args];
  return chromium.launch({ executablePath: program(), headless, args: flags });
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
