// A bench for decoders: workers that fail in their ways, a count of the wasm's requests, and what the tests have in their pages.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answer, bench } from "./harness.mjs";

export const DIST = "/node_modules/photonet/dist";
const WASM = `${DIST}/photonet_wasm_bg.wasm`;

/** As `bench`; `asked` counts how often the wasm was asked for, `onPage` runs a function in a fresh page with the tools. */
export async function decodersBench(name) {
  const bed = await bench(name);
  bed.asked = 0;
  const wasm = readFileSync(join(bed.project, WASM));
  bed.routes[WASM] = (request, response) => {
    bed.asked++;
    answer(wasm, "application/wasm")(request, response);
  };
  // Workers that stop at their third photo, with an error or without a word.
  const spoiled = (then) => `let photos = 0;
    addEventListener("message", (event) => {
      if (event.data.what.op !== "prepare" || ++photos < 3) return;
      event.stopImmediatePropagation();
      ${then}
    });`;
  const scripts = {
    "/dying-first.js": spoiled(`throw new Error("died on purpose");`),
    "/hanging-first.js": spoiled(""),
    "/dying.js": `import "/dying-first.js"; import "${DIST}/worker.js";`,
    "/hanging.js": `import "/hanging-first.js"; import "${DIST}/worker.js";`,
    "/broken.js": "throw new Error('broken on purpose')",
    "/silent.js": "",
    "/trapping-first.js": `const { instantiate } = WebAssembly;
      WebAssembly.instantiate = async (module, imports) => {
        const { exports } = await instantiate(module, imports);
        const photo_decode = () => {
          throw new WebAssembly.RuntimeError("no memory");
        };
        return { module, instance: { exports: { ...exports, photo_decode } } };
      };`,
    "/trapping.js": `import "/trapping-first.js"; import "${DIST}/worker.js";`,
    "/keeping-first.js": `const post = postMessage;
      postMessage = (message, transfer) => {
        if (message.value instanceof WebAssembly.Module) throw new DOMException("no module", "DataCloneError");
        post(message, transfer);
      };`,
    "/keeping.js": `import "/keeping-first.js"; import "${DIST}/worker.js";`,
  };
  for (const [path, script] of Object.entries(scripts)) bed.routes[path] = answer(script, "text/javascript");
  bed.onPage = async (what, argument, options) => {
    const page = await bed.page(options);
    try {
      await page.evaluate(tools, DIST);
      return await page.evaluate(what, argument);
    } finally {
      await page.free();
    }
  };
  return bed;
}

/** What every test has in its page. */
function tools(dist) {
  window.started = [];
  window.ended = [];
  /** A worker that notes the kinds of messages that it gets. */
  window.start = (script) => {
    const worker = new Worker(script ?? `${dist}/worker.js`, { type: "module" });
    worker.ops = [];
    const { postMessage, terminate } = worker;
    worker.postMessage = (message, transfer) => {
      worker.ops.push(message.what.op);
      postMessage.call(worker, message, transfer);
    };
    worker.terminate = () => {
      ended.push(worker);
      terminate.call(worker);
    };
    started.push(worker);
    return worker;
  };
  window.count = (worker, op) => worker.ops.filter((other) => other === op).length;
  window.load = (options) => {
    window.notices = [];
    const base = { worker: start(), backend: "cpu", onNotice: (notice) => notices.push(notice) };
    return photonet.Classifier.load("/model.safetensors", { ...base, ...options });
  };
  /** Everything of an outcome that does not depend on the clock. */
  window.plain = ({ index, result, error }) => {
    if (error) return { index, error: error.message, kind: error.name };
    const { logits, width, height, decodedBy, backend, top, timings } = result;
    return { index, logits: Array.from(logits), width, height, decodedBy, backend, top, timed: timings.decode > 0 || timings.resize > 0 };
  };
  /** A machine of so many cores. */
  window.machine = (hardwareConcurrency, deviceMemory) => {
    Object.defineProperty(navigator, "hardwareConcurrency", { value: hardwareConcurrency, configurable: true });
    Object.defineProperty(navigator, "deviceMemory", { value: deviceMemory, configurable: true });
  };
}
