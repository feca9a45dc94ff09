export default {
  // Up to Vite 7, pre-bundling would move the module away from the wasm beside it.
  optimizeDeps: { exclude: ["photonet"] },
  // Photonet itself needs no more than Vite's default; main.js has an await at its top level.
  build: { target: "es2022" },
};
