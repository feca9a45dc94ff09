/** The worker that trains. */
import { type Judgement, type TrainerOptions, type TrainingStep, Trainer } from "photonet/training";
import type { Begun } from "photonet/training";

export type TrainRequest =
  | { op: "open"; options: Omit<TrainerOptions, "signal" | "onProgress" | "onNotice"> }
  | { op: "add"; photo: Blob; label: number; name: string }
  | { op: "train" }
  | { op: "stop" }
  | { op: "result" };

/** What was learned. */
export interface Learned {
  bytes: Uint8Array<ArrayBuffer>;
  judgement: Judgement;
}

export type TrainReply =
  | { call: number; value: unknown }
  | { call: number; error: { name: string; message: string } }
  | { begun: Begun }
  | { step: TrainingStep };

let trainer: Trainer | undefined;
/** A worker makes one training; a stop may come before its first step. */
const stopping = new AbortController();

const tell = (reply: TrainReply): void => postMessage(reply);

function opened(): Trainer {
  if (!trainer) throw new Error("there is no trainer");
  return trainer;
}

async function answer(request: TrainRequest): Promise<unknown> {
  switch (request.op) {
    case "open":
      trainer = await Trainer.open(request.options);
      return undefined;
    case "add":
      return opened().add(request.photo, request.label, { name: request.name });
    case "train":
      await opened().train({
        signal: stopping.signal,
        onBegin: (begun) => tell({ begun }),
        onStep: (step) => tell({ step }),
      });
      return undefined;
    case "stop":
      stopping.abort();
      return undefined;
    case "result": {
      const judgement = await opened().judgement();
      return judgement ? { bytes: await opened().model(), judgement } : undefined;
    }
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
