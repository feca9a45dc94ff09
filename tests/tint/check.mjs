// Checks WGSL kernels with Tint, the shader compiler of Dawn (and so of Chrome).
//
//   node check.mjs DIR            every .wgsl file of the folder
//   node check.mjs --selftest     only that the check itself works
//
// Options: --backend NAME (a Dawn backend; `null` needs no driver), --verbose.
// The exit status is 0 when all are accepted, 1 when one is refused, 2 when the
// check could not run.

import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { enabledFeatures, overridesWithoutDefault } from './wgsl.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SELFTEST = join(HERE, 'selftest');

/** Something that keeps the check itself from running: no verdict on a kernel. */
class CannotRun extends Error {}

/** Dawn's adapter and its devices, one per set of features a kernel enables. */
class Dawn {
  #devices = new Map();

  static async open(backend) {
    let webgpu;
    try {
      webgpu = await import('webgpu');
    } catch (error) {
      throw new CannotRun(`npm package webgpu does not load (run npm ci in tests/tint): ${error.message}`);
    }
    Object.assign(globalThis, webgpu.globals);
    // Without a driver the null backend still parses, validates and specialises.
    for (const name of backend ? [backend] : [undefined, 'null']) {
      const gpu = webgpu.create(name ? [`backend=${name}`] : []);
      const adapter = await gpu.requestAdapter();
      if (adapter) {
        return new Dawn(gpu, adapter, name);
      }
    }
    throw new CannotRun(`Dawn offers no adapter for backend ${backend}`);
  }

  constructor(gpu, adapter, backend) {
    // The binding collects an unreferenced instance together with its adapters.
    this.gpu = gpu;
    this.adapter = adapter;
    this.name = backend === 'null' ? 'null backend' : adapter.info.description || adapter.info.device;
  }

  /** A device with the default limits and exactly the named features. */
  async device(features) {
    const key = features.join(',');
    if (!this.#devices.has(key)) {
      const missing = features.filter((feature) => !this.adapter.features.has(feature));
      if (missing.length > 0) {
        return { missing };
      }
      // An adapter gives one device only, so each device has an adapter of its own.
      const adapter = this.#devices.size === 0 ? this.adapter : await this.gpu.requestAdapter();
      const device = await adapter.requestDevice({ requiredFeatures: features });
      device.addEventListener('uncapturederror', (event) => {
        console.error(`uncaptured error: ${event.error.message}`);
        process.exitCode = 1;
      });
      this.#devices.set(key, device);
    }
    return { device: this.#devices.get(key) };
  }

  close() {
    for (const device of this.#devices.values()) {
      device.destroy();
    }
  }
}

/**
 * Compiles one kernel and makes its pipeline.
 * Returns { messages: [{ severity, line, column, text }], skipped?: reason }.
 */
async function checkKernel(dawn, code) {
  const { device, missing } = await dawn.device(enabledFeatures(code));
  if (!device) {
    return { messages: [], skipped: `this adapter lacks ${missing.join(', ')}` };
  }
  const messages = [];
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  for (const message of (await module.getCompilationInfo()).messages) {
    messages.push({ severity: message.type, line: message.lineNum, column: message.linePos, text: message.message });
  }
  const moduleError = await device.popErrorScope();
  const hasError = () => messages.some((message) => message.severity === 'error');
  if (moduleError && !hasError()) {
    messages.push({ severity: 'error', line: 0, column: 0, text: moduleError.message });
  }
  if (!hasError()) {
    const constants = Object.fromEntries(overridesWithoutDefault(code).map((name) => [name, 1]));
    const compute = { module, entryPoint: 'main', constants };
    try {
      await device.createComputePipelineAsync({ layout: 'auto', compute });
    } catch (error) {
      messages.push({ severity: 'error', line: 0, column: 0, text: error.message });
    }
  }
  return { messages };
}

async function kernelsOf(folder) {
  let names;
  try {
    names = await readdir(folder);
  } catch (error) {
    throw new CannotRun(`cannot read the folder ${folder}: ${error.message}`);
  }
  const kernels = names.filter((name) => name.endsWith('.wgsl')).sort();
  if (kernels.length === 0) {
    throw new CannotRun(`no .wgsl file in ${folder}`);
  }
  return kernels;
}

function printMessages(file, messages) {
  for (const { severity, line, column, text } of messages) {
    const place = line > 0 ? `${file}:${line}:${column}` : file;
    console.error(`${place}: ${severity}: ${text.trim().replaceAll('\n', '\n    ')}`);
  }
}

/** The check of the check: known verdicts, at known lines. Returns the number of wrong ones. */
async function selftest(dawn) {
  let wrong = 0;
  for (const name of await kernelsOf(SELFTEST)) {
    const code = await readFile(join(SELFTEST, name), 'utf8');
    const { messages } = await checkKernel(dawn, code);
    const errors = messages.filter((message) => message.severity === 'error');
    const line = code.split('\n').findIndex((text) => text.includes('// refused here')) + 1;
    const right = name.startsWith('accepted')
      ? errors.length === 0
      : errors.some((message) => message.line === line);
    if (!right) {
      wrong += 1;
      console.error(`self-test: ${name} was ${errors.length > 0 ? 'refused, but not as expected' : 'accepted'}`);
      printMessages(name, messages);
    }
  }
  return wrong;
}

async function checkFolder(dawn, folder, verbose) {
  const count = { accepted: 0, refused: 0, skipped: 0 };
  for (const name of await kernelsOf(folder)) {
    const file = relative(process.cwd(), join(folder, name));
    const started = performance.now();
    const { messages, skipped } = await checkKernel(dawn, await readFile(join(folder, name), 'utf8'));
    printMessages(file, messages);
    const refused = messages.some((message) => message.severity === 'error');
    const verdict = skipped ? 'skipped' : refused ? 'refused' : 'accepted';
    count[verdict] += 1;
    if (verbose || skipped) {
      const time = `${Math.round(performance.now() - started)} ms`;
      console.log(`${file}: ${verdict}${skipped ? ` (${skipped})` : ''}, ${time}`);
    }
  }
  return count;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { selftest: { type: 'boolean' }, verbose: { type: 'boolean' }, backend: { type: 'string' } },
  });
  if (positionals.length !== (values.selftest ? 0 : 1)) {
    throw new CannotRun('usage: node check.mjs DIR [--backend NAME] [--verbose], or node check.mjs --selftest');
  }
  const dawn = await Dawn.open(values.backend);
  try {
    const wrong = await selftest(dawn);
    if (wrong > 0) {
      throw new CannotRun(`the self-test of the Tint check fails for ${wrong} shader(s): its verdicts mean nothing`);
    }
    console.log(`Tint on ${dawn.name}: self-test passed`);
    if (values.selftest) {
      return 0;
    }
    const { accepted, refused, skipped } = await checkFolder(dawn, positionals[0], values.verbose);
    console.log(`Tint: ${accepted} kernels accepted, ${refused} refused, ${skipped} skipped`);
    return refused > 0 ? 1 : 0;
  } finally {
    dawn.close();
  }
}

try {
  process.exitCode = (await main()) || process.exitCode;
} catch (error) {
  console.error(`error: ${error instanceof CannotRun ? error.message : (error.stack ?? error)}`);
  process.exitCode = 2;
}
