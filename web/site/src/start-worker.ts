/**
 * Starts a module worker so that the document's policy holds in it. A worker from an address has the policy of its own
 * response, which a plain file server does not send; one from a `blob:` inherits the document's. Where a server's
 * policy refuses that, it is one that also comes with the worker's script.
 */
export async function startWorker(address: string): Promise<Worker> {
  const url = new URL(address, document.baseURI).href;
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url)};`], { type: "text/javascript" }));
  try {
    return await ready(() => new Worker(script, { type: "module" }));
  } catch {
    return await ready(() => new Worker(url, { type: "module" }));
  } finally {
    URL.revokeObjectURL(script);
  }
}

/** Every worker of the page says `ready` when its script runs. */
function ready(start: () => Worker): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = start();
    const heard = new AbortController();
    worker.addEventListener(
      "message",
      () => {
        heard.abort();
        resolve(worker);
      },
      { once: true },
    );
    worker.addEventListener(
      "error",
      (event) => {
        event.preventDefault();
        worker.terminate();
        reject(
          new Error(
            `the page's worker does not start (${event.message || "its script cannot be loaded"}): reload the page while ` +
              "the network is there, and use a current browser",
          ),
        );
      },
      { once: true, signal: heard.signal },
    );
  });
}
