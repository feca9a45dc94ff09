/** The worker that trains: one training, from its photos to its end. */
import { type Begun, type Judgement, type TrainerOptions, type TrainingStep, Trainer } from "photonet/training";
import type { Progress } from "photonet/training";

export type TrainRequest =
  | { op: "open"; options: Omit<TrainerOptions, "signal" | "onProgress" | "onNotice"> }
  | { op: "add"; photo: Blob; label: number; name: string }
  | { op: "train" }
  | { op: "stop" };

/** What was learned. */
export interface Learned {
  model: Blob;
  judgement: Judgement;
}

export type TrainReply =
  | { call: number; value: unknown }
  | { call: number; error: { name: string; message: string } }
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
      await opened().add(request.photo, request.label, { name: request.name });
      return opened().full;
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
