// Every kind of source, and every kind of bad photo.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deflateSync } from "node:zlib";
import { answer, AVIF, bench, difference, somePhotos } from "./harness.mjs";

let bed, page, photo;
before(async () => {
  bed = await bench("sources", { webgpu: false });
  [photo] = somePhotos(1);
  page = await bed.page();
  await page.evaluate(async () => {
    window.classifier = await photonet.Classifier.load("/model.safetensors", { backend: "cpu" });
  });
});
after(() => bed?.close());

test("files, blobs, bytes and addresses give the native answer", async () => {
  const found = await page.evaluate(async (url) => {
    const file = await helpers.file(url);
    const bytes = await file.arrayBuffer();
    const data = await new Promise((resolve) => {
      const reader = Object.assign(new FileReader(), { onload: () => resolve(reader.result) });
      reader.readAsDataURL(file);
    });
    const sources = {
      file,
      blob: new Blob([bytes]),
      buffer: bytes,
      view: new Uint8Array(bytes),
      part: new Uint8Array([0, 0, ...new Uint8Array(bytes), 0]).subarray(2, 2 + bytes.byteLength),
      relative: url,
      url: new URL(url, location.href),
      data,
      object: URL.createObjectURL(file),
    };
    const rows = {};
    for (const [kind, source] of Object.entries(sources)) {
      const { logits, decodedBy } = await classifier.classify(source);
      rows[kind] = { logits: [...logits], decodedBy };
    }
    return rows;
  }, photo.url);
  assert.equal(Object.keys(found).length, 9);
  for (const [kind, { logits, decodedBy }] of Object.entries(found)) {
    assert.equal(decodedBy, "photonet", kind);
    assert.ok(difference(logits, photo.logits) < 1e-3, `${kind}: ${difference(logits, photo.logits)}`);
  }
});

test("drawn elements give nearly the native answer", async () => {
  const found = await page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const offscreen = new OffscreenCanvas(width, height);
    offscreen.getContext("2d").drawImage(image, 0, 0);
    const bitmap = await createImageBitmap(image);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const video = Object.assign(document.createElement("video"), { muted: true, srcObject: canvas.captureStream(30) });
    document.body.append(video);
    // The stream has a frame only where something is drawn.
    const redraw = setInterval(() => context.drawImage(image, 0, 0), 20);
    await video.play();
    clearInterval(redraw);
    const sources = { image, canvas, offscreen, bitmap, frame, video, data: context.getImageData(0, 0, width, height) };
    const rows = {};
    for (const [kind, source] of Object.entries(sources)) {
      const { logits, decodedBy, width, height } = await classifier.classify(source);
      rows[kind] = { logits: [...logits], decodedBy, size: [width, height] };
    }
    frame.close();
    video.remove();
    return { rows, size: [width, height] };
  }, photo.url);
  assert.equal(Object.keys(found.rows).length, 7);
  for (const [kind, { logits, decodedBy, size }] of Object.entries(found.rows)) {
    assert.equal(decodedBy, "browser", kind);
    assert.deepEqual(size, found.size, kind);
    // Browsers decode JPEG with other roundings, and video is compressed in colour.
    const allowed = kind === "video" || kind === "frame" ? 0.3 : 0.1;
    assert.ok(difference(logits, photo.logits) < allowed, `${kind}: ${difference(logits, photo.logits)}`);
  }
});

test("a format that only the browser decodes falls to it and says so", async () => {
  const found = await page.evaluate(async (avif) => {
    const bytes = Uint8Array.from(atob(avif), (c) => c.charCodeAt(0));
    const file = new File([bytes], "photo.avif");
    const { decodedBy, width, height } = await classifier.classify(file);
    return { decodedBy, width, height, pixel: [...(await classifier.tensor(file)).slice(0, 3)] };
  }, AVIF);
  const { pixel, ...rest } = found;
  assert.deepEqual(rest, { decodedBy: "browser", width: 16, height: 8 });
  [200, 30, 30].forEach((value, index) => assert.ok(Math.abs(pixel[index] - value) < 8, `${pixel}`));
});

/** Lets as many calls of the decoder fail, as a trap does, as `failures` says. */
function spoil() {
  window.failures = 0;
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (module, imports) => {
    const { exports } = await instantiate(module, imports);
    const photo_decode = (...words) => {
      if (failures-- > 0) throw new WebAssembly.RuntimeError("spoiled");
      return exports.photo_decode(...words);
    };
    return { module, instance: { exports: { ...exports, photo_decode } } };
  };
}

test("a decoder that fails is asked again, and one that fails always leaves the photo to the browser", async () => {
  const page = await bed.page({ init: spoil });
  const found = await page.evaluate(async (url) => {
    const classifier = await photonet.Classifier.load("/model.safetensors", { backend: "cpu" });
    const file = await helpers.file(url);
    const rows = [];
    for (const times of [0, 1, 2]) {
      window.failures = times;
      const { decodedBy, top, width, height } = await classifier.classify(file);
      rows.push({ decodedBy, label: top[0].label, size: [width, height], left: window.failures });
    }
    window.failures = 2;
    const text = await helpers.ending(classifier.classify(new File(["no photo"], "notes.jpg")));
    return { rows, text };
  }, photo.url);
  assert.deepEqual(found.rows.map(({ decodedBy }) => decodedBy), ["photonet", "photonet", "browser"]);
  assert.deepEqual(found.rows.map(({ left }) => left), [-1, -1, 0], "each was decoded as often as it should be");
  for (const { label, size } of found.rows) {
    assert.equal(label, photo.top[0].label);
    assert.deepEqual(size, found.rows[0].size);
  }
  assert.equal(found.text.kind, "ImageError");
  assert.match(found.text.message, /notes\.jpg: the decoder failed on it, or memory ran out \(spoiled\)/);
  await page.free();
});

test("a canvas beyond what phones draw is made smaller and keeps its size in the answer", async () => {
  const found = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(6000, 4000);
    const context = canvas.getContext("2d");
    context.fillStyle = "rgb(200, 30, 30)";
    context.fillRect(0, 0, 6000, 4000);
    const { width, height } = await classifier.classify(canvas);
    const tensor = await classifier.tensor(canvas);
    return { width, height, pixel: [...tensor.slice(0, 3)] };
  });
  assert.deepEqual(found, { width: 6000, height: 4000, pixel: [200, 30, 30] });
});

test("alpha is put on white, whoever decodes", async () => {
  const found = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(80, 80);
    const context = canvas.getContext("2d");
    context.fillStyle = "rgba(0, 0, 0, 0.5)";
    context.fillRect(0, 0, 40, 80);
    const png = await canvas.convertToBlob();
    return [await classifier.tensor(canvas), await classifier.tensor(png)].map((tensor) => {
      const middle = 32 * 64 * 3;
      return [tensor[middle], tensor[middle + 63 * 3]];
    });
  });
  for (const [grey, white] of found) {
    assert.ok(Math.abs(grey - 127) <= 1, `half black on white is ${grey}`);
    assert.equal(white, 255);
  }
});

const BAD = [
  ["text called .jpg", () => new File(["hello, I am text"], "text.jpg"), /text\.jpg.*hello/],
  ["an empty file", () => new File([], "empty.png"), /empty\.png.*empty/],
  ["a missing address", () => "/missing.jpg", /404.*missing\.jpg/],
  ["an HTML page", () => "/", /doctype|not an image/i],
  ["a forbidden address", () => "http://127.0.0.1:1/x.jpg", /cannot fetch.*CORS/],
  ["an image not loaded", () => new Image(), /shows nothing yet/],
  ["an empty address", () => "", /`` is not the address of a photo/],
  ["null", () => null, /null is no photo/],
  ["an object", () => ({}), /no photo.*File/],
  ["an element", () => document.createElement("div"), /HTMLDivElement.*no photo/],
  ["a detached canvas", () => Object.assign(document.createElement("canvas"), { width: 0 }), /shows nothing/],
];
for (const [what, make, message] of BAD) {
  test(`${what} is an ImageError that says so`, async () => {
    const found = await page.evaluate(`helpers.ending(Promise.resolve().then(() => classifier.classify((${make})())))`);
    assert.equal(found.kind, "ImageError", JSON.stringify(found));
    assert.match(found.message, message);
  });
}

test("classifyAll of what is no list is a TypeError that says so", async () => {
  const found = await page.evaluate(() => {
    const wrong = [new File(["x"], "a.jpg"), 5, "/photos/a.jpg", null, undefined, new Uint8Array(9), {}];
    return Promise.all(wrong.map((photos) => helpers.ending(classifier.classifyAll(photos))));
  });
  for (const end of found) assert.equal(end.name, "TypeError", JSON.stringify(end));
  assert.match(found[0].message, /list of photos.*not \[object File\].*call classify/);
  assert.match(found[2].message, /not string/);
});

test("a truncated photo is an ImageError, and the next one is answered", async () => {
  const found = await page.evaluate(async (url) => {
    const file = await helpers.file(url, "cut.jpg");
    const cut = await helpers.ending(classifier.classify(file.slice(0, file.size / 2)));
    return { cut, next: (await classifier.classify(file)).top[0].label };
  }, photo.url);
  assert.equal(found.cut.kind, "ImageError");
  assert.match(found.cut.message, /cut off|truncated|ends/i);
  assert.equal(found.next, photo.top[0].label);
});

test("an image of another site without CORS is an ImageError that says what to do", async () => {
  bed.routes["/foreign.png"] = answer(png(8, 8), "image/png");
  const found = await page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return helpers.ending(classifier.classify(image));
  }, bed.url.replace("127.0.0.1", "localhost") + "/foreign.png");
  assert.equal(found.kind, "ImageError");
  assert.match(found.message, /crossorigin/);
});

test("a PNG of 20,000 x 20,000 pixels is refused without memory for it", async () => {
  bed.routes["/huge.png"] = answer(png(20_000, 20_000), "image/png");
  const found = await page.evaluate(async () => {
    const before = await performance.measureUserAgentSpecificMemory?.();
    const started = performance.now();
    const end = await helpers.ending(classifier.classify("/huge.png"));
    return { before, end, took: performance.now() - started };
  });
  assert.equal(found.end.kind, "ImageError");
  assert.match(found.end.message, /20000 x 20000.*at most/);
  assert.ok(found.took < 2000, `refusing took ${found.took} ms`);
});

test("500 files at once: all are answered, in order, and the page goes on meanwhile", async () => {
  const found = await page.evaluate(async (url) => {
    const file = await helpers.file(url);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const order = [];
    // Bytes, since reading files would let the page in by itself.
    const outcomes = await classifier.classifyAll(Array(500).fill(bytes), { topK: 1, onResult: ({ index }) => order.push(index) });
    clearInterval(timer);
    return { ticks, order, labels: [...new Set(outcomes.map(({ result }) => result.top[0].label))] };
  }, photo.url);
  assert.deepEqual(found.order, Array.from({ length: 500 }, (_, index) => index));
  assert.deepEqual(found.labels, [photo.top[0].label]);
  assert.ok(found.ticks > 20, `only ${found.ticks} timers ran`);
});

/** A black PNG of one grey bit a pixel; its data are of the first rows only where it is huge. */
function png(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((Math.ceil(width / 8) + 1) * height);
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
