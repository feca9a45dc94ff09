//! One thing to measure: a network, a batch, inference or a training step.

use crate::arguments::{Arch, NetworkOptions};
use crate::error::CliError;
use photonet_gpu::{Gpu, PlanReport, Timing};
use photonet_model::{
    InferenceNetwork, InferenceOptions, Input, TrainBuffers, TrainNetwork, TrainOptions, Tuning, initialise,
};
use photonet_nn::Step;
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
}

/// What was measured.
pub struct Measured {
    /// Milliseconds from nothing to the end of the first run: pipelines, buffers, weights, and whatever the driver
    /// compiles only then.
    pub cold_ms: f64,
    /// Milliseconds of the first run alone.
    pub first_ms: f64,
    /// Milliseconds of each timed run.
    pub runs_ms: Vec<f64>,
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
        let mut sorted = self.runs_ms.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

impl Work {
    /// A name such as `train small x1 224 batch 8`.
    pub fn name(&self) -> String {
        let NetworkOptions { width, size, .. } = self.network;
        format!("{} {} x{width} {size} batch {}", self.task(), self.arch(), self.batch)
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
        let architecture = self.network.architecture()?;
        let (size, batch) = (self.network.size, self.batch);
        let input =
            Input { size, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
        let weights = initialise(&architecture, 0);
        let pixels: Vec<u8> = (0..batch * input.image_bytes()).map(|i| (i * 7 % 251) as u8).collect();
        let before = (gpu.requested_bytes(), gpu.allocated_bytes());
        let start = Instant::now();
        let time = |run: &dyn Fn() -> Result<(), CliError>| -> Result<Times, CliError> {
            let mut all = Vec::new();
            let mut cold_ms = 0.0;
            for number in 0..WARM_UP + runs {
                let begun = Instant::now();
                run()?;
                gpu.wait()?;
                all.push(begun.elapsed().as_secs_f64() * 1e3);
                if number == 0 {
                    cold_ms = start.elapsed().as_secs_f64() * 1e3;
                }
            }
            Ok(Times { cold_ms, first_ms: all[0], runs_ms: all.split_off(WARM_UP) })
        };
        let measured = |times: Times, report: PlanReport, timings: Vec<Timing>| Measured {
            cold_ms: times.cold_ms,
            first_ms: times.first_ms,
            runs_ms: times.runs_ms,
            report,
            timings,
            planned_bytes: gpu.requested_bytes() - before.0,
            allocated_bytes: gpu.allocated_bytes().zip(before.1).map(|(now, then)| now.saturating_sub(then)),
        };
        if self.train {
            let tuning = Tuning::default();
            let buffers = TrainBuffers::new(gpu, &architecture, &weights, 2e-5, &tuning).await?;
            let options = TrainOptions { batch, input, smoothing: 0.0, topk: 1, dropout_seed: 0, tuning };
            let network = TrainNetwork::new(&buffers, &architecture, &options).await?;
            let labels: Vec<u32> = (0..batch).map(|i| (i % architecture.classes) as u32).collect();
            let samples: Vec<u32> = (0..batch as u32).collect();
            let step = Step { learning_rate: 1e-4, momentum: 0.9, epoch: 0, number: 0 };
            let times = time(&|| Ok(network.step(&pixels, &labels, &samples, step)?))?;
            return Ok(measured(times, network.report(), network.profile().await?));
        }
        let options = InferenceOptions { batch, input, count_topk: None };
        let network = InferenceNetwork::new(gpu, &architecture, &weights, &options).await?;
        let times = time(&|| {
            network.run(&pixels, &[])?;
            pollster::block_on(network.logits())?;
            Ok(())
        })?;
        Ok(measured(times, network.report(), network.profile().await?))
    }
}

struct Times {
    cold_ms: f64,
    first_ms: f64,
    runs_ms: Vec<f64>,
}
