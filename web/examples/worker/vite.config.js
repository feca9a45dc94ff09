export default {
  optimizeDeps: { exclude: ["photonet"] },
  worker: { format: "es" },
  build: { target: "es2022" },
};
