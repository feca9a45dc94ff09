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
  /** Whether this one was not taken for that. */
  refused?: boolean;
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
/** Looks at files in the order in which they are given, so that of two copies the first is taken. */
let looking: Promise<unknown> = Promise.resolve();

/** The file's bytes, where they can be read, and the class that it was given in before. */
async function look(photo: Blob, label: number): Promise<{ bytes?: ArrayBuffer; copyOf?: number }> {
  const bytes = await photo.arrayBuffer().catch(() => undefined);
  if (!bytes) return {};
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).join();
  const copyOf = seen.get(hash);
  if (copyOf !== undefined) return { copyOf };
  seen.set(hash, label);
  return { bytes };
}

async function add(photo: Blob, label: number, name: string): Promise<Added> {
  const trainer = opened();
  const looked = looking.then(() => look(photo, label));
  looking = looked;
  const { bytes, copyOf } = await looked;
  if (copyOf !== undefined) return { full: trainer.full, copyOf };
  try {
    // Of one without bytes the trainer says why.
    await trainer.add(bytes ? new File([bytes], name) : photo, label, { name });
  } catch (error) {
    // The last that there was room for was on its way with it.
    if (trainer.full && (error as Error).name === "TrainingError") return { full: true, refused: true };
    throw error;
  }
  return { full: trainer.full };
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
