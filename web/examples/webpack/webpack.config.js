export default {
  mode: "production",
  entry: "./main.js",
  // No setting for Photonet is needed.
};
