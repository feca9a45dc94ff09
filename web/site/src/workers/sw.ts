/**
 * Keeps the page for offline use. The build's files have their hash in the name, so a kept copy is never stale; the
 * HTML is asked from the network first. Models are kept by the package, not here.
 */
declare const __FILES__: string[];
/** What not every visitor wants: kept once it was asked for. */
declare const __LATER__: string[];
declare const __VERSION__: string;

const worker = self as unknown as ServiceWorkerGlobalScope;
const scope = worker.registration.scope;
// Several pages may live on one origin: the scope keeps their caches apart.
const PREFIX = `photonet-page ${scope} `;
const CACHE = PREFIX + __VERSION__;
const PATIENCE = 4000;
const inScope = (names: string[]): Set<string> => new Set(names.map((file) => new URL(file, scope).href));
const files = inScope(__FILES__.filter((file) => file !== "_headers"));
const later = inScope(__LATER__);

worker.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      // Unhashed names may be old in the HTTP cache; hashed ones may come from there.
      const requests = [...files].map((url) => new Request(url, { cache: url.includes("/assets/") ? "default" : "no-cache" }));
      await cache.addAll(requests);
    })(),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const names = await caches.keys();
      await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  url.search = "";
  url.hash = "";
  if (url.href === scope) url.pathname += "index.html";
  if (!files.has(url.href) && !later.has(url.href)) return;
  const hashed = url.href.startsWith(`${scope}assets/`);
  event.respondWith(hashed ? keptFirst(url.href, event) : networkFirst(url.href, request));
});

/** Hashed files are the same in every version, so what was not kept yet may be kept now. */
async function keptFirst(key: string, event: FetchEvent): Promise<Response> {
  const found = await kept(key);
  if (found) return found;
  const answer = await fetch(event.request);
  // The page takes it as it comes.
  if (later.has(key) && answer.ok) event.waitUntil(keep(key, answer.clone()).catch(() => undefined));
  return answer;
}

async function keep(key: string, answer: Response): Promise<void> {
  await (await caches.open(CACHE)).put(key, answer);
}

/** A server that answers is right; one that is slow or gone is replaced by the kept copy. */
async function networkFirst(key: string, request: Request): Promise<Response> {
  const network = fetch(request);
  // Whoever takes the kept copy does not wait for its failure.
  network.catch(() => undefined);
  const slow = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE));
  try {
    const answer = await Promise.race([network, slow]);
    if (answer) return answer;
  } catch {
    // Offline.
  }
  return (await kept(key)) ?? network;
}

/** Found in this version's cache only, so that files of two versions are never mixed. */
async function kept(key: string): Promise<Response | undefined> {
  return (await caches.open(CACHE)).match(key, { ignoreVary: true });
}
