import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { engineInWorkerOnly, hosting, serviceWorker } from "./build/plugins.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // Relative, so that the page works under any path and out of the native binary.
  base: "./",
  build: {
    target: "es2022",
    // The policy lets nothing but files of this server run, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: { index: here("index.html"), bench: here("bench.html"), train: here("train.html"), sw: here("src/workers/sw.ts") },
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  worker: { format: "es" },
  plugins: [engineInWorkerOnly(), serviceWorker(here("public")), hosting()],
});
