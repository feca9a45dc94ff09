/** The worker that trains: one training, from its photos to its end. */
import { type Begun, type Compiling, type Judgement, type TrainerOptions, type TrainingStep, Trainer } from "photonet/training";
import type { Progress } from "photonet/training";

export type TrainRequest =
  | { op: "open"; options: Omit<TrainerOptions, "signal" | "onProgress" | "onNotice"> }
  | { op: "add"; photo: Blob; label: number; name: string }
  | { op: "train" }
  | { op: "stop" };

/** What became of a photo. */
export interface Added {
  /** Whether no more are taken. */
  full: boolean;
  /** The class that the same file was given in before; it is left out then. */
  copyOf?: number;
}

/** What was learned. */
export interface Learned {
  model: Blob;
  judgement: Judgement;
}

export type TrainReply =
  | { call: number; value: unknown }
  | { call: number; error: { name: string; message: string } }
  | { compiling: Compiling }
  | { begun: Begun }
  | { step: TrainingStep }
  | { learned: Learned }
  | { progress: Progress }
  | { notice: string };

let trainer: Trainer | undefined;
/** A stop may come before the first step. */
const stopping = new AbortController();

const tell = (reply: TrainReply): void => postMessage(reply);

function opened(): Trainer {
  if (!trainer) throw new Error("there is no trainer");
  return trainer;
}

/** The class of each file that was given, by what tells copies of it. */
const seen = new Map<string, number>();

async function add(photo: Blob, label: number, name: string): Promise<Added> {
  const bytes = await photo.arrayBuffer().catch(() => undefined);
  // The trainer says why.
  if (!bytes) await opened().add(photo, label, { name });
  else {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).join();
    const copyOf = seen.get(hash);
    if (copyOf !== undefined) return { full: opened().full, copyOf };
    seen.set(hash, label);
    await opened().add(new File([bytes], name), label, { name });
  }
  return { full: opened().full };
}

/** Each best model goes to the page at once, which has it then whatever comes. */
async function handOut(): Promise<void> {
  const judgement = await opened().judgement();
  if (judgement) tell({ learned: { model: await opened().model(), judgement } });
}

async function train(): Promise<void> {
  let handing: Promise<void> | undefined;
  try {
    await opened().train({
      signal: stopping.signal,
      onCompile: (compiling) => tell({ compiling }),
      onBegin: (begun) => tell({ begun }),
      onStep: (step) => {
        tell({ step });
        if (step.evaluation?.bestEpoch === step.epoch) handing = handOut();
      },
    });
  } finally {
    await handing;
  }
}

async function answer(request: TrainRequest): Promise<unknown> {
  switch (request.op) {
    case "open":
      trainer = await Trainer.open({
        ...request.options,
        signal: stopping.signal,
        onProgress: (progress) => tell({ progress }),
        onNotice: (notice) => tell({ notice }),
      });
      return undefined;
    case "add":
      return add(request.photo, request.label, request.name);
    case "train":
      return train();
    case "stop":
      stopping.abort();
      return undefined;
  }
}

addEventListener("message", ({ data }: MessageEvent<{ call: number; request: TrainRequest }>) => {
  const { call, request } = data;
  answer(request).then(
    (value) => tell({ call, value }),
    (error: Error) => tell({ call, error: { name: error.name, message: error.message } }),
  );
});

postMessage("ready");
