// What `cargo xtask test --only browser` prepares in target/browser/fixtures with the native binary.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const fixtures = process.env.PHOTONET_FIXTURES ?? join(root, "target/browser/fixtures");

/** The native program, built by the same command. */
export const program = process.env.PHOTONET_PROGRAM ?? join(root, "target/debug/photonet");

/** A little trained model: width 0.35, 64 pixels. */
export const model = join(fixtures, "model.safetensors");

/** The photos and what `photonet infer --logits --input-hash` says of them: { file, top, logits, input_sha256 }. */
export function photos() {
  const list = join(fixtures, "expected.jsonl");
  if (!existsSync(list)) throw new Error(`${list} is missing: run \`cargo xtask test --only browser\``);
  const lines = readFileSync(list, "utf8").trim().split("\n");
  return lines.map((line) => {
    const expected = JSON.parse(line);
    return { ...expected, path: join(fixtures, "photos", expected.file.split(/[\\/]/).pop()) };
  });
}
