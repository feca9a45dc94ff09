/** Draws small pictures of photos; the page asks for one at a time, so that one full-size bitmap exists at most. */

export interface ThumbRequest {
  photo: Blob;
  side: number;
}

export type ThumbReply = Blob | undefined;

addEventListener("message", async ({ data }: MessageEvent<ThumbRequest>) => {
  const thumb: ThumbReply = await draw(data).catch(() => undefined);
  postMessage(thumb);
});

/** The middle square, as the network sees it. */
async function draw({ photo, side }: ThumbRequest): Promise<Blob> {
  const bitmap = await createImageBitmap(photo);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  const edge = Math.min(bitmap.width, bitmap.height);
  // Transparent parts are white for the network as well.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "medium";
  context.drawImage(bitmap, (bitmap.width - edge) / 2, (bitmap.height - edge) / 2, edge, edge, 0, 0, side, side);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
}

postMessage("ready");
