import { byId } from "./dom.js";

let pageKept = false;
let modelKept = false;

/** Says whether the server's model is on this device, without which the page alone is of no use. */
export function modelIsKept(kept: boolean): void {
  modelKept = kept;
  tell();
}

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
        pageKept = true;
        tell();
      },
      () => {
        status.textContent = "The page could not be kept for offline use: storage is full or forbidden.";
      },
    );
}

function tell(): void {
  if (!pageKept) return;
  byId("offline").textContent = modelKept
    ? "Kept on this device: the page works offline."
    : "The page is kept on this device; it works offline once its model is kept too.";
}
