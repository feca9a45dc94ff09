import { Classifier } from "photonet";

const [model, ...photos] = process.argv.slice(2);
if (!model || photos.length === 0) {
  console.error("usage: node index.js MODEL PHOTO...");
  process.exit(2);
}
const classifier = await Classifier.load(model);
await classifier.classifyAll(photos, {
  topK: 1,
  onResult({ index, result, error }) {
    if (error) process.exitCode = 1;
    const answer = error ? error.message : `${result.top[0].label} ${result.top[0].probability.toFixed(4)}`;
    console.log(`${photos[index]}\t${answer}`);
  },
});
classifier.dispose();
