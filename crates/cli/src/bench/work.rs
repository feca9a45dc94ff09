//! One thing to measure: a network, a batch, inference or a training step.

use crate::arguments::{Arch, NetworkOptions, Precision};
use crate::error::CliError;
use photonet_gpu::{Gpu, PlanReport, Question, Staging, Timing};
use photonet_model::{
    InferenceNetwork, InferenceOptions, Input, Learning, TrainBuffers, TrainNetwork, TrainOptions, Tuning,
    initialise,
};
use photonet_nn::{Answer, Step, Turn};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Runs before the timed ones: the first compiles what is left to compile.
const WARM_UP: usize = 2;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Work {
    pub network: NetworkOptions,
    pub train: bool,
    pub batch: usize,
    pub precision: Precision,
}

/// What was measured.
pub struct Measured {
    /// Milliseconds from nothing to the end of the first run: pipelines, buffers, weights, and whatever the driver
    /// compiles only then.
    pub cold_ms: f64,
    /// Milliseconds of the first run alone.
    pub first_ms: f64,
    /// Milliseconds of each timed run, from the host: in training the copy of the pixels to the device is in it, in inference writing them
    /// and reading the logits back.
    pub runs_ms: Vec<f64>,
    /// Milliseconds of a run where as many are submitted one behind the other, on an input that is on the device already: what a
    /// long training or a long list of photos comes to. The device need not wait for the host in between.
    pub sustained_ms: f64,
    /// Of [`runs_ms`](Self::runs_ms), milliseconds until all is submitted: the host's part, which a GPU need not wait for since it can be at the run
    /// before. It encodes the launches; in inference it writes the input as well, which in training another thread does. A
    /// software device's driver does some of its work in there.
    pub host_ms: Vec<f64>,
    pub report: PlanReport,
    pub timings: Vec<Timing>,
    /// Bytes of the buffers that were asked for.
    pub planned_bytes: u64,
    /// Bytes that the device's allocator gave for them, where it says.
    pub allocated_bytes: Option<u64>,
}

impl Measured {
    /// The median of the timed runs, in milliseconds.
    pub fn median_ms(&self) -> f64 {
        median(&self.runs_ms)
    }

    /// The median of the host's part of them, in milliseconds.
    pub fn host_median_ms(&self) -> f64 {
        median(&self.host_ms)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A network that is ready to run on made-up photos.
enum Ready {
    Infer(Box<InferenceNetwork>, Vec<u8>),
    Train(Box<TrainNetwork>, Vec<u8>, Vec<Answer>, Vec<u32>, Staging),
}

/// What a run took, in milliseconds: to its end, and until it was submitted.
struct Ran {
    ms: f64,
    host_ms: f64,
}

impl Ready {
    async fn new(work: &Work, gpu: &Arc<Gpu>) -> Result<Self, CliError> {
        let architecture = work.network.architecture()?;
        let (size, batch) = (work.network.size, work.batch);
        let input =
            Input { size, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
        let weights = initialise(&architecture, 0);
        let pixels: Vec<u8> = (0..batch * input.image_bytes()).map(|i| (i * 7 % 251) as u8).collect();
        let precision = work.precision.of_network();
        if !work.train {
            let options = InferenceOptions { batch, input, count_topk: None, precision };
            let network = InferenceNetwork::new(gpu, &architecture, &weights, &options).await?;
            return Ok(Self::Infer(Box::new(network), pixels));
        }
        let tuning = Tuning::default();
        let buffers =
            TrainBuffers::new(gpu, &architecture, &weights, &Learning::momentum(2e-5), &tuning).await?;
        let options = TrainOptions {
            batch,
            input,
            smoothing: 0.0,
            class_weights: None,
            topk: [1, 0, 0, 0],
            dropout_seed: 0,
            tuning,
            precision,
        };
        // As one: a step in parts is no measure of a batch.
        let network = TrainNetwork::in_parts(&buffers, &architecture, &options, 1).await?;
        let answers = (0..batch).map(|i| Answer::of((i % architecture.classes) as u32)).collect();
        Ok(Self::Train(Box::new(network), pixels, answers, (0..batch as u32).collect(), Staging::new(gpu)))
    }

    /// One run, to its end: with inference the logits are read back.
    fn run(&self, gpu: &Gpu) -> Result<Ran, CliError> {
        // Before the clock runs: in training a thread of its own copies the pixels, while the device is at the step before.
        let staged = match self {
            Self::Infer(..) => None,
            Self::Train(_, pixels, .., staging) => Some(pollster::block_on(staging.fill(pixels))?),
        };
        let begun = Instant::now();
        match self {
            Self::Infer(network, pixels) => network.run(pixels, &[])?,
            Self::Train(network, pixels, answers, samples, _) => {
                let step = Step::new(1e-4, 0.9, 0, 0);
                network.step_staged(pixels, staged, answers, samples, step, Turn::ALONE)?;
            }
        }
        let host_ms = begun.elapsed().as_secs_f64() * 1e3;
        if let Self::Infer(network, _) = self {
            pollster::block_on(network.logits())?;
        }
        gpu.wait()?;
        Ok(Ran { ms: begun.elapsed().as_secs_f64() * 1e3, host_ms })
    }

    /// Runs in a row on what the last run left in the input; returns the milliseconds of each.
    fn sustain(&self, gpu: &Gpu, runs: usize) -> Result<f64, CliError> {
        let begun = Instant::now();
        for _ in 0..runs {
            match self {
                Self::Infer(network, _) => network.run_again()?,
                Self::Train(network, ..) => network.step_again()?,
            }
        }
        gpu.wait()?;
        Ok(begun.elapsed().as_secs_f64() * 1e3 / runs as f64)
    }

    fn report(&self) -> PlanReport {
        match self {
            Self::Infer(network, _) => network.report(),
            Self::Train(network, ..) => network.report(),
        }
    }

    fn questions(&self) -> Vec<Question> {
        match self {
            Self::Infer(network, _) => network.questions().to_vec(),
            Self::Train(network, ..) => network.questions(),
        }
    }

    async fn profile(&self) -> Result<Vec<Timing>, CliError> {
        Ok(match self {
            Self::Infer(network, _) => network.profile().await?,
            Self::Train(network, ..) => network.profile().await?,
        })
    }
}

impl Work {
    /// A name such as `train small x1 224 batch 8` or `infer small x1 224 batch 1 f16`.
    pub fn name(&self) -> String {
        let NetworkOptions { width, size, .. } = self.network;
        let half = if self.precision == Precision::F16 { " f16" } else { "" };
        format!("{} {} x{width} {size} batch {}{half}", self.task(), self.arch(), self.batch)
    }

    /// `train` or `infer`.
    pub fn task(&self) -> &'static str {
        if self.train { "train" } else { "infer" }
    }

    /// `small` or `large`.
    pub fn arch(&self) -> &'static str {
        match self.network.arch {
            Arch::Small => "small",
            Arch::Large => "large",
        }
    }

    /// Measures it with `runs` timed runs.
    pub async fn measure(&self, gpu: &Arc<Gpu>, runs: usize) -> Result<Measured, CliError> {
        let before = (gpu.requested_bytes(), gpu.allocated_bytes());
        let start = Instant::now();
        let ready = Ready::new(self, gpu).await?;
        let (mut all, mut host_ms) = (Vec::new(), Vec::new());
        let mut cold_ms = 0.0;
        for number in 0..WARM_UP + runs {
            let ran = ready.run(gpu)?;
            host_ms.push(ran.host_ms);
            all.push(ran.ms);
            if number == 0 {
                cold_ms = start.elapsed().as_secs_f64() * 1e3;
            }
        }
        Ok(Measured {
            cold_ms,
            first_ms: all[0],
            runs_ms: all.split_off(WARM_UP),
            sustained_ms: ready.sustain(gpu, runs)?,
            host_ms: host_ms.split_off(WARM_UP),
            report: ready.report(),
            timings: ready.profile().await?,
            planned_bytes: gpu.requested_bytes() - before.0,
            allocated_bytes: gpu.allocated_bytes().zip(before.1).map(|(now, then)| now.saturating_sub(then)),
        })
    }

    /// The questions that come up, with what the rule says where `gpu` has no choices.
    pub async fn questions(&self, gpu: &Arc<Gpu>) -> Result<Vec<Question>, CliError> {
        let ready = Ready::new(self, gpu).await?;
        Ok(ready.questions())
    }

    /// For each question the nanoseconds that the launches which answer it take in a run, in the fastest of `runs`, with the
    /// choices that `gpu` has.
    pub async fn times(&self, gpu: &Arc<Gpu>, runs: usize) -> Result<BTreeMap<String, f64>, CliError> {
        let ready = Ready::new(self, gpu).await?;
        for _ in 0..WARM_UP {
            ready.run(gpu)?;
        }
        let mut times = BTreeMap::new();
        for _ in 0..runs {
            let mut of_run: BTreeMap<String, f64> = BTreeMap::new();
            for timing in ready.profile().await? {
                for question in timing.questions {
                    *of_run.entry(question).or_default() += timing.nanoseconds;
                }
            }
            for (question, nanoseconds) in of_run {
                let best = times.entry(question).or_insert(f64::INFINITY);
                *best = nanoseconds.min(*best);
            }
        }
        Ok(times)
    }
}
