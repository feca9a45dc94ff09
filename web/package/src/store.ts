import { digest } from "./hash.js";

const CACHE = "photonet-models-1";
/** Keys are addresses that exist nowhere, so that no page's own cache look-up meets them. */
const KEYS = "https://photonet.invalid";

export interface Kept {
  bytes: Uint8Array;
  sha256: string;
}

/**
 * Models on this device, by hash, and for each address the hash that it last had. Reading never fails: a storage that
 * is damaged or forbidden is as good as an empty one.
 */
export class Store {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Nothing where the platform has no storage or refuses it: private windows, sandboxed frames, plain http, Node. */
  static async open(): Promise<Store | undefined> {
    try {
      // In a sandboxed frame asking for the name alone throws.
      return typeof caches === "object" ? new Store(await caches.open(CACHE)) : undefined;
    } catch {
      return undefined;
    }
  }

  #key(kind: "sha256" | "url", value: string): string {
    return `${KEYS}/${kind}/${encodeURIComponent(value)}`;
  }

  /** The bytes with this hash, which is computed again: what does not match is thrown away. */
  async get(sha256: string): Promise<Kept | undefined> {
    try {
      const key = this.#key("sha256", sha256);
      const response = await this.#cache.match(key);
      if (!response) return undefined;
      const bytes = new Uint8Array(await response.arrayBuffer());
      if ((await digest(bytes)) === sha256) return { bytes, sha256 };
      await this.#cache.delete(key);
    } catch {
      // The network is there for this.
    }
    return undefined;
  }

  /** The bytes that this address last gave. */
  async latest(url: string): Promise<Kept | undefined> {
    try {
      const response = await this.#cache.match(this.#key("url", url));
      return response && (await this.get(await response.text()));
    } catch {
      return undefined;
    }
  }

  /** Keeps a model. Throws where the storage is full. */
  async put(url: string, sha256: string, bytes: Uint8Array): Promise<void> {
    const pointer = this.#key("url", url);
    const before = await (await this.#cache.match(pointer))?.text();
    const key = this.#key("sha256", sha256);
    if (!(await this.#cache.match(key))) await this.#cache.put(key, new Response(bytes as BufferSource));
    await this.#cache.put(pointer, new Response(sha256));
    if (before && before !== sha256) await this.#forget(before);
  }

  /** Drops a version that no address points to any more: storage is small. */
  async #forget(sha256: string): Promise<void> {
    for (const { url } of await this.#cache.keys()) {
      if (!url.startsWith(`${KEYS}/url/`)) continue;
      if ((await (await this.#cache.match(url))?.text()) === sha256) return;
    }
    await this.#cache.delete(this.#key("sha256", sha256));
  }
}
