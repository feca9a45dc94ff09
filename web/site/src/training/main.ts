import type { Begun, TrainerOptions, TrainingStep } from "photonet/training";
import { Camera } from "../camera.js";
import { byId, el, throttled } from "../dom.js";
import { save } from "../downloads.js";
import { message, moment, percent, plural } from "../format.js";
import { type Batch, fromInput, type Given, listen } from "../intake.js";
import { announce, notice } from "../notices.js";
import type { Learned } from "../workers/train.js";
import { showChart } from "./chart.js";
import { byFolder, type ClassCard, ClassList } from "./classes.js";
import { forget, handedOver, handOver } from "./handover.js";
import { markResult, showResult } from "./result.js";
import { type RunHooks, TrainingRun } from "./run.js";
import { remaining } from "./time.js";

const MODEL = "model.safetensors";
const COMPILING = "Compiling the kernels, which takes a while the first time";
/** Steps below which little is learned. */
const FEW_STEPS = 200;
const UNREADABLE_SHOWN = 3;
/** Photos on their way to the training: more than there are workers to decode them, so that none waits. */
const AT_ONCE = 8;

/** A training under way: what it was begun with, whatever becomes of the page's fields meanwhile. */
interface Training {
  classes: { name: string; photos: Given[] }[];
  fromScratch: boolean;
  /** The photos that were taken, by the names that they have in the training. */
  photos: Map<string, Blob>;
  steps: TrainingStep[];
  /** When the first step was done. */
  started: number;
  stopped: boolean;
  run?: TrainingRun;
  learned?: Learned;
}

const classes = new ClassList({ onChange: () => changed(), onFiles: (card, input) => take(fromInput(input), card), onCamera: (card) => openCamera(card) });
const changed = throttled(0, showState);
let shooting: ClassCard | undefined;
let model: File | undefined;
let training: Training | undefined;
/** The best model of the last training that had one, of this visit or an earlier one. */
let kept: Blob | undefined;
/** Fields that the visitor has changed, which nothing else changes then. */
const touched = new Set<HTMLElement>();

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
  if (training) notice("What is added now is for the next training.");
  if (card) return card.add(photos);
  const inFolders = photos.filter(({ name }) => name.includes("/"));
  if (inFolders.length > 0) {
    const { classes: found, outside } = byFolder(inFolders);
    classes.addNamed(found);
    if (outside > 0) notice(`${plural(outside, "photo")} left out that ${outside === 1 ? "lies" : "lie"} beside the folders of the classes.`);
  }
  if (inFolders.length < photos.length) notice("Drop photos on the class that they show, or a folder that has a folder for each class.");
}

function openCamera(card: ClassCard): void {
  shooting = card;
  camera.open();
}

function useModel(file: File): void {
  if (training) return notice("A model to start from is for the next training: give it when this one is done.");
  model = file;
  from.value = "file";
  touched.add(from);
  startChanged();
}

/** Gives the fields that nobody has touched what suits the start. */
function startChanged(): void {
  const scratch = from.value === "scratch";
  byId("pick-model-label").hidden = from.value !== "file";
  byId("head-label").hidden = scratch;
  byId("from-note").textContent = from.value === "file" ? (model?.name ?? "Such as a model of ImageNet's, which “photonet import” makes.") : "";
  for (const option of size.options) if (option.value === "") option.hidden = scratch;
  if (scratch && size.value === "") size.value = "96";
  else if (!scratch && !touched.has(size)) size.value = "";
  if (!touched.has(epochs)) epochs.value = scratch ? "30" : "20";
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
  const running = training !== undefined;
  byId("count").textContent = classes.all.length === 0 ? "" : `${plural(classes.all.length, "class", "classes")}, ${plural(classes.photos, "photo")}`;
  startButton.disabled = running || reason !== undefined;
  startButton.title = reason ?? "";
  byId("stop").hidden = !running;
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
  if (training || wanted === undefined || problem() !== undefined) return;
  const cards = classes.all.filter(({ photos }) => photos.length > 0);
  const now: Training = {
    classes: cards.map(({ name, photos }) => ({ name, photos: [...photos] })),
    fromScratch: from.value === "scratch",
    photos: new Map(),
    steps: [],
    started: 0,
    stopped: false,
  };
  training = now;
  const options: TrainerOptions = {
    classes: now.classes.map(({ name }) => name),
    epochs: wanted,
    batch: batchFor(classes.photos),
    balance: byId<HTMLInputElement>("balance").checked,
    ...(size.value && { size: Number(size.value) }),
    ...(from.value !== "scratch" && byId<HTMLInputElement>("head").checked && { freeze: "head" as const }),
    ...(from.value === "page" && { from: new URL(MODEL, document.baseURI).href }),
    ...(from.value === "file" && { from: model }),
  };
  showState();
  showChart([]);
  markResult(true);
  byId("progress").hidden = false;
  byId("facts").replaceChildren();
  tell("Starting");
  announce("Training has begun");
  byId("progress").scrollIntoView({ block: "nearest" });
  let ended = "The training is done.";
  try {
    now.run = await TrainingRun.start(hooks(now));
    if (!now.stopped) await now.run.open(options);
    if (!now.stopped) await addPhotos(now, now.run);
    if (!now.stopped) {
      tell(COMPILING);
      await now.run.train();
    }
  } catch (error) {
    if (!now.stopped) {
      notice(`The training ended: ${message(error)}`, "problem");
      ended = "Ended by an error";
    }
  }
  if (now.stopped && now.steps.at(-1)?.done !== true) ended = "Stopped";
  finish(now, ended);
}

/** Smaller batches where a larger one would make few steps. */
function batchFor(photos: number): number {
  return photos < 80 ? 8 : photos < 400 ? 16 : 32;
}

async function addPhotos(now: Training, run: TrainingRun): Promise<void> {
  const all = now.classes.reduce((sum, { photos }) => sum + photos.length, 0);
  const unreadable: string[] = [];
  let [copies, conflicts] = [0, 0];
  let full = false;
  let [done, refused] = [0, 0];
  const names = new Set<string>();
  const add = async ({ file, name }: Given, label: number, place: number): Promise<void> => {
    const unique = names.has(name) ? `${name} (${label + 1}.${place + 1})` : name;
    names.add(unique);
    try {
      const added = await run.add(file, label, unique);
      full ||= added.full;
      // On both sides of the division a copy would tell how well it was learned by heart.
      if (added.refused) refused += 1;
      else if (added.copyOf === undefined) now.photos.set(unique, file);
      else if (added.copyOf === label) copies += 1;
      else conflicts += 1;
    } catch (error) {
      if ((error as Error).name !== "ImageError") throw error;
      unreadable.push(message(error));
    }
    done += 1;
    if (!now.stopped) tell(`Reading photos: ${done.toLocaleString("en")} of ${all.toLocaleString("en")}`, done / all);
  };
  // In turns, so that all classes have their part where not all photos fit.
  const inTurns = function* (): Generator<[Given, number, number]> {
    const longest = Math.max(...now.classes.map(({ photos }) => photos.length));
    for (let place = 0; place < longest; place++) {
      for (const [label, { photos }] of now.classes.entries()) if (photos[place]) yield [photos[place]!, label, place];
    }
  };
  const coming = inTurns();
  const one = async (): Promise<void> => {
    for (const [photo, label, place] of coming) {
      await add(photo, label, place);
      if (full || now.stopped) return;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  if (now.stopped) return;
  const leftOut = all - done + refused;
  if (full && leftOut > 0) {
    notice(`${plural(all - leftOut, "photo")} fill the memory that a page has for them: the other ${leftOut.toLocaleString("en")} are left out. Smaller pixels leave room for more.`, "problem");
  }
  if (copies > 0) notice(`${plural(copies, "photo")} left out that ${copies === 1 ? "is" : "are"} in the same class twice.`);
  if (conflicts > 0) notice(`${plural(conflicts, "photo")} left out that ${conflicts === 1 ? "is" : "are"} in another class too: which is right?`, "problem");
  if (unreadable.length > 0) {
    const more = unreadable.length - UNREADABLE_SHOWN;
    notice(`${plural(unreadable.length, "photo")} could not be read and ${unreadable.length === 1 ? "is" : "are"} left out: ${unreadable.slice(0, UNREADABLE_SHOWN).join("; ")}${more > 0 ? `, and ${more} more` : ""}`, "problem");
  }
}

function hooks(now: Training): RunHooks {
  return {
    onProgress: ({ loaded, total }) => tell("Fetching the model to start from", total ? loaded / total : undefined),
    onNotice: (text) => notice(text),
    onCompile: ({ done, total }) => tell(`${COMPILING}: ${done} of ${total}`, done / total),
    onBegun: (begun) => onBegun(now, begun),
    onStep: (step) => onStep(now, step),
    onLearned: (best) => {
      now.learned = best;
    },
  };
}

function onBegun(now: Training, begun: Begun): void {
  const { trainPhotos, valPhotos, epochs: all, stepsPerEpoch, architecture, size: side, device, software, notes } = begun;
  const facts = [
    `${plural(trainPhotos, "photo")} to learn from, ${valPhotos.toLocaleString("en")} set aside to see what was learned`,
    `${architecture}, ${side} x ${side} pixels, ${plural(all, "epoch")} of ${plural(stepsPerEpoch, "step")}${device ? `, on ${device}` : ""}`,
    ...notes,
  ];
  if (software) facts.push("This browser has only a software GPU: training takes long. With another browser or device it is much faster.");
  if (all * stepsPerEpoch < FEW_STEPS && now.fromScratch) facts.push(`${all * stepsPerEpoch} steps in all are few for a start from nothing: see each photo more often, or start from a model.`);
  byId("facts").replaceChildren(...facts.map((text) => el("li", "", text)));
  tell("The first step is under way");
  announce("The first step is under way");
}

function onStep(now: Training, step: TrainingStep): void {
  now.steps.push(step);
  const done = (step.epoch - 1) * step.steps + step.step;
  const all = step.epochs * step.steps;
  // The first step waits for what is compiled last.
  if (done === 1) now.started = performance.now();
  const left = done > 3 ? remaining(((performance.now() - now.started) / (done - 1)) * (all - done)) : "";
  if (!now.stopped) tell(`Epoch ${step.epoch} of ${step.epochs}: loss ${step.loss.toFixed(3)}${left && `, ${left}`}`, done / all);
  if (step.evaluation) {
    showChart(now.steps);
    announce(`Epoch ${step.epoch} of ${step.epochs}: ${percent(step.evaluation.top1)} of the photos set aside are right`);
  }
}

function tell(text: string, share?: number): void {
  byId("progress-text").textContent = text;
  const bar = byId<HTMLProgressElement>("bar");
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
  document.title = training && share !== undefined ? `${Math.floor(100 * share)} % · Photonet` : "Photonet: train on this device";
}

function finish(now: Training, ended: string): void {
  const last = now.steps.at(-1);
  training = undefined;
  now.run?.close();
  const where = last && !last.done ? ` in epoch ${last.epoch} of ${last.epochs}.` : last ? "" : " before the first step.";
  const said = ended.endsWith(".") ? ended : `${ended}${where}`;
  if (now.learned) {
    const { model: best, judgement } = now.learned;
    keep(best);
    handOver(best).catch((error) => notice(`The model is not kept in this browser (${message(error)}): save it, and open the file in the other page.`, "problem"));
    markResult(false);
    showResult(judgement, now.photos, (photo, to) => classes.correct(photo, to));
    byId("result").scrollIntoView();
    byId("result").focus({ preventScroll: true });
  }
  tell(now.learned ? said : `${said} A model is there from the end of the first epoch on.`, last?.done ? 1 : 0);
  announce(said);
  showState();
}

/** Offers a model. */
function keep(best: Blob): void {
  kept = best;
  byId("result-ways").hidden = false;
}

const camera = new Camera(
  (photo, name) => shooting?.add([{ file: new File([photo], name, { type: photo.type }), name }]),
  () => undefined,
  () => "to train on what was taken",
);

byId("add-class").addEventListener("click", () => classes.add().focus());
byId("pick-folder").addEventListener("change", ({ target }) => take(fromInput(target as HTMLInputElement), undefined));
byId("pick-model").addEventListener("change", ({ target }) => {
  const { photos, models } = fromInput(target as HTMLInputElement);
  const [file] = [...models, ...photos.map((given) => given.file)];
  if (file) useModel(file);
});
for (const field of [from, size, epochs]) field.addEventListener("input", () => touched.add(field));
from.addEventListener("change", startChanged);
epochs.addEventListener("input", () => void wantedEpochs());
byId("options").addEventListener("submit", (event) => {
  event.preventDefault();
  void train();
});
byId("stop").addEventListener("click", () => {
  if (!training) return;
  training.stopped = true;
  // Before the first step there is nothing to wait for.
  if (training.steps.length === 0) return training.run?.close();
  tell("Stopping after this step");
  training.run?.stop();
});
byId("save-model").addEventListener("click", () => kept && save(kept, "model.safetensors", "application/octet-stream"));
byId("forget").addEventListener("click", async () => {
  await forget().catch(() => undefined);
  kept = undefined;
  byId("result-ways").hidden = true;
  byId("result-body").hidden = true;
  byId("result-empty").hidden = false;
  byId("result-empty").textContent = "There is no model any more.";
});
listen(
  (batch, target) => take(batch, classes.at(target ?? null)),
  (error) => notice(`What was dropped cannot be read: ${message(error)}`, "problem"),
);
addEventListener("beforeunload", (event) => {
  if (training) event.preventDefault();
});

/** Whether a model lies beside the page. */
async function pageHasModel(): Promise<boolean> {
  const answer = await fetch(MODEL, { method: "HEAD" }).catch(() => undefined);
  return answer?.ok === true && !(answer.headers.get("content-type") ?? "").includes("html");
}

classes.add();
classes.add();
startChanged();
void handedOver().then(
  (file) => {
    if (!file || kept) return;
    keep(file);
    byId("result-empty").textContent = `A model that was trained here is kept in this browser (${moment(file.lastModified)}).`;
  },
  // Without storage there is none.
  () => undefined,
);
if (!("gpu" in navigator)) {
  notice("This browser has no WebGPU, which training needs: take a current Chrome, Edge, Firefox or Safari, over https, or the program, “photonet train”.", "problem");
}
void pageHasModel().then((there) => {
  const option = from.querySelector<HTMLOptionElement>('option[value="page"]');
  if (!there || !option) return;
  option.hidden = false;
  if (training || touched.has(from)) return;
  from.value = "page";
  startChanged();
});
