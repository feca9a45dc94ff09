import type { Judgement } from "photonet/training";
import { bidi, byId, el } from "../dom.js";
import { percent, plural } from "../format.js";
import { drawThumb } from "./strip.js";

/** Moves a photo to another class, or takes it out where none is named; says whether it, and the class, was there. */
export type Correct = (photo: Blob, to?: string) => boolean;

/** Mistakes that are shown. */
const SHOWN = 12;

/** Says whether the result that is shown, if there is one, is that of an earlier training. */
export function markResult(earlier: boolean): void {
  byId("result-of").textContent = earlier ? "Of the training before this one:" : "";
}

/** Shows what a model is worth; `photos` are the photos by the names that they were trained with. */
export function showResult(judgement: Judgement, photos: ReadonlyMap<string, Blob>, correct: Correct): void {
  const { top1, images, classes, confusions, mistakes, verdict } = judgement;
  byId("result-empty").hidden = true;
  byId("result-body").hidden = false;
  const right = classes.reduce((sum, row) => sum + row.correct, 0);
  byId("result-text").textContent =
    `Of ${plural(images, "photo")} that it was not shown while it learned, it names ${right} rightly: ${percent(top1)}.` +
    (images < 30 ? " So few photos say little: with more of them the figure is surer." : "");
  byId("verdict").textContent = verdict ? "It has learned nothing of use: always saying the most frequent class would be as good. Give more photos, see each more often, or start from a model." : "";
  const head = el("tr", "", ...["Class", "Photos", "Right", "Mostly taken for"].map((text) => Object.assign(el("th", "", text), { scope: "col" })));
  const rows = classes.map(({ index, label, images: photosOf, correct: hits }) => {
    const wrong = confusions.find(({ truth }) => truth.index === index);
    const cells = [String(photosOf), photosOf ? `${hits} (${percent(hits / photosOf)})` : "", wrong ? `${wrong.said.label} (${wrong.images})` : ""];
    return el("tr", "", bidi(Object.assign(el("th", "", label), { scope: "row" })), ...cells.map((text) => bidi(el("td", "", text))));
  });
  const caption = el("caption", "", "Of the photos that were set aside, a fifth of each class");
  byId("scores").replaceChildren(caption, el("thead", "", head), el("tbody", "", ...rows));
  byId("mistakes-part").hidden = mistakes.length === 0;
  byId("mistakes").replaceChildren();
  for (const { file, truth, top } of mistakes.slice(0, SHOWN)) {
    const [said] = top;
    if (!said) continue;
    const image = Object.assign(el("img"), { alt: "", width: 96, height: 96 });
    const text = el("p", "", `${truth.label}, taken for ${said.label} (${percent(said.probability)})`);
    const body = el("div", "", bidi(Object.assign(el("p", "name", file.split("/").at(-1) ?? file), { title: file })), bidi(text));
    byId("mistakes").append(el("li", "", image, body));
    const photo = photos.get(file);
    if (!photo) continue;
    drawThumb(photo, image);
    body.append(ways(photo, said.label, correct));
  }
}

/** What can be done about a mistake that is none of the model's: the photo lies in the wrong class, or shows something else. */
function ways(photo: Blob, said: string, correct: Correct): HTMLElement {
  const row = el("div", "row wrap");
  const way = (text: string, done: string, to?: string): HTMLElement => {
    const button = Object.assign(el("button", "button small"), { type: "button" });
    button.append(bidi(el("span", "", text)));
    button.addEventListener("click", () => {
      const outcome = correct(photo, to) ? `${done}, for the next training` : "It, or the class, is not there any more";
      const told = Object.assign(bidi(el("p", "status", outcome)), { tabIndex: -1 });
      row.replaceChildren(told);
      told.focus();
    });
    return button;
  };
  row.append(way(`Move to ${said}`, `Moved to ${said}`, said), way("Take out", "Taken out"));
  return row;
}
