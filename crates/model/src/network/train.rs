//! The training plan: forward, loss, backward, optimiser.

use super::record::{Ends, record};
use super::unit::Recorder;
use super::update::{follow, update};
use super::{Input, Precision, TrainBuffers, check_batch, padded, parts};
use crate::{Architecture, ModelError, Tuning};
#[cfg(not(target_arch = "wasm32"))]
use photonet_gpu::Staged;
use photonet_gpu::{Buffer, GpuError, Plan, PlanBuilder, PlanReport, Question, Tensor, Timing};
use photonet_nn::{
    Answer, CrossEntropy, Expected, SlabSums, Step, TOP_COUNTS, Turn, accumulate, pad_channels,
};

/// What a training plan is recorded for.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Images in a batch.
    pub batch: usize,
    /// What the network takes.
    pub input: Input,
    /// Label smoothing, 0 to 1.
    pub smoothing: f32,
    /// A factor for each class on the losses of its images; `None`: all count alike.
    pub class_weights: Option<Vec<f32>>,
    /// Each k of top-k; 0 is none.
    pub topk: [u32; TOP_COUNTS],
    /// Seed of dropout's random numbers.
    pub dropout_seed: u32,
    /// What learns; as in the [`TrainBuffers`].
    pub tuning: Tuning,
    /// How activations, most of what a step holds, and their gradients lie in the device's memory.
    pub precision: Precision,
}

impl TrainOptions {
    /// The loss of so many classes.
    pub(super) fn loss(&self, classes: usize) -> CrossEntropy {
        let sum = |weights: &Vec<f32>| weights.iter().copied().map(f64::from).sum::<f64>();
        let mean_weight = self.class_weights.as_ref().map_or(1.0, |w| (sum(w) / classes as f64) as f32);
        CrossEntropy { batch: self.batch, classes, smoothing: self.smoothing, mean_weight }
    }
}

/// The 32 bits of `seed` that key dropout's random numbers.
pub fn dropout_seed(seed: u64) -> u32 {
    (seed ^ (seed >> 32)) as u32
}

/// A network in training, for one batch size; several can share [`TrainBuffers`].
///
/// A batch that the device cannot take as a whole goes in parts, whose gradients are added up. That is the same step, but
/// for batch normalisation, which takes the statistics of each part.
pub struct TrainNetwork {
    architecture: Architecture,
    options: TrainOptions,
    /// The images of each part of a batch.
    parts: Vec<usize>,
    /// Why there are several.
    reason: Option<String>,
    /// One for each size of a part: at most two.
    plans: Vec<PartPlan>,
    /// What follows the last part of an update, where the parts themselves do not end with it.
    finish: Option<Plan>,
    step: Buffer,
}

/// What the plan for a part ends with.
enum Ending {
    /// The update: the part is the whole batch.
    Update,
    /// The gradients are added to those of the parts before: in the optimiser's state, or in a sum.
    AddUp(Option<Buffer>),
}

/// The plan for a part, with its own inputs.
struct PartPlan {
    images: usize,
    plan: Plan,
    pixels: Buffer,
    answers: Buffer,
    samples: Buffer,
    logits: Tensor,
    outcomes: Tensor,
}

impl TrainNetwork {
    /// Records the plan; where the device cannot hold it, plans for parts of the batch.
    ///
    /// # Errors
    /// A size the network cannot take, or a device that cannot hold a single image's.
    pub async fn new(
        buffers: &TrainBuffers,
        architecture: &Architecture,
        options: &TrainOptions,
    ) -> Result<Self, ModelError> {
        let in_parts = async |count| Self::in_parts(buffers, architecture, options, count).await;
        let (network, reason) = parts::fitting(options.batch, in_parts).await?;
        Ok(Self { reason, ..network })
    }

    /// Records plans for `count` parts of the batch, at most as many as it has images.
    ///
    /// # Errors
    /// A size the network cannot take, or parts the device cannot hold.
    pub async fn in_parts(
        buffers: &TrainBuffers,
        architecture: &Architecture,
        options: &TrainOptions,
        count: usize,
    ) -> Result<Self, ModelError> {
        let TrainOptions { batch, input, .. } = *options;
        check_batch(architecture, &input, batch, batch * input.image_bytes())?;
        let parts = parts::sizes(batch, count);
        let learning = &buffers.learning;
        let ending = match (parts.len() == 1 && !learning.accumulates, learning.wants_sum()) {
            (true, _) => Ending::Update,
            (false, false) => Ending::AddUp(None),
            (false, true) => Ending::AddUp(Some(buffers.sum().await?)),
        };
        let mut plans: Vec<PartPlan> = Vec::new();
        for &images in &parts {
            if plans.last().is_none_or(|plan| plan.images != images) {
                let (share, options) =
                    (images as f32 / batch as f32, TrainOptions { batch: images, ..options.clone() });
                plans.push(PartPlan::new(buffers, architecture, &options, share, &ending).await?);
            }
        }
        let finish = match &ending {
            Ending::AddUp(None) if learning.average.is_none() => None,
            Ending::AddUp(sum) => {
                let mut plan = PlanBuilder::for_gpu(&buffers.gpu);
                let parameters = plan.import(&buffers.parameters);
                if let Some(sum) = sum {
                    let (step, gradients) = (plan.import(&buffers.step), plan.import(sum));
                    update(&mut plan, buffers, step, gradients, parameters);
                }
                let statistics = plan.import(&buffers.statistics);
                follow(&mut plan, buffers, parameters, statistics);
                Some(plan.build(&buffers.gpu).await?)
            }
            Ending::Update => None,
        };
        let (architecture, options) = (architecture.clone(), options.clone());
        Ok(Self { architecture, options, parts, reason: None, plans, finish, step: buffers.step.clone() })
    }

    /// The images of each part of a batch, and why there are several where it was not asked for.
    pub fn parts(&self) -> (&[usize], Option<&str>) {
        (&self.parts, self.reason.as_deref())
    }

    fn plan(&self, images: usize) -> &PartPlan {
        // There is one for each size.
        self.plans.iter().find(|plan| plan.images == images).unwrap_or(&self.plans[0])
    }

    fn last(&self) -> &PartPlan {
        self.plan(self.parts[self.parts.len() - 1])
    }

    /// Submits one step: `pixels` is `[batch][size][size][3]`, `answers` has what each image is to be taken for,
    /// `samples` its index in the data set.
    ///
    /// # Errors
    /// A batch of another size, or a lost device.
    pub fn step(
        &self,
        pixels: &[u8],
        answers: &[Answer],
        samples: &[u32],
        step: Step,
    ) -> Result<(), ModelError> {
        self.turn(pixels, answers, samples, step, Turn::ALONE)
    }

    /// The same as one of several batches of an update, for which the buffers have to be made.
    fn turn(
        &self,
        pixels: &[u8],
        answers: &[Answer],
        samples: &[u32],
        step: Step,
        turn: Turn,
    ) -> Result<(), ModelError> {
        self.submit(pixels, answers, samples, step, turn, |plan, of_part| {
            plan.plan.gpu().write(&plan.pixels, 0, &padded(of_part));
            plan.plan.run()
        })
    }

    /// The same, with `pixels` in staging memory already where `staged` is given, as one of several batches of an update, if the
    /// buffers are made for that.
    ///
    /// # Errors
    /// As [`TrainNetwork::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_staged(
        &self,
        pixels: &[u8],
        mut staged: Option<Staged>,
        answers: &[Answer],
        samples: &[u32],
        step: Step,
        turn: Turn,
    ) -> Result<(), ModelError> {
        // The parts of a batch begin anywhere, copies on the device at multiples of 4 bytes.
        if self.parts.len() > 1 || staged.is_none() {
            return self.turn(pixels, answers, samples, step, turn);
        }
        self.submit(pixels, answers, samples, step, turn, |plan, _| match staged.take() {
            Some(staged) => plan.plan.run_with(staged, &plan.pixels),
            None => plan.plan.run(),
        })
    }

    /// Runs each part of a batch by `run`, which sees to its pixels.
    fn submit(
        &self,
        pixels: &[u8],
        answers: &[Answer],
        samples: &[u32],
        step: Step,
        turn: Turn,
        mut run: impl FnMut(&PartPlan, &[u8]) -> Result<(), GpuError>,
    ) -> Result<(), ModelError> {
        let TrainOptions { batch, input, .. } = self.options;
        check_batch(&self.architecture, &input, batch, pixels.len())?;
        let mut first = 0;
        for (part, &images) in self.parts.iter().enumerate() {
            let of_part = turn.part(part, self.parts.len(), images as f32 / batch as f32);
            let range = first..first + images;
            let pixels_of_part = &pixels[first * input.image_bytes()..range.end * input.image_bytes()];
            let plan = self.plan(images);
            let gpu = plan.plan.gpu();
            gpu.write(&plan.answers, 0, &answers[range.clone()]);
            gpu.write(&plan.samples, 0, &samples[range]);
            gpu.write(&self.step, 0, &[step.in_turn(of_part)]);
            run(plan, pixels_of_part)?;
            first += images;
        }
        if let Some(finish) = self.finish.as_ref().filter(|_| turn.last) {
            finish.gpu().write(&self.step, 0, &[step]);
            finish.run()?;
        }
        Ok(())
    }

    /// The plans of a step in their order.
    fn in_order(&self) -> impl Iterator<Item = &Plan> {
        self.parts.iter().map(|&images| &self.plan(images).plan).chain(&self.finish)
    }

    /// Each plan once.
    fn each(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().map(|part| &part.plan).chain(&self.finish)
    }

    /// The logits of the last step, `[batch][classes]`; of a batch in parts, those of the last part.
    ///
    /// # Errors
    /// A lost device.
    pub async fn logits(&self) -> Result<Vec<Vec<f32>>, ModelError> {
        let classes = self.architecture.classes;
        let stride = pad_channels(classes);
        let PartPlan { plan, images, logits, .. } = self.last();
        let flat: Vec<f32> = plan.read(*logits, images * stride).await?;
        Ok(flat.chunks(stride).map(|row| row[..classes].to_vec()).collect())
    }

    /// The images' losses in the last step; of a batch in parts, those of the last part.
    ///
    /// # Errors
    /// A lost device.
    pub async fn losses(&self) -> Result<Vec<f32>, ModelError> {
        let PartPlan { plan, images, outcomes, .. } = self.last();
        let flat: Vec<[f32; 4]> = plan.read(*outcomes, *images).await?;
        Ok(flat.iter().map(|o| o[0]).collect())
    }

    /// The questions which variant of a kernel to take that came up.
    pub fn questions(&self) -> Vec<Question> {
        self.each().flat_map(Plan::questions).cloned().collect()
    }

    /// What a step does and what its plans hold.
    pub fn report(&self) -> PlanReport {
        let mut whole = PlanReport::default();
        for part in self.in_order().map(Plan::report) {
            whole.dispatches += part.dispatches;
            whole.phases += part.phases;
            whole.submits += part.submits;
            whole.macs += part.macs;
            whole.traffic_bytes += part.traffic_bytes;
        }
        for held in self.each().map(Plan::report) {
            whole.transient_buffers += held.transient_buffers;
            whole.transient_bytes += held.transient_bytes;
            whole.unpooled_bytes += held.unpooled_bytes;
        }
        whole
    }

    /// Submits one more step on what the last one left in the input.
    ///
    /// # Errors
    /// A lost device.
    pub fn step_again(&self) -> Result<(), ModelError> {
        self.in_order().try_for_each(|plan| Ok(plan.run()?))
    }

    /// Runs one step on what the last one left in the input, and times each launch.
    ///
    /// # Errors
    /// A lost device.
    pub async fn profile(&self) -> Result<Vec<Timing>, ModelError> {
        let mut timings = Vec::new();
        for plan in self.in_order() {
            timings.extend(plan.profile().await?);
        }
        Ok(timings)
    }
}

impl PartPlan {
    async fn new(
        buffers: &TrainBuffers,
        architecture: &Architecture,
        options: &TrainOptions,
        share: f32,
        ending: &Ending,
    ) -> Result<Self, ModelError> {
        let gpu = &buffers.gpu;
        let TrainOptions { batch: images, input, .. } = *options;
        let pixels = gpu.buffer("pixels", input.normalise(images).input_bytes()).await?;
        let answers = gpu.buffer("answers", (images * size_of::<Answer>()) as u64).await?;
        let class_weights = match &options.class_weights {
            Some(weights) if weights.len() == architecture.classes => {
                let buffer = gpu.buffer("class weights", weights.len() as u64 * 4).await?;
                gpu.write(&buffer, 0, weights);
                Some(buffer)
            }
            Some(weights) => {
                return Err(ModelError::Architecture(format!(
                    "{} weights of classes do not fit {} classes: give one for each",
                    weights.len(),
                    architecture.classes
                )));
            }
            None => None,
        };
        let samples = gpu.buffer("samples", images as u64 * 4).await?;
        let mut plan = PlanBuilder::for_gpu(gpu);
        let ends = Ends {
            pixels: plan.import(&pixels),
            expected: Expected {
                answers: plan.import(&answers),
                weights: class_weights.as_ref().map(|buffer| plan.import(buffer)),
            },
            samples: plan.import(&samples),
            step: plan.import(&buffers.step),
            metrics: plan.import(&buffers.metrics),
        };
        let mut recorder = Recorder {
            parameters: plan.import(&buffers.parameters),
            gradients: plan.import(&buffers.gradients),
            statistics: plan.import(&buffers.statistics),
            sums: SlabSums::new(),
            plan,
            architecture,
            layout: &buffers.layout,
            tuning: options.tuning,
            precision: options.precision,
            share,
        };
        let (logits, outcomes) = record(&mut recorder, options, &ends);
        let mut plan = recorder.plan;
        recorder.sums.flush(&mut plan);
        let (gradients, parameters) = (recorder.gradients, recorder.parameters);
        match ending {
            Ending::Update => {
                update(&mut plan, buffers, ends.step, gradients, parameters);
                follow(&mut plan, buffers, parameters, recorder.statistics);
            }
            Ending::AddUp(None) => update(&mut plan, buffers, ends.step, gradients, parameters),
            Ending::AddUp(Some(sum)) => {
                let sum = plan.import(sum);
                accumulate(&mut plan, buffers.layout.parameter_length, ends.step, gradients, sum);
            }
        }
        let plan = plan.build(gpu).await?;
        Ok(Self { images, plan, pixels, answers, samples, logits, outcomes })
    }
}
