export default {
  optimizeDeps: { exclude: ["photonet"] },
  build: { target: "es2022" },
};
