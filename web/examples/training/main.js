import { Classifier } from "photonet";
import { Trainer } from "photonet/training";

const output = document.querySelector("output");
const field = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const classes = ["cats", "dogs"];
/** Photos are decoded in workers, several at a time. */
const decoders = () => new Worker(new URL("photonet/training-worker", import.meta.url), { type: "module" });
let classifier;

async function train() {
  // From a model that has learned something already, some dozen photos of each will do.
  const trainer = await Trainer.open({ classes, from: "model.safetensors", batch: 8, decoders });
  try {
    const adding = classes.flatMap((name) => Array.from(field(name).files, (file) => trainer.add(file, name)));
    await Promise.all(adding);
    const { top1, images } = await trainer.train({
      onCompile: ({ done, total }) => (output.textContent = `Compiling: ${done} of ${total}`),
      onStep: ({ epoch, epochs, loss }) => (output.textContent = `Epoch ${epoch} of ${epochs}, loss ${loss.toFixed(3)}`),
    });
    classifier = await Classifier.load(await trainer.model());
    field("photo").disabled = false;
    output.textContent = `Trained: ${percent(top1)} of ${images} photos that were set aside are right`;
  } finally {
    trainer.dispose();
  }
}

async function classify() {
  const { top } = await classifier.classify(field("photo").files[0]);
  output.textContent = top.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
}

const tell = (error) => (output.textContent = error.message);
document.querySelector("button").addEventListener("click", () => train().catch(tell));
field("photo").addEventListener("change", () => classify().catch(tell));
