// A small file server for the tests, with routes that misbehave on purpose.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
};

/**
 * Serves `folders` (the first that has the file wins) and `routes`, which are asked first: a route gets the request
 * and the response and answers itself.
 * @param {{ folders?: string[], routes?: Record<string, (request, response) => void>, headers?: Record<string, string> }} options
 */
export async function serve({ folders = [], routes = {}, headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
    const route = routes[path];
    if (route) return route(request, response);
    const inside = normalize(path.endsWith("/") ? `${path}index.html` : path);
    for (const folder of folders) {
      try {
        const bytes = await readFile(join(folder, inside));
        const type = TYPES[extname(inside)] ?? "application/octet-stream";
        response.writeHead(200, { "content-type": type, "content-length": bytes.length, ...headers });
        response.end(bytes);
        return;
      } catch {
        // The next folder may have it.
      }
    }
    response.writeHead(404, { "content-type": "text/plain" });
    response.end("not found");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}
