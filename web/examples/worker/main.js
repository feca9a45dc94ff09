import { Classifier, isAbort } from "photonet";

const [input, stop, output, list] = ["input", "button", "output", "ol"].map((name) => document.querySelector(name));
const start = () => new Worker(new URL("photonet/worker", import.meta.url), { type: "module" });
// One computes; where there are many photos, others decode.
const classifier = await Classifier.load("model.safetensors", { worker: start(), decoders: start });
output.textContent = "Choose photos";

input.addEventListener("change", async () => {
  const files = [...input.files];
  const abort = new AbortController();
  stop.onclick = () => abort.abort();
  stop.disabled = false;
  list.replaceChildren();
  try {
    await classifier.classifyAll(files, {
      signal: abort.signal,
      onResult({ index, result, error }) {
        const item = document.createElement("li");
        item.textContent = `${files[index].name}: ${error ? error.message : result.top[0].label}`;
        list.append(item);
      },
    });
    output.textContent = "Done";
  } catch (error) {
    output.textContent = isAbort(error) ? "Stopped" : error.message;
  } finally {
    stop.disabled = true;
  }
});
