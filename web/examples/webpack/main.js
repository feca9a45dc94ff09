import { Classifier } from "photonet";

async function start(output, input) {
  // webpack bundles the worker and the wasm from these addresses.
  const worker = new Worker(new URL("photonet/worker", import.meta.url), { type: "module" });
  const classifier = await Classifier.load("model.safetensors", { worker });
  output.textContent = "Choose a photo";
  input.addEventListener("change", async () => {
    try {
      const { top } = await classifier.classify(input.files[0]);
      output.textContent = top.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(", ");
    } catch (error) {
      output.textContent = error.message;
    }
  });
}

const output = document.querySelector("output");
start(output, document.querySelector("input")).catch((error) => {
  output.textContent = error.message;
});
