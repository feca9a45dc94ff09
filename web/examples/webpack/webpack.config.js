export default {
  mode: "production",
  entry: "./main.js",
  // Photonet needs no setting. Its wasm is larger than what webpack warns of, but is compiled while it comes.
  performance: { assetFilter: (name) => !/\.(map|wasm)$/.test(name) },
};
