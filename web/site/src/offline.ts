import { byId } from "./dom.js";

/** Keeps the page for offline use, where the browser can. */
export function keepForOffline(): void {
  const status = byId("offline");
  const { serviceWorker } = navigator;
  if (!serviceWorker) {
    status.textContent = "This browser, or an address without https, does not let the page be kept for offline use.";
    return;
  }
  serviceWorker
    .register("./sw.js")
    .then(() => serviceWorker.ready)
    .then(
      () => {
        status.textContent = "Kept on this device: the page works offline.";
      },
      () => {
        status.textContent = "The page could not be kept for offline use: storage is full or forbidden.";
      },
    );
}
