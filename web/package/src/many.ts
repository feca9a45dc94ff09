import type { Decoders, Job } from "./decoders.js";
import type { Engine, PhotoInput, RawOutcome } from "./engine.js";
import { abortable, checkAbort, PhotonetError } from "./errors.js";
import { toInput } from "./photo.js";
import { turn } from "./turn.js";
import type { PhotoSource } from "./types.js";

/** A photo on its way from the list to the engine. */
interface Work {
  /** What the engine takes, once it is there. */
  input?: PhotoInput | Error;
  /** What makes it of the photo's file, where the decoders do. */
  job?: Job | undefined;
  /** Either is there. */
  read: Promise<void>;
  /** `input` is there. */
  done: Promise<void>;
}

/** Whether a photo still takes the memory of its file, or of all its pixels. */
function isHeavy({ input }: Work): boolean {
  return !(input instanceof Error) && input?.kind !== "prepared";
}

/** Runs photos in the order of their list. Decoders, where there are some, prepare those to come, as many as they and a run take. */
export async function classifyMany(
  sources: Iterator<PhotoSource>,
  engine: Engine,
  decoders: Decoders,
  signal: AbortSignal | undefined,
  tell: (outcome: RawOutcome) => void,
): Promise<void> {
  checkAbort(signal);
  const works: Work[] = [];
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  let ended = false;
  let failed: { error: unknown } | undefined;

  const begin = (source: PhotoSource): void => {
    const work = {} as Work;
    works.push(work);
    work.read = toInput(source, stop.signal).then(
      (input) => {
        if (input.kind === "file") work.job = decoders.add(input, stop.signal);
        if (!work.job) work.input = input;
      },
      (error: Error) => {
        work.input = error;
      },
    );
    work.done = work.read.then(async () => {
      if (work.job) work.input = await work.job.done;
      pull();
    });
  };
  const pull = (): void => {
    const { batch } = engine.loaded;
    for (;;) {
      const { room } = decoders;
      if (ended || works.length >= room + batch || works.filter(isHeavy).length >= Math.max(room, batch)) return;
      try {
        const next = sources.next();
        ended = next.done === true;
        if (!next.done) begin(next.value);
      } catch (error) {
        ended = true;
        failed = { error };
      }
      if (works.length > 1) decoders.start();
    }
  };
  /** Waits for the first photo, which the engine takes as it is where no decoder has begun with it; for a whole run where none is. */
  const first = async (head: Work): Promise<void> => {
    if (decoders.room === 0) await Promise.all(works.map(({ done }) => done));
    await head.read;
    if (head.job) decoders.giveBack(head.job);
    await head.done;
  };

  signal?.addEventListener("abort", abort, { once: true });
  decoders.begin();
  try {
    for (pull(); works[0]; pull()) {
      checkAbort(signal);
      await abortable(first(works[0]), signal);
      checkAbort(signal);
      const inputs: (PhotoInput | Error)[] = [];
      for (const { input } of works) {
        if (!input || inputs.length === engine.loaded.batch) break;
        inputs.push(input);
      }
      const good = inputs.filter((input): input is PhotoInput => !(input instanceof Error));
      const raw = good.length > 0 ? await engine.run("logits", good, signal) : [];
      works.splice(0, inputs.length);
      for (const input of inputs) {
        tell(input instanceof Error ? { error: input } : (raw.shift() ?? { error: new PhotonetError("the engine gave no answer") }));
      }
      // The page breathes, and aborts arrive, before the next ones.
      if (works[0] || !ended) await turn();
    }
    if (failed) throw failed.error;
  } finally {
    stop.abort();
    signal?.removeEventListener("abort", abort);
    if (!ended) sources.return?.();
    ended = true;
    decoders.end();
  }
}
