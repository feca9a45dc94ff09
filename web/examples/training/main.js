import { Classifier } from "photonet";
import { Trainer } from "photonet/training";

const output = document.querySelector("output");
const field = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
let classifier;

async function train() {
  // From a model that has learned something already, some dozen photos of each will do.
  const trainer = await Trainer.open({ classes: ["cats", "dogs"], from: "model.safetensors", batch: 8 });
  try {
    for (const name of ["cats", "dogs"]) for (const file of field(name).files) await trainer.add(file, name);
    const { top1, images } = await trainer.train({
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
