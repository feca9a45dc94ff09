// Where browsers usually are: programs.txt, which `cargo xtask test` reads as well.
import { existsSync, readFileSync } from "node:fs";

const LINES = readFileSync(new URL("programs.txt", import.meta.url), "utf8").split(/\r?\n/);

/** The first program of this name that exists, before the others the one that is `chosen`. */
export function find(name, chosen) {
  const usual = LINES.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  return [chosen, ...usual].find((path) => path && existsSync(path));
}
