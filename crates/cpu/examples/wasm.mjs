// Times the WebAssembly build in Node, one thread, small and large in turns:
//   RUSTFLAGS="-C target-feature=+simd128" cargo build --release -p photonet-cpu --example wasm --target wasm32-unknown-unknown
//   node crates/cpu/examples/wasm.mjs target/wasm32-unknown-unknown/release/examples/wasm.wasm [RUNS]
import { readFileSync } from 'node:fs'

const [path, runs = '100'] = process.argv.slice(2)
const module = new WebAssembly.Module(readFileSync(path))
// The GPU's bindings are linked in and never called here.
const imports = {}
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= {}
  imports[from][name] = () => {
    throw new Error(`${from}.${name} was called`)
  }
}
const { make, run, has_simd } = new WebAssembly.Instance(module, imports).exports
const networks = [
  ['small', make(0)],
  ['large', make(1)],
].map(([name, network]) => ({ name, network, times: [] }))
if (networks.some(({ network }) => network === 0)) throw new Error('no network')
// The first runs are in V8's baseline code.
for (let i = 0; i < 20; i++) networks.forEach(({ network }) => run(network))
for (let i = 0; i < Number(runs); i++) {
  for (const { network, times } of networks) {
    const start = performance.now()
    if (Number.isNaN(run(network))) throw new Error('the network failed')
    times.push(performance.now() - start)
  }
}
for (const { name, times } of networks) {
  times.sort((a, b) => a - b)
  const [median, least] = [times[times.length >> 1], times[0]].map((ms) => ms.toFixed(2))
  console.log(`${name} ${has_simd() ? 'simd128' : 'without simd'}: median ${median} ms, least ${least} ms of ${runs} runs`)
}
