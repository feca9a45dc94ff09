// In a file of its own, and without an import map: a Content-Security-Policy forbids scripts within the page.
import { Classifier } from "./node_modules/photonet/dist/index.js";

const output = document.querySelector("output");
const classifier = await Classifier.load("model.safetensors");
output.textContent = "Choose a photo";
document.querySelector("input").addEventListener("change", async ({ target }) => {
  try {
    const { top } = await classifier.classify(target.files[0]);
    output.textContent = top.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(", ");
  } catch (error) {
    output.textContent = error.message;
  }
});
