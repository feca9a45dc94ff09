import type { Classifier, Progress, Verdict } from "photonet";
import { bidi, byId, el, facts } from "./dom.js";
import { bytes, capital, count, message, plural, sentence } from "./format.js";
import { backendNames } from "./items.js";
import { isMissing, isUnreachable } from "./models.js";
import { announce } from "./notices.js";

/** What a visitor can do about it; what the package says of it is for whoever runs the page. */
function forVisitors(error: unknown): string | undefined {
  if (isMissing(error)) return "Open a model file, whose name ends in .safetensors, or drop one on the page.";
  return isUnreachable(error) ? "The network or the server is gone: try again, or open a model file." : undefined;
}

/** The model panel: what is loading, what is loaded, and what went wrong. */
export class ModelView {
  readonly #status = byId("model-status");
  readonly #brief = byId("model-brief");
  readonly #load = byId("model-load");
  readonly #progress = byId<HTMLProgressElement>("model-progress");
  readonly #error = byId("model-error");
  readonly #verdict = byId("verdict");
  #ready = "";

  loading(name: string): void {
    this.#error.textContent = "";
    byId("model-why").hidden = true;
    this.note("");
    this.#load.hidden = false;
    this.#progress.removeAttribute("value");
    this.#set("loading", `Loading ${name}`, "loading");
  }

  /** Why it computes where it does. */
  note(text: string): void {
    byId("model-note").textContent = capital(text);
  }

  progress({ loaded, total, cached }: Progress): void {
    if (total) this.#progress.value = loaded / total;
    else this.#progress.removeAttribute("value");
    const whole = total !== undefined && loaded >= total;
    if (whole) this.#progress.removeAttribute("value");
    const from = cached ? "Read from this device" : "Downloaded";
    // The status is read aloud at its ends, not at each packet: the progress bar tells the rest.
    this.#brief.textContent = whole ? "preparing" : total ? `${Math.floor((100 * loaded) / total)} %` : bytes(loaded);
    if (whole) this.#set("loading", `${from} ${bytes(loaded)}; preparing the network`, "preparing");
  }

  ready(classifier: Classifier, name: string): void {
    const { info, labels, backend } = classifier;
    this.#load.hidden = true;
    this.#error.textContent = "";
    this.#ready = `Ready: ${name}, computing on ${backendNames[backend]}`;
    this.#set("ready", this.#ready, `${plural(info.classes, "class", "classes")}, ${backendNames[backend]}`);
    facts(byId<HTMLDListElement>("model-facts"), [
      ["Architecture", info.architecture],
      ["Classes", count(info.classes)],
      ["Input", `${info.size} × ${info.size} pixels`],
      ["Parameters", count(info.parameters)],
      ["Top-1", info.top1 === null ? "not measured" : `${(info.top1 * 100).toFixed(1)} % of ${plural(info.val_images, "photo")}`],
      ["Trained on", info.train_images > 0 ? plural(info.train_images, "photo") : "not recorded"],
      ["File", `${bytes(info.bytes)}${info.cached ? ", kept on this device" : ""}`],
      ["SHA-256", info.sha256 ? `${info.sha256.slice(0, 16)}…` : "not computed here"],
    ]);
    const list = byId("model-labels");
    list.hidden = false;
    list.querySelector("ul")?.replaceChildren(...labels.map((label) => bidi(el("li", "", label))));
    this.#verdict.hidden = true;
    byId("verify").hidden = info.test_vectors === 0;
    announce(this.#ready);
  }

  failed(error: unknown, name: string, inUse: boolean): void {
    this.#load.hidden = true;
    // Folded away, as on a phone, nobody would learn why nothing happens.
    byId<HTMLDetailsElement>("model-panel").open = true;
    const missing = isMissing(error);
    const friendly = forVisitors(error);
    this.#error.classList.toggle("mild", missing);
    this.#error.textContent = friendly ?? sentence(`${name} cannot be used: ${message(error)}`);
    byId("model-why").hidden = !friendly;
    byId("model-why-text").textContent = capital(sentence(message(error)));
    byId("model-how").hidden = !missing;
    if (inUse) this.#back();
    else this.#set("missing", missing ? "This server offers no model yet" : "No model: open another file or drop one on the page", "none");
  }

  /** WebGPU was chosen, and this device has none that works. */
  refused(error: Error): void {
    byId<HTMLDetailsElement>("model-panel").open = true;
    this.#error.classList.remove("mild");
    this.#error.textContent = sentence(`WebGPU cannot be used on this device: ${error.message}`);
    if (this.#load.hidden) return;
    this.#load.hidden = true;
    this.#back();
  }

  cancelled(inUse: boolean): void {
    this.#load.hidden = true;
    if (inUse) this.#back();
    else this.#set("missing", "Loading was cancelled: try again, or open a model file", "none");
  }

  verdict(verdict: Verdict | undefined, error?: unknown): void {
    this.#verdict.hidden = false;
    const good = verdict?.ok ?? false;
    this.#verdict.dataset.state = verdict === undefined && error === undefined ? "running" : good ? "good" : "bad";
    byId("verdict-text").textContent =
      error !== undefined
        ? `The test vectors could not be run: ${message(error)}`
        : verdict === undefined
          ? "Running the model's test vectors"
          : good
            ? `Test vectors: ${verdict.vectors} of ${verdict.vectors} agree with the machine that trained (difference ${verdict.difference.toExponential(0)})`
            : `Test vectors differ by ${verdict.difference.toExponential(0)}: this device computes something else than the machine that trained. Try the other backend.`;
  }

  #back(): void {
    this.#set("ready", `${this.#ready}, as before`, this.#brief.dataset.ready ?? "ready");
  }

  #set(state: string, status: string, brief: string): void {
    byId("model-panel").dataset.state = state;
    this.#status.textContent = status;
    for (const retry of document.querySelectorAll<HTMLElement>(".retry")) retry.hidden = state !== "missing";
    this.#brief.textContent = brief;
    if (state === "ready") this.#brief.dataset.ready = brief;
  }
}
