// What the build of the page does beside bundling.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The page computes in its worker only. This leaves the engine out of the page's own script, which otherwise would
 * carry the wasm's glue a second time. Vite builds workers with other plugins, so theirs is whole.
 */
export function engineInWorkerOnly() {
  return {
    name: "photonet:engine-in-worker-only",
    enforce: "pre",
    resolveId(id, importer) {
      const ours = id === "./local.js" && /photonet[\\/]dist|package[\\/]dist/.test(importer ?? "");
      return ours ? "\0photonet:no-engine" : undefined;
    },
    load(id) {
      if (id !== "\0photonet:no-engine") return undefined;
      return 'export const LocalEngine = { open() { throw new Error("the page computes in its worker"); } };';
    },
  };
}

/** What trains, which is large and not every visitor wants on his device. */
const LATER = /^assets\/photonet_trainer.*\.wasm$/;

/** Gives the service worker the list of the build's files and a version made of their contents. */
export function serviceWorker(publicDir) {
  return {
    name: "photonet:service-worker",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const version = createHash("sha256");
        const files = [];
        const add = (name, content) => {
          files.push(name);
          version.update(`${name}\n`).update(content);
        };
        for (const [name, file] of Object.entries(bundle).sort()) {
          if (name !== "sw.js") add(name, file.type === "chunk" ? file.code : file.source);
        }
        for (const name of readdirSync(publicDir).sort()) add(name, readFileSync(join(publicDir, name)));
        const sw = bundle["sw.js"];
        sw.code = sw.code
          .replace("__FILES__", JSON.stringify(files.filter((name) => !LATER.test(name))))
          .replace("__LATER__", JSON.stringify(files.filter((name) => LATER.test(name))))
          .replace("__VERSION__", JSON.stringify(version.digest("hex").slice(0, 16)));
        if (/__(FILES|LATER|VERSION)__/.test(sw.code)) this.error("the service worker did not get its list of files");
      },
    },
  };
}

/** Static hosts that read `_headers` send the page's policy for its workers too, and keep hashed files for good. */
export function hosting() {
  return {
    name: "photonet:hosting",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const html = String(bundle["index.html"].source);
        const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1];
        if (!policy) this.error("index.html has no policy");
        const source = [
          "/*",
          // Framing can be forbidden in a header only.
          `  Content-Security-Policy: ${policy}; frame-ancestors 'none'`,
          "  Referrer-Policy: no-referrer",
          "  X-Content-Type-Options: nosniff",
          "/assets/*",
          "  Cache-Control: public, max-age=31536000, immutable",
          "",
        ].join("\n");
        this.emitFile({ type: "asset", fileName: "_headers", source });
      },
    },
  };
}
