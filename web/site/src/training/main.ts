import type { Begun, TrainerOptions, TrainingStep } from "photonet/training";
import { Camera } from "../camera.js";
import { byId, el, throttled } from "../dom.js";
import { save } from "../downloads.js";
import { message, percent, plural } from "../format.js";
import { type Batch, fromInput, listen } from "../intake.js";
import { announce, notice } from "../notices.js";
import type { Learned } from "../workers/train.js";
import { showChart } from "./chart.js";
import { byFolder, type ClassCard, ClassList } from "./classes.js";
import { handOver, TRAINED } from "./handover.js";
import { showResult } from "./result.js";
import { TrainingRun } from "./run.js";
import { remaining } from "./time.js";

const MODEL = "model.safetensors";
/** Steps below which little is learned. */
const FEW_STEPS = 200;
const UNREADABLE_SHOWN = 3;

const classes = new ClassList({ onChange: () => changed(), onFiles: (card, input) => take(fromInput(input), card), onCamera: (card) => openCamera(card) });
const changed = throttled(0, showState);
let shooting: ClassCard | undefined;
let model: File | undefined;
let run: TrainingRun | undefined;
let running = false;
let learned: Learned | undefined;
let stopped = false;
let steps: TrainingStep[] = [];
let started = 0;

const from = byId<HTMLSelectElement>("from");
const size = byId<HTMLSelectElement>("size");
const epochs = byId<HTMLInputElement>("epochs");
const startButton = byId<HTMLButtonElement>("start");

function take(batch: Batch, card: ClassCard | undefined): void {
  const { photos, models, leftOut, addresses } = batch;
  if (models[0]) useModel(models[0]);
  if (leftOut > 0) notice(`${plural(leftOut, "file")} in the folders left out: by their names they are no photos.`);
  if (addresses.length > 0) notice("Addresses are not fetched here: save the pictures first, and drop the files.");
  if (photos.length === 0) return;
  if (card) return card.add(photos);
  const inFolders = photos.filter(({ name }) => name.includes("/"));
  if (inFolders.length > 0) classes.addNamed(byFolder(inFolders));
  if (inFolders.length < photos.length) notice("Drop photos on the class that they show, or a folder that has a folder for each class.");
}

function openCamera(card: ClassCard): void {
  shooting = card;
  camera.open();
}

function useModel(file: File): void {
  model = file;
  from.value = "file";
  startChanged();
}

function startChanged(): void {
  const scratch = from.value === "scratch";
  byId("pick-model-label").hidden = from.value !== "file";
  byId("from-note").textContent = from.value === "file" ? (model?.name ?? "Such as a model of ImageNet's, which “photonet import” makes.") : "";
  for (const option of size.options) if (option.value === "") option.hidden = scratch;
  if (scratch && size.value === "") size.value = "96";
  else if (!scratch) size.value = "";
  epochs.value = scratch ? "30" : "20";
  showState();
}

function problem(): string | undefined {
  const withPhotos = classes.all.filter(({ photos }) => photos.length > 0);
  if (withPhotos.length < 2) return "Training tells classes apart: give photos to two or more.";
  const names = withPhotos.map(({ name }) => name);
  if (names.some((name) => name === "")) return "A class has no name.";
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `Two classes are called ${twice}.`;
  if (withPhotos.every(({ photos }) => photos.length < 2)) return "A part of the photos is set aside to see what was learned: give a class two or more.";
  if (from.value === "file" && !model) return "Choose the model file to start from, or start from something else.";
  return undefined;
}

function showState(): void {
  const reason = problem();
  byId("count").textContent = classes.all.length === 0 ? "" : `${plural(classes.all.length, "class", "classes")}, ${plural(classes.photos, "photo")}`;
  startButton.disabled = running || reason !== undefined;
  startButton.title = reason ?? "";
  byId("stop").hidden = !running;
  document.body.classList.toggle("training", running);
  for (const field of document.querySelectorAll<HTMLInputElement>("#options select, #options input")) field.disabled = running;
  byId("start-reason").textContent = running || classes.all.length === 0 ? "" : (reason ?? "");
}

function wantedEpochs(): number | undefined {
  const value = Number(epochs.value.trim());
  const good = Number.isInteger(value) && value >= 1 && value <= 10_000;
  byId("epochs-error").textContent = good ? "" : "Give a whole number from 1 to 10,000.";
  epochs.setAttribute("aria-invalid", String(!good));
  return good ? value : undefined;
}

async function train(): Promise<void> {
  const wanted = wantedEpochs();
  if (running || wanted === undefined || problem() !== undefined) return;
  const cards = classes.all.filter(({ photos }) => photos.length > 0);
  const photos = new Map<string, Blob>();
  [running, stopped, steps, started] = [true, false, [], 0];
  run?.close();
  showState();
  showChart([]);
  byId("progress").hidden = false;
  byId("facts").replaceChildren();
  tell("Starting");
  byId("progress").scrollIntoView({ block: "nearest" });
  const options: TrainerOptions = { classes: cards.map(({ name }) => name), epochs: wanted, batch: batchFor(classes.photos), balance: byId<HTMLInputElement>("balance").checked };
  if (size.value) options.size = Number(size.value);
  if (from.value === "page") options.from = new URL(MODEL, document.baseURI).href;
  else if (from.value === "file") options.from = model;
  try {
    run = await TrainingRun.open(options, { onBegun, onStep });
    await addPhotos(run, cards, photos);
    tell("Compiling the kernels, which takes a while the first time");
    await run.train();
  } catch (error) {
    if ((error as Error).name !== "AbortError") notice(`The training ended: ${message(error)}`, "problem");
  }
  await finish(photos);
}

/** Smaller batches where a larger one would make few steps. */
function batchFor(photos: number): number {
  return photos < 80 ? 8 : photos < 400 ? 16 : 32;
}

async function addPhotos(to: TrainingRun, cards: readonly ClassCard[], photos: Map<string, Blob>): Promise<void> {
  const all = cards.reduce((sum, card) => sum + card.photos.length, 0);
  const unreadable: string[] = [];
  let done = 0;
  for (const [label, card] of cards.entries()) {
    for (const { file, name } of card.photos) {
      if (stopped) return;
      const unique = photos.has(name) ? `${name} (${done})` : name;
      try {
        await to.add(file, label, unique);
        photos.set(unique, file);
      } catch (error) {
        if ((error as Error).name !== "ImageError") throw error;
        unreadable.push(message(error));
      }
      done += 1;
      tell(`Reading photos: ${done.toLocaleString("en")} of ${all.toLocaleString("en")}`, done / all);
    }
  }
  if (unreadable.length > 0) {
    const more = unreadable.length - UNREADABLE_SHOWN;
    notice(`${plural(unreadable.length, "photo")} could not be read and ${unreadable.length === 1 ? "is" : "are"} left out: ${unreadable.slice(0, UNREADABLE_SHOWN).join("; ")}${more > 0 ? `, and ${more} more` : ""}`, "problem");
  }
}

function onBegun(begun: Begun): void {
  const { trainPhotos, valPhotos, epochs: all, stepsPerEpoch, architecture, size: side, device, software, notes } = begun;
  const facts = [
    `${plural(trainPhotos, "photo")} to learn from, ${valPhotos.toLocaleString("en")} set aside to see what was learned`,
    `${architecture}, ${side} x ${side} pixels, ${plural(all, "epoch")} of ${plural(stepsPerEpoch, "step")}${device ? `, on ${device}` : ""}`,
    ...notes,
  ];
  if (software) facts.push("This browser has only a software GPU: training takes long. With another browser or device it is much faster.");
  if (all * stepsPerEpoch < FEW_STEPS && from.value === "scratch") facts.push(`${all * stepsPerEpoch} steps in all are few for a start from nothing: see each photo more often, or start from a model.`);
  byId("facts").replaceChildren(...facts.map((text) => el("li", "", text)));
  started = performance.now();
}

function onStep(step: TrainingStep): void {
  steps.push(step);
  const done = (step.epoch - 1) * step.steps + step.step;
  const all = step.epochs * step.steps;
  // The first step waits for what is compiled last.
  if (done === 1) started = performance.now();
  const left = done > 3 ? remaining(((performance.now() - started) / (done - 1)) * (all - done)) : "";
  tell(`Epoch ${step.epoch} of ${step.epochs}: loss ${step.loss.toFixed(3)}${left && `, ${left}`}`, done / all);
  if (step.evaluation) {
    showChart(steps);
    announce(`Epoch ${step.epoch} of ${step.epochs}: ${percent(step.evaluation.top1)} of the photos set aside are right`);
  }
}

function tell(text: string, share?: number): void {
  byId("progress-text").textContent = text;
  const bar = byId<HTMLProgressElement>("bar");
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
  document.title = running && share !== undefined ? `${Math.floor(100 * share)} % · Photonet` : "Photonet: train on this device";
}

async function finish(photos: ReadonlyMap<string, Blob>): Promise<void> {
  try {
    learned = (await run?.result()) ?? learned;
    if (learned && steps.some(({ evaluation }) => evaluation)) {
      showResult(learned.judgement, photos);
      byId("result").scrollIntoView();
      byId("result").focus({ preventScroll: true });
    }
  } catch (error) {
    notice(`The model cannot be read back: ${message(error)}`, "problem");
  }
  const last = steps.at(-1);
  running = false;
  run?.close();
  run = undefined;
  const whole = last?.done === true;
  const ended = whole ? "The training is done." : last ? `Stopped in epoch ${last.epoch} of ${last.epochs}.` : "Stopped before the first step.";
  tell(steps.some(({ evaluation }) => evaluation) ? ended : `${ended} A model is there from the end of the first epoch on.`, whole ? 1 : 0);
  showState();
}

const camera = new Camera(
  (photo, name) => shooting?.add([{ file: new File([photo], name, { type: photo.type }), name }]),
  () => undefined,
  () => "to train on what was taken",
);

/** Where something was dropped, since what is read of it comes later. */
let dropped: ClassCard | undefined;
document.addEventListener("drop", ({ target }) => (dropped = classes.at(target)), { capture: true });

byId("add-class").addEventListener("click", () => classes.add().focus());
byId("pick-folder").addEventListener("change", ({ target }) => take(fromInput(target as HTMLInputElement), undefined));
byId("pick-model").addEventListener("change", ({ target }) => {
  const { photos, models } = fromInput(target as HTMLInputElement);
  const [file] = [...models, ...photos.map((given) => given.file)];
  if (file) useModel(file);
});
from.addEventListener("change", startChanged);
epochs.addEventListener("input", () => void wantedEpochs());
byId("options").addEventListener("submit", (event) => {
  event.preventDefault();
  void train();
});
byId("stop").addEventListener("click", () => {
  stopped = true;
  tell("Stopping after this step");
  run?.stop();
});
byId("save-model").addEventListener("click", () => learned && save(learned.bytes, "model.safetensors", "application/octet-stream"));
byId("try").addEventListener("click", async () => {
  if (!learned) return;
  try {
    await handOver(learned.bytes);
    location.assign(`./${TRAINED}`);
  } catch (error) {
    notice(`The model cannot be kept for the other page (${message(error)}): save it, and open the file there.`, "problem");
  }
});
listen(
  (batch) => take(batch, dropped),
  (error) => notice(`What was dropped cannot be read: ${message(error)}`, "problem"),
);
addEventListener("beforeunload", (event) => {
  if (running) event.preventDefault();
});

/** Whether a model lies beside the page. */
async function pageHasModel(): Promise<boolean> {
  const answer = await fetch(MODEL, { method: "HEAD" }).catch(() => undefined);
  return answer?.ok === true && !(answer.headers.get("content-type") ?? "").includes("html");
}

classes.add();
classes.add();
startChanged();
if (!("gpu" in navigator)) {
  notice("This browser has no WebGPU, which training needs: take a current Chrome, Edge, Firefox or Safari, over https, or the program, “photonet train”.", "problem");
}
void pageHasModel().then((there) => {
  const option = from.querySelector<HTMLOptionElement>('option[value="page"]');
  if (!there || !option) return;
  option.hidden = false;
  if (from.value === "scratch" && !running) {
    from.value = "page";
    startChanged();
  }
});
