import { fetchPhoto } from "./address.js";
import { Camera } from "./camera.js";
import { byId, throttled } from "./dom.js";
import { save, toCsv, toJson } from "./downloads.js";
import { message, moment, percent, plural } from "./format.js";
import { type Batch, fromInput, listen } from "./intake.js";
import { best, isUnsure, type Item, newItem, reason } from "./items.js";
import { type BackendChoice, Models } from "./models.js";
import { ModelView } from "./model-view.js";
import { announce, notice } from "./notices.js";
import { keepForOffline, modelIsKept } from "./offline.js";
import { showPrivacy } from "./privacy.js";
import { type RunProgress, Runner } from "./runner.js";
import { samples } from "./samples.js";
import { recall, remember } from "./settings.js";
import { Sheet } from "./sheet.js";
import { Thumbs } from "./thumbs.js";
import { handedOver, TRAINED } from "./training/handover.js";
import { showTimings } from "./timings.js";

const MODEL = "model.safetensors";
const VERIFY_AFTER = 1200;

const view = new ModelView();
const models: Models = new Models(
  {
    onLoading: (name) => {
      view.loading(name);
      telling();
    },
    onProgress: (progress) => view.progress(progress),
    onReady: (classifier, { source, name }, another) => {
      view.ready(classifier, source instanceof File ? `${name} (your file of ${moment(source.lastModified)})` : name);
      modelName = name;
      if (typeof source === "string") modelIsKept(true);
      // Only a choice that works is kept for the next visit.
      remember("backend", models.backend);
      showBackend();
      runner.use(classifier);
      if (another && sheet.items.length > 0) {
        // Answers of the model before are no answers of this one.
        for (const item of sheet.items) delete item.answer;
        runner.add(sheet.items);
      }
      setTimeout(() => void verify(true), VERIFY_AFTER);
    },
    onFailed: (error, name) => {
      view.failed(error, name, models.classifier !== undefined);
      showBackend();
      telling();
    },
    onRefused: (error) => {
      view.refused(error);
      showBackend();
    },
    onLost: () => {
      runner.use(undefined);
      notice("The worker that computes has failed and is started anew.", "problem");
    },
    onCancelled: () => {
      view.cancelled(models.classifier !== undefined);
      showBackend();
      telling();
    },
    onNotice: (text) => {
      if (/not kept on this device/.test(text)) modelIsKept(false);
      // The usual case on many devices, of which nobody has to be warned.
      if (/^using the CPU/.test(text)) view.note(text);
      else if (/Using the copy on this device/.test(text)) {
        notice(`${navigator.onLine ? "The server cannot be reached" : "You are offline"}; the kept model is used.`);
      } else notice(text);
    },
  },
  backendChoice(recall("backend")),
);
const runner: Runner = new Runner({
  onItem: (item) => {
    sheet.update(item);
    timings();
  },
  onProgress: (progress) => showProgress(progress),
  onFailure: (error) => notice(`The photos could not be classified: ${message(error)}`, "problem"),
});
const thumbs = new Thumbs(
  () => models.classifier,
  () => runner.running,
);
const sheet = new Sheet(thumbs, storedThreshold(), (item) => runner.remove(item));
const timings = throttled(250, () => showTimings(sheet.items));
const telling = throttled(0, () => showProgress(progressNow));
let modelName = "";
let progressNow: RunProgress = { done: 0, total: 0, running: false };
let announced = 0;

function backendChoice(value: string | undefined): BackendChoice {
  return value === "webgpu" || value === "cpu" ? value : "auto";
}

function storedThreshold(): number {
  const stored = Number(recall("threshold") ?? NaN);
  return stored >= 0 && stored <= 1 ? stored : 0.5;
}

function addPhotos(photos: readonly { file: Blob; name: string }[]): void {
  const items = photos.map(({ file, name }) => newItem(file, name));
  sheet.add(items);
  runner.add(items);
  reveal();
}

/** On a phone the sheet lies below the fold, where nobody would see that anything happens. */
function reveal(): void {
  const results = byId("results");
  if (byId<HTMLDialogElement>("camera").open || results.getBoundingClientRect().top < 0.7 * innerHeight) return;
  // Smooth or at once, as the style sheet has it from the visitor's settings.
  results.scrollIntoView();
}

function take({ photos, models: files, leftOut, addresses }: Batch): void {
  const [model, ...others] = files;
  if (model) void models.load(model, model.name);
  if (others.length > 0) notice(`Several model files were given; ${model?.name ?? "one"} is used.`);
  if (leftOut > 0) notice(`${plural(leftOut, "file")} in the folders left out: by their names they are no photos.`);
  if (photos.length > 0) addPhotos(photos);
  for (const address of addresses) addAddress(address).catch((error) => notice(message(error), "problem"));
}

async function addAddress(address: string): Promise<void> {
  const { photo, name } = await fetchPhoto(address);
  addPhotos([{ file: photo, name }]);
}

function showProgress(progress: RunProgress): void {
  const { done, total, running } = progress;
  const ended = progressNow.running && !running;
  progressNow = progress;
  byId("running").hidden = !running;
  const bar = byId<HTMLProgressElement>("batch-progress");
  const waiting = running && !models.classifier;
  bar.max = Math.max(total, 1);
  bar.value = done;
  bar.hidden = waiting && !models.loading;
  byId("batch-text").textContent = waiting
    ? `${plural(total, "photo")} waiting for ${models.loading ? "the" : "a"} model`
    : `${done.toLocaleString("en")} of ${plural(total, "photo")}`;
  document.title = running && total > 1 ? `${done}/${total} · Photonet` : "Photonet: classify photos on this device";
  if (ended) {
    announced = 0;
    announce(outcome(done, total));
  } else if (running && done - announced >= Math.max(10, total / 4)) {
    announced = done;
    announce(`${done} of ${total} photos classified`);
  }
}

/** What a screen reader says at the end: the answer itself for one photo, a summary for many. */
function outcome(done: number, total: number): string {
  if (done < total) return `Stopped after ${done} of ${plural(total, "photo")}`;
  const items = sheet.items.slice(-total);
  const [only] = items;
  if (only && items.length === 1) return spoken(only);
  const unsure = items.filter((item) => isUnsure(item, sheet.threshold)).length;
  const failed = items.filter(({ state }) => state === "failed").length;
  return `${plural(items.length, "photo")} classified: ${unsure} not sure, ${failed} could not be read`;
}

function spoken(item: Item): string {
  const top = best(item);
  if (!top || item.state === "failed") return `${item.name} could not be classified: ${reason(item)}`;
  const answer = `${top.label}, ${percent(top.probability)}`;
  return `${item.name}: ${isUnsure(item, sheet.threshold) ? `not sure, perhaps ${answer}` : answer}`;
}

/** Compares with the machine that trained; by itself only when nobody waits for an answer. */
async function verify(idleOnly: boolean): Promise<void> {
  const { classifier } = models;
  if (!classifier || classifier.info.test_vectors === 0 || (idleOnly && runner.running)) return;
  view.verdict(undefined);
  try {
    const verdict = await classifier.verify();
    if (classifier === models.classifier) view.verdict(verdict);
  } catch (error) {
    if (classifier === models.classifier) view.verdict(undefined, error);
  }
}

function wireIntake(): void {
  listen(take, (error) => notice(`What was dropped cannot be read: ${message(error)}`, "problem"));
  for (const id of ["pick-photos", "pick-folder", "pick-model"]) {
    const input = byId<HTMLInputElement>(id);
    input.addEventListener("change", () => {
      const batch = fromInput(input);
      // A file that was picked as a model is one, whatever its name is.
      if (id === "pick-model" && batch.photos[0]) take({ ...batch, models: [batch.photos[0].file], photos: [] });
      else take(batch);
    });
  }
  const camera = new Camera(
    (photo, name) => addPhotos([{ file: photo, name }]),
    reveal,
    (taken) => `to see what ${taken > 1 ? "they show" : "it shows"}`,
  );
  byId("open-camera").addEventListener("click", () => camera.open());
  byId("add-samples").addEventListener("click", async () => {
    try {
      addPhotos((await samples()).map(({ photo, name }) => ({ file: photo, name })));
    } catch (error) {
      notice(`There are no samples: ${message(error)}`, "problem");
    }
  });
  const input = byId<HTMLInputElement>("address");
  const fail = (text: string): void => {
    byId("address-error").textContent = text;
    input.setAttribute("aria-invalid", String(text !== ""));
  };
  // What is being corrected is not wrong any more.
  input.addEventListener("input", () => fail(""));
  byId("address-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    fail("");
    const address = input.value.trim();
    try {
      if (address) await addAddress(address);
      input.value = "";
    } catch (error) {
      fail(message(error));
    }
  });
}

function wireResults(): void {
  const range = byId<HTMLInputElement>("threshold");
  const value = byId("threshold-value");
  const show = (): void => {
    value.textContent = `${range.value} %`;
    range.setAttribute("aria-valuetext", `${range.value} percent`);
  };
  range.value = String(Math.round(sheet.threshold * 100));
  show();
  range.addEventListener("input", () => {
    show();
    sheet.threshold = Number(range.value) / 100;
    remember("threshold", String(sheet.threshold));
  });
  byId("save-csv").addEventListener("click", () => {
    save(toCsv(sheet.shown, sheet.threshold), "photonet.csv", "text/csv");
  });
  byId("save-json").addEventListener("click", () => {
    const { classifier } = models;
    const model = classifier && { name: modelName, info: classifier.info, labels: classifier.labels };
    save(toJson(sheet.shown, sheet.threshold, model), "photonet.json", "application/json");
  });
  byId("print").addEventListener("click", () => void sheet.pictures().then(() => print()));
  // From the browser's own menu: what is drawn by then is printed.
  addEventListener("beforeprint", () => void sheet.pictures());
  byId("again").addEventListener("click", () => runner.add(sheet.items));
  byId("clear").addEventListener("click", () => {
    runner.cancel();
    sheet.clear();
    timings();
    byId("results").focus({ preventScroll: true });
  });
  byId("cancel").addEventListener("click", () => {
    runner.cancel();
    byId("results").focus({ preventScroll: true });
  });
}

const backendRadios = (): NodeListOf<HTMLInputElement> => document.querySelectorAll('input[name="backend"]');

function showBackend(): void {
  for (const radio of backendRadios()) radio.checked = radio.value === models.backend;
}

function wireModel(): void {
  byId("model-cancel").addEventListener("click", () => models.cancel());
  for (const retry of document.querySelectorAll(".retry")) retry.addEventListener("click", () => void models.load(MODEL, MODEL));
  byId("verify").addEventListener("click", () => void verify(false));
  showBackend();
  for (const radio of backendRadios()) {
    radio.addEventListener("change", () => {
      models.backend = backendChoice(radio.value);
      void models.reload();
    });
  }
}

/** On a phone the photos come first and the details on demand. */
function foldPanels(): void {
  if (!matchMedia("(max-width: 60rem)").matches) return;
  for (const id of ["model-panel", "timings-panel"]) byId<HTMLDetailsElement>(id).open = false;
}

/** The model beside the page, or the one that was trained in this browser where the address asks for it. */
async function firstModel(): Promise<void> {
  const trained = location.hash === TRAINED ? await handedOver().catch(() => undefined) : undefined;
  await models.load(trained ?? MODEL, trained ? "the model trained in this browser" : MODEL);
}

foldPanels();
showPrivacy();
showTimings([]);
wireIntake();
wireResults();
wireModel();
void firstModel();
addEventListener("load", keepForOffline);
