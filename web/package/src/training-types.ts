import type { Instance } from "./platform.js";
import type { CallOptions, LoadOptions, ModelSource, Precision, Progress, WasmSource } from "./types.js";

/** What to train, and how; all but the classes has a usual value. */
export interface TrainerOptions {
  /** The classes' names, at least two. */
  classes: readonly string[];
  /**
   * A model to start from, as of `photonet import` or of an earlier training: far fewer photos and epochs are needed then. Its
   * network and preprocessing are kept.
   */
  from?: ModelSource | undefined;
  /** From scratch: the network, `"small"` by default. */
  arch?: "small" | "large" | undefined;
  /** From scratch: its width, 0.35, 0.5, 0.75, 1 (the default) or 1.25. */
  width?: number | undefined;
  /** Side of the network's input in pixels: 224, or that of the model to start from. Smaller ones train faster. */
  size?: number | undefined;
  /** How often each photo is seen: 30, or 20 from a model. */
  epochs?: number | undefined;
  /** Photos of a step; 32 by default. */
  batch?: number | undefined;
  /** The highest learning rate; by default one that fits the batch and the start. */
  learningRate?: number | undefined;
  /** Ends the training when its accuracy has not improved for so many epochs; 0, the default, is never. */
  patience?: number | undefined;
  /** Of all random choices: the same photos and the same seed give the same model on the same device. */
  seed?: number | undefined;
  /** `"f16"` takes half of the memory. */
  precision?: Precision | undefined;
  /** Lets all classes count alike, however many photos they have. */
  balance?: boolean | undefined;
  /** What keeps the weights of the model to start from: `"head"` (all but the classifier) or so many blocks. */
  freeze?: "none" | "head" | number | undefined;
  /** Of the model to start from, as for `Classifier.load`. */
  sha256?: string | undefined;
  cache?: boolean | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  onNotice?: ((message: string) => void) | undefined;
  /**
   * Workers that run `photonet/training-worker` and decode photos, of which several can be added at once then. A function starts
   * one: it is called as often as the machine has cores for, and the workers are ended when they have nothing to do. A list is
   * used as it is, and stays the caller's. It may have ports (`portTo`). In a worker of Firefox, which cannot be relied on to start
   * others, the function is not called.
   */
  decoders?: LoadOptions["decoders"];
  /** The wasm, where it is not beside the module. */
  wasm?: WasmSource | undefined;
  signal?: Instance<"AbortSignal"> | undefined;
}

export interface AddOptions extends CallOptions {
  /** What the photo is called where it is told of; a file's own name by default. */
  name?: string | undefined;
}

/** Kernels of the network, which the browser compiles while photos are added, and before the first step. */
export interface Compiling {
  /** Kernels that are compiled. */
  done: number;
  /** Kernels in all. */
  total: number;
}

export interface BeginOptions extends CallOptions {
  /** Called while the kernels are compiled. What it throws is an uncaught error, as with the platform's events, and stops nothing. */
  onCompile?: ((compiling: Compiling) => void) | undefined;
}

export interface TrainOptions extends BeginOptions {
  /** Called once the first step can be made. */
  onBegin?: ((begun: Begun) => void) | undefined;
  /** Called after every step. */
  onStep?: ((step: TrainingStep) => void) | undefined;
}

/** What a training is like. */
export interface Begun {
  trainPhotos: number;
  valPhotos: number;
  stepsPerEpoch: number;
  epochs: number;
  /** Side of the network's input in pixels. */
  size: number;
  learningRate: number;
  architecture: string;
  /** The GPU. */
  device: string;
  /** Whether that is the processor, which takes long. */
  software: boolean;
  /** What is worth knowing, a sentence each. */
  notes: string[];
}

/** Shares from 0 to 1. */
export interface Scores {
  /** Mean cross-entropy. */
  loss: number;
  /** Photos that were given their class. */
  top1: number;
  /** Photos whose class was among the first five; with more than five classes. */
  top5?: number;
}

/** Where a training is after a step. The scores are of its epoch so far. */
export interface TrainingStep extends Scores {
  /** From 1. */
  epoch: number;
  epochs: number;
  /** From 1, in its epoch. */
  step: number;
  steps: number;
  learningRate: number;
  /** What the photos that were set aside said, behind the last step of an epoch. */
  evaluation: (Scores & { best: number; bestEpoch: number }) | null;
  /** Whether it was the last step. */
  done: boolean;
}

interface Class {
  index: number;
  label: string;
}

/** A class that a photo may have been given, with its probability. */
export interface Said extends Class {
  probability: number;
}

/** What a model is worth on the photos that were set aside. */
export interface Judgement extends Scores {
  /** How many they are. */
  images: number;
  /** Means over the classes. */
  mean: { recall: number; precision: number; f1: number } | null;
  classes: (Class & {
    images: number;
    correct: number;
    predicted: number;
    recall: number | null;
    precision: number | null;
    f1: number | null;
  })[];
  /** Classes that were taken for others, the most frequent first. */
  confusions: { truth: Class; said: Class; images: number }[];
  /** The surest mistakes, by the photos' names. */
  mistakes: { file: string; truth: Said; top: Said[] }[];
  /** A sentence where the model is of no use. */
  verdict: string | null;
}
