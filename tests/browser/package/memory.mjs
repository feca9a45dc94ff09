// A wasm that has little memory.
import assert from "node:assert/strict";

/** The wasm with a memory that grows by so many pages of 64 KiB, and then is full. */
export function withLittleMemory(wasm, pages) {
  const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = wasm[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < wasm.length) {
    const start = at;
    const section = wasm[at++];
    const end = number() + at;
    if (section === 5) {
      // One memory, which says its least size and no largest one.
      assert.deepEqual([number(), number()], [1, 0]);
      const least = number();
      const body = [1, 1, ...leb(least), ...leb(least + pages)];
      return Buffer.concat([wasm.subarray(0, start), Buffer.from([5, ...leb(body.length), ...body]), wasm.subarray(end)]);
    }
    at = end;
  }
  throw new Error("the wasm has no memory of its own");
}
