import { fetchPhoto } from "./address.js";

export interface Sample {
  photo: Blob;
  name: string;
}

const WIDTH = 360;
const HEIGHT = 270;

/** A picture of a few shapes: [fill, path] in a 40 by 30 grid. */
const DRAWINGS: readonly (readonly [name: string, ground: string, shapes: readonly (readonly [string, string])[]])[] = [
  [
    "bottle",
    "#cfd8d2",
    [
      ["#2f6b4f", "M17.500 4h5v5c0 2 3 3 3 6v12h-11V15c0-3 3-4 3-6z"],
      ["#74b492", "M16 15c0-1.500 1-2.500 1.500-3v14H16z"],
      ["#f2ead8", "M14.500 17h11v6h-11z"],
      ["#a8542f", "M17.200 2.500h5.600v2.200h-5.600z"],
    ],
  ],
  [
    "box",
    "#d9d4cb",
    [
      ["#b98a56", "M8 12 20 8l12 4v12l-12 4L8 24z"],
      ["#9a6f40", "M20 16l12-4v12l-12 4z"],
      ["#d3a870", "M8 12 20 8l12 4-12 4z"],
      ["#e8d2a6", "M13 10.300 25 14.300v3l-1.500-.6v-2L11.500 10.800z"],
    ],
  ],
  [
    "can",
    "#c9cfd6",
    [
      ["#b7bcc4", "M14 6h12l1.500 2v15L26 25H14l-1.500-2V8z"],
      ["#c43d2f", "M12.500 9.500h15v12h-15z"],
      ["#e9edf2", "M14.500 6h1.800v19h-1.800z"],
      ["#8d939c", "M14 6h12l-1 1.200H15z"],
    ],
  ],
  [
    "page",
    "#b9a58c",
    [
      ["#fbfaf6", "M11 3l19 2-2 23-19-2z"],
      ["#9aa0a6", "M13 7l13 1.300-.1 1L12.900 8zM12.700 10.500l13 1.300-.1 1-13-1.300zM12.400 14l13 1.300-.1 1-13-1.300zM12.100 17.500l8 .8-.1 1-8-.8z"],
    ],
  ],
  [
    "cup",
    "#dfe6ea",
    [
      ["#eef3f6", "M12 8h16l-2.500 19h-11z"],
      ["#3f7fb0", "M12.800 13h14.400l-.8 6H13.600z"],
      ["#cfd8de", "M11 6h18v2.500H11z"],
      ["#d9534a", "M22 1h1.500l-1 5H21z"],
    ],
  ],
  [
    "leaf",
    "#efe7d6",
    [
      ["#4f8a3c", "M8 24C6 12 16 4 33 5c0 15-9 23-22 20z"],
      ["#2f5d25", "M7 27.500C13 19 20 13 29 8.500 21 14.500 14.500 20 9 28z"],
    ],
  ],
];

async function draw([name, ground, shapes]: (typeof DRAWINGS)[number]): Promise<Sample> {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser gives no canvas to draw samples on");
  const light = context.createRadialGradient(120, 60, 20, 180, 140, 260);
  light.addColorStop(0, "#fff");
  light.addColorStop(1, ground);
  context.fillStyle = light;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.scale(WIDTH / 40, HEIGHT / 30);
  context.fillStyle = "rgb(0 0 0 / 14%)";
  context.beginPath();
  context.ellipse(20, 26.5, 11, 1.6, 0, 0, 7);
  context.fill();
  for (const [fill, path] of shapes) {
    context.fillStyle = fill;
    context.fill(new Path2D(path));
  }
  const photo = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!photo) throw new Error("the browser cannot save the drawn samples");
  return { photo, name: `drawn sample, ${name}.png` };
}

/** The server's own samples, listed by name in samples/index.json; without them, some that this page draws itself. */
export async function samples(): Promise<Sample[]> {
  const listed = await list().catch(() => []);
  const found = await Promise.all(listed.map((name) => fetchPhoto(`samples/${name}`).catch(() => undefined)));
  const theirs = found.filter((sample) => sample !== undefined);
  return theirs.length > 0 ? theirs : Promise.all(DRAWINGS.map(draw));
}

async function list(): Promise<string[]> {
  const response = await fetch("samples/index.json");
  const names: unknown = response.ok ? await response.json() : [];
  return Array.isArray(names) ? names.filter((name): name is string => typeof name === "string") : [];
}
