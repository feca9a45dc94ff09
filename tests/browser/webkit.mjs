// WebKit through WebDriver, with the part of Playwright's interface that the tests use: Playwright drives only a WebKit of
// its own. Of Debian's packages: webkit2gtk-driver, which has the driver and a browser for it, and xvfb for a screen.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { find } from "./programs.mjs";

const UNDEFINED = "\u0000undefined";
const PATIENCE = 120_000;
/**
 * WebKit's compiler threads now and then spoil a call of wasm that runs beside them (WebKitGTK 2.50 on x86-64: 14 of 8,000
 * photos in fresh modules were "damaged" or trapped, and decoded well at once after; none of 10,000 without the threads).
 */
const STEADY = { JSC_useConcurrentJIT: "0" };
const PAUSE = 50;

/** What a context may be asked for without effect here; `needs` leaves out the tests that depend on it. */
const IGNORED = ["serviceWorkers"];

/**
 * Each context is a browser of its own, with a driver of its own: one drives no more. `steady: false` leaves WebKit its
 * compiler threads, as users have them.
 */
export async function launch({ steady = true } = {}) {
  const contexts = new Set();
  let version = "";
  const newContext = async (options = {}) => {
    const unknown = Object.keys(options).filter((name) => !IGNORED.includes(name));
    if (unknown.length > 0) throw new Error(`a context of WebKit knows no ${unknown.join(", ")}`);
    const context = await Context.start(() => contexts.delete(context), steady ? STEADY : {});
    contexts.add(context);
    version = context.version;
    return context;
  };
  const newPage = async () => (await newContext()).newPage();
  const close = () => Promise.all(Array.from(contexts, (context) => context.close()));
  return { newContext, newPage, version: () => version, close };
}

class Context {
  version = "";
  #driver;
  #closed;
  /** The address that commands for the browser begin with. */
  #session;

  static async start(closed, env) {
    const binary = find("minibrowser");
    if (!binary) throw new Error("no MiniBrowser of WebKitGTK found (Debian's webkit2gtk-driver)");
    const port = await freePort();
    const context = new Context(port, closed, env);
    const url = `http://127.0.0.1:${port}`;
    try {
      await until(async () => (await send(url, "GET", "/status")).ready, 20_000, "WebKitWebDriver starts");
      const options = { "webkitgtk:browserOptions": { binary, args: ["--automation"] }, timeouts: { script: PATIENCE } };
      const { sessionId, capabilities } = await send(url, "POST", "/session", { capabilities: { alwaysMatch: options } });
      context.#session = `${url}/session/${sessionId}`;
      context.version = capabilities.browserVersion;
    } catch (error) {
      context.#end();
      throw error;
    }
    return context;
  }

  constructor(port, closed, env) {
    this.#closed = closed;
    // The shell ends the driver, and with it the browser and the screen, when its input ends: at the latest with this process.
    const shell = `exec 3<&0; WebKitWebDriver --port=${port} & driver=$!; { cat <&3; kill $driver; } & wait $driver`;
    const words = ["-a", "-s", "-screen 0 1280x1000x24", "sh", "-c", shell];
    this.#driver = spawn("xvfb-run", words, { stdio: ["pipe", "ignore", "ignore"], env: { ...process.env, ...env } });
    this.#driver.on("error", () => undefined);
    this.#driver.unref();
  }

  async newPage() {
    return new Page(this.#session, this);
  }

  async close() {
    this.#closed();
    try {
      await send(this.#session, "DELETE", "");
    } catch {
      // A browser that has ended is closed.
    } finally {
      await this.#end();
    }
  }

  /** Closes what the driver's shell reads, at which everything ends in order; waits for that. */
  #end() {
    const driver = this.#driver;
    driver.ref();
    driver.stdin.end();
    return driver.exitCode === null && driver.pid ? once(driver, "exit") : undefined;
  }
}

class Page {
  #session;
  #context;
  #scripts = [];
  #problem = () => undefined;

  constructor(session, context) {
    this.#session = session;
    this.#context = context;
  }

  context() {
    return this.#context;
  }

  /** Of what Playwright tells, errors that reach nobody; they are told after the next step in the page. */
  on(event, call) {
    if (event === "pageerror") this.#problem = call;
  }

  setDefaultTimeout() {}

  /** A function that prepares what tests call: it runs after the page's own scripts. */
  async addInitScript(script) {
    if (typeof script !== "function") throw new Error("no script runs before a page's own in WebKit");
    this.#scripts.push(script);
  }

  async goto(address) {
    await send(this.#session, "POST", "/url", { url: address });
    // The driver goes on before the page's scripts have run.
    await this.waitForFunction(() => document.readyState === "complete");
    await this.evaluate(() => {
      globalThis.problemsOfPage = [];
      addEventListener("error", ({ message }) => globalThis.problemsOfPage.push(message));
      addEventListener("unhandledrejection", ({ reason }) => globalThis.problemsOfPage.push(String(reason)));
    });
    for (const script of this.#scripts) await this.evaluate(script);
  }

  async reload() {
    await this.goto(await send(this.#session, "GET", "/url"));
  }

  /** Runs a function, or an expression, in the page; what it gives comes back as JSON. */
  async evaluate(script, argument) {
    const call = typeof script === "function" ? `(${script})(argument)` : `(${script})`;
    const text = `const [argument, done] = arguments;
      const keep = (_, value) => (value === undefined ? ${JSON.stringify(UNDEFINED)} : value);
      const end = (answer) => done({ ...answer, problems: globalThis.problemsOfPage?.splice(0) ?? [] });
      (async () => ${call})().then((value) => end({ json: JSON.stringify(value, keep) ?? "null" }), (error) => end({ error: String(error) }));`;
    const { json, error, problems } = await send(this.#session, "POST", "/execute/async", { script: text, args: [argument ?? null] });
    for (const message of problems) this.#problem({ message });
    if (error) throw new Error(`page.evaluate: ${error}`);
    return restored(JSON.parse(json));
  }

  async waitForFunction(script, argument, { timeout = 30_000 } = {}) {
    await until(() => this.evaluate(script, argument), timeout, String(script));
  }

  async waitForSelector(selector, { state = "visible", timeout } = {}) {
    const seen = ([selector, state]) => {
      const element = document.querySelector(selector);
      return element !== null && (state === "attached" || element.checkVisibility());
    };
    await this.waitForFunction(seen, [selector, state], { timeout });
  }

  waitForTimeout(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  $(selector) {
    return this.evaluate((selector) => document.querySelector(selector) !== null, selector);
  }

  $$eval(selector, call) {
    return this.evaluate(`(${call})(Array.from(document.querySelectorAll(${JSON.stringify(selector)})))`);
  }

  textContent(selector) {
    return this.evaluate((selector) => document.querySelector(selector).textContent, selector);
  }

  inputValue(selector) {
    return this.evaluate((selector) => document.querySelector(selector).value, selector);
  }

  isChecked(selector) {
    return this.evaluate((selector) => document.querySelector(selector).checked, selector);
  }

  isVisible(selector) {
    return this.evaluate((selector) => document.querySelector(selector)?.checkVisibility() ?? false, selector);
  }

  async click(selector) {
    await this.waitForSelector(selector);
    await this.evaluate((selector) => document.querySelector(selector).click(), selector);
  }

  check(selector) {
    return this.#set(selector, true);
  }

  uncheck(selector) {
    return this.#set(selector, false);
  }

  #set(selector, on) {
    const set = ([selector, on]) => {
      const box = document.querySelector(selector);
      if (box.checked !== on) box.click();
    };
    return this.evaluate(set, [selector, on]);
  }

  fill(selector, text) {
    const set = ([selector, text]) => {
      const field = document.querySelector(selector);
      field.value = text;
      for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    };
    return this.evaluate(set, [selector, text]);
  }

  selectOption(selector, value) {
    return this.fill(selector, value);
  }

  /** Files by their paths, or as { name, mimeType, buffer }. */
  setInputFiles(selector, files) {
    const named = [files].flat().map((file) => (typeof file === "string" ? { name: basename(file), mimeType: "", buffer: readFileSync(file) } : file));
    const set = async ([selector, files]) => {
      const data = new DataTransfer();
      for (const { name, mimeType, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: mimeType }));
      }
      const input = document.querySelector(selector);
      input.files = data.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    };
    return this.evaluate(set, [selector, named.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString("base64") }))]);
  }
}

/** What JSON has none of stands for itself in it. */
function restored(value) {
  if (value === UNDEFINED) return undefined;
  if (Array.isArray(value)) return value.map(restored);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, restored(value)]));
}

async function send(url, method, path, body) {
  const response = await fetch(url + path, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(2 * PATIENCE) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`WebDriver ${method} ${path}: ${value?.error} ${value?.message}`);
  return value;
}

/** Asks until the answer is yes; a question that fails is asked again. */
async function until(question, timeout, what) {
  const end = Date.now() + timeout;
  let failure = "";
  do {
    try {
      if (await question()) return;
    } catch (error) {
      failure = ` (${error.message})`;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  } while (Date.now() < end);
  throw new Error(`not within ${timeout / 1000} s: ${what}${failure}`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
