import { Classifier } from "photonet";

const output = document.querySelector("output");
const percent = ({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`;

const classifier = await Classifier.load("model.safetensors", {
  onProgress: ({ loaded, total }) => (output.textContent = `Loading: ${loaded} of ${total ?? "?"} bytes`),
  onNotice: (message) => console.info(message),
});
output.textContent = "Choose a photo";

document.querySelector("input").addEventListener("change", async ({ target }) => {
  try {
    const { top } = await classifier.classify(target.files[0]);
    output.textContent = top.map(percent).join(", ");
  } catch (error) {
    output.textContent = error.message;
  }
});
