/** The trained model's way to the page that classifies, which is another document. */
const CACHE = "photonet-trained-1";
const ADDRESS = "./trained/model.safetensors";

/** What the address of the page that classifies ends with, for it to take the model. */
export const TRAINED = "#trained";

/** Keeps the model on this device until the next one. */
export async function handOver(model: Blob): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.put(ADDRESS, new Response(model, { headers: { "last-modified": new Date().toUTCString() } }));
}

/** Removes it. */
export async function forget(): Promise<void> {
  await caches.delete(CACHE);
}

/** The model that was trained last, if there is one. */
export async function handedOver(): Promise<File | undefined> {
  const found = await (await caches.open(CACHE)).match(ADDRESS);
  if (!found) return undefined;
  const lastModified = Date.parse(found.headers.get("last-modified") ?? "");
  return new File([await found.blob()], "model.safetensors", Number.isNaN(lastModified) ? {} : { lastModified });
}
