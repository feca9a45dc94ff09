//! The training plan: forward, loss, backward, optimiser.

use super::unit::{Leaves, Recorder, Source, Unit, Wants};
use super::{Input, Precision, TrainBuffers, check_batch, padded, parts};
use crate::layers::{Block, Layers};
use crate::{Architecture, Frozen, ModelError, Tuning};
#[cfg(not(target_arch = "wasm32"))]
use photonet_gpu::Staged;
use photonet_gpu::{Buffer, Gpu, GpuError, Plan, PlanBuilder, PlanReport, Question, Tensor, Timing};
use photonet_nn::{
    CrossEntropy, Dropout, Fused, GlobalPool, Momentum, OutputGradient, Pointwise, Shape, SqueezeExcite,
    SqueezeExciteState, Step, pad_channels,
};
use std::sync::Arc;

/// What a training plan is recorded for.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Images in a batch.
    pub batch: usize,
    /// What the network takes.
    pub input: Input,
    /// Label smoothing, 0 to 1.
    pub smoothing: f32,
    /// The k of top-k.
    pub topk: usize,
    /// Seed of dropout's random numbers.
    pub dropout_seed: u32,
    /// What learns; as in the [`TrainBuffers`].
    pub tuning: Tuning,
    /// How activations, most of what a step holds, and their gradients lie in the device's memory.
    pub precision: Precision,
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
    step: Buffer,
}

/// The plan for a part, with its own inputs.
struct PartPlan {
    gpu: Arc<Gpu>,
    images: usize,
    plan: Plan,
    pixels: Buffer,
    labels: Buffer,
    samples: Buffer,
    logits: Tensor,
    outcomes: Tensor,
}

/// The tensors that a step starts from and leaves behind.
struct Ends {
    pixels: Tensor,
    labels: Tensor,
    samples: Tensor,
    step: Tensor,
    metrics: Tensor,
}

struct BlockTape {
    expand: Option<Unit>,
    depthwise: Unit,
    squeeze: Option<(SqueezeExcite, SqueezeExciteState)>,
    project: Unit,
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
        let (mut count, mut reason) = (1, None);
        loop {
            match Self::in_parts(buffers, architecture, options, count).await {
                Ok(network) => return Ok(Self { reason, ..network }),
                Err(error) => {
                    let Some((wanted, why)) = parts::more(&error, count, options.batch) else {
                        return Err(error);
                    };
                    (count, reason) = (wanted, Some(why));
                }
            }
        }
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
        let mut plans: Vec<PartPlan> = Vec::new();
        for &images in &parts {
            if plans.last().is_none_or(|plan| plan.images != images) {
                let (share, options) =
                    (images as f32 / batch as f32, TrainOptions { batch: images, ..options.clone() });
                plans.push(PartPlan::new(buffers, architecture, &options, share).await?);
            }
        }
        let (architecture, options) = (architecture.clone(), options.clone());
        Ok(Self { architecture, options, parts, reason: None, plans, step: buffers.step.clone() })
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

    /// Submits one step: `pixels` is `[batch][size][size][3]`, `samples` the data set index of each image.
    ///
    /// # Errors
    /// A batch of another size, or a lost device.
    pub fn step(&self, pixels: &[u8], labels: &[u32], samples: &[u32], step: Step) -> Result<(), ModelError> {
        self.submit(pixels, labels, samples, step, |plan, of_part| {
            plan.gpu.write(&plan.pixels, 0, &padded(of_part));
            plan.plan.run()
        })
    }

    /// The same, with `pixels` in staging memory already where `staged` is given.
    ///
    /// # Errors
    /// As [`TrainNetwork::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_staged(
        &self,
        pixels: &[u8],
        mut staged: Option<Staged>,
        labels: &[u32],
        samples: &[u32],
        step: Step,
    ) -> Result<(), ModelError> {
        // The parts of a batch begin anywhere, copies on the device at multiples of 4 bytes.
        if self.parts.len() > 1 || staged.is_none() {
            return self.step(pixels, labels, samples, step);
        }
        self.submit(pixels, labels, samples, step, |plan, _| match staged.take() {
            Some(staged) => plan.plan.run_with(staged, &plan.pixels),
            None => plan.plan.run(),
        })
    }

    /// Runs each part of a batch by `run`, which sees to its pixels.
    fn submit(
        &self,
        pixels: &[u8],
        labels: &[u32],
        samples: &[u32],
        step: Step,
        mut run: impl FnMut(&PartPlan, &[u8]) -> Result<(), GpuError>,
    ) -> Result<(), ModelError> {
        let TrainOptions { batch, input, .. } = self.options;
        check_batch(&self.architecture, &input, batch, pixels.len())?;
        let mut first = 0;
        for (part, &images) in self.parts.iter().enumerate() {
            let step = match self.parts.len() {
                1 => step,
                parts => step.of_part(part, parts, images as f32 / batch as f32),
            };
            let range = first..first + images;
            let of_part = &pixels[first * input.image_bytes()..range.end * input.image_bytes()];
            let plan = self.plan(images);
            plan.gpu.write(&plan.labels, 0, &labels[range.clone()]);
            plan.gpu.write(&plan.samples, 0, &samples[range]);
            plan.gpu.write(&self.step, 0, &[step]);
            run(plan, of_part)?;
            first += images;
        }
        Ok(())
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
        self.plans.iter().flat_map(|plan| plan.plan.questions()).cloned().collect()
    }

    /// What a step does and what its plans hold.
    pub fn report(&self) -> PlanReport {
        let mut whole = PlanReport::default();
        for &images in &self.parts {
            let part = self.plan(images).plan.report();
            whole.dispatches += part.dispatches;
            whole.macs += part.macs;
            whole.traffic_bytes += part.traffic_bytes;
        }
        for plan in &self.plans {
            let held = plan.plan.report();
            whole.transient_buffers += held.transient_buffers;
            whole.transient_bytes += held.transient_bytes;
            whole.unpooled_bytes += held.unpooled_bytes;
        }
        whole
    }

    /// Runs one step on what the last one left in the input, and times each launch.
    ///
    /// # Errors
    /// A lost device.
    pub async fn profile(&self) -> Result<Vec<Timing>, ModelError> {
        let mut timings = Vec::new();
        for &images in &self.parts {
            timings.extend(self.plan(images).plan.profile().await?);
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
    ) -> Result<Self, ModelError> {
        let gpu = buffers.gpu.clone();
        let TrainOptions { batch: images, input, .. } = *options;
        let pixels = gpu.buffer("pixels", input.normalise(images).input_bytes()).await?;
        let labels = gpu.buffer("labels", images as u64 * 4).await?;
        let samples = gpu.buffer("samples", images as u64 * 4).await?;
        let mut plan = PlanBuilder::for_gpu(&gpu);
        let ends = Ends {
            pixels: plan.import(&pixels),
            labels: plan.import(&labels),
            samples: plan.import(&samples),
            step: plan.import(&buffers.step),
            metrics: plan.import(&buffers.metrics),
        };
        let mut recorder = Recorder {
            parameters: plan.import(&buffers.parameters),
            gradients: plan.import(&buffers.gradients),
            statistics: plan.import(&buffers.statistics),
            plan,
            architecture,
            layout: &buffers.layout,
            tuning: options.tuning,
            precision: options.precision,
            share,
        };
        let (logits, outcomes) = record(&mut recorder, options, &ends);
        let mut plan = recorder.plan;
        let (ranges, velocity) = (plan.import(&buffers.ranges), plan.import(&buffers.velocity));
        let (gradients, parameters) = (recorder.gradients, recorder.parameters);
        let momentum = Momentum { length: buffers.layout.parameter_length };
        momentum.update(&mut plan, "momentum", ends.step, ranges, gradients, velocity, parameters);
        let plan = plan.build(&gpu).await?;
        Ok(Self { gpu, images, plan, pixels, labels, samples, logits, outcomes })
    }
}

/// Records forward, loss and backward; returns logits and outcomes.
fn record(r: &mut Recorder<'_>, options: &TrainOptions, ends: &Ends) -> (Tensor, Tensor) {
    let layers = Layers::new(r.architecture);
    let normalise = options.input.normalise(options.batch);
    let image = r.activation("image", &normalise.shape);
    normalise.forward(&mut r.plan, "normalise", ends.pixels, image);
    let stem = Unit::forward(r, &layers.stem, normalise.shape, image, Leaves::Ready(None));
    let mut blocks: Vec<BlockTape> = Vec::with_capacity(layers.blocks.len());
    let (mut shape, mut tensor) = (stem.shape, stem.output.tensor);
    for block in &layers.blocks {
        let tape = forward_block(r, block, shape, tensor);
        (shape, tensor) = (tape.project.shape, tape.project.output.tensor);
        blocks.push(tape);
    }
    let last = Unit::forward(r, &layers.last, shape, tensor, Leaves::Either);
    let (pooled_gradient, pool, logits, outcomes) = record_tail(r, options, ends, &layers, &last);
    // Gradients go back as far as something learns.
    let frozen = options.tuning.frozen;
    if frozen == Frozen::Backbone {
        return (logits, outcomes);
    }
    let gradient = r.activation_gradient("pool input gradient", &last.shape);
    let gradient = pool.backward(&mut r.plan, "pool", pooled_gradient, last.behind(), gradient);
    let before = |number: usize| number.checked_sub(1).map_or(&stem, |at| &blocks[at].project);
    let mut gradient = last.backward(r, gradient, None, Wants::For(before(blocks.len())));
    for (number, (block, tape)) in layers.blocks.iter().zip(&blocks).enumerate().rev() {
        if frozen.holds(&format!("{}.", block.name)) {
            return (logits, outcomes);
        }
        gradient = gradient.and_then(|gradient| backward_block(r, block, tape, gradient, before(number)));
    }
    if let Some(gradient) = gradient.filter(|_| !frozen.holds("stem.")) {
        stem.backward(r, gradient, None, Wants::Nothing);
    }
    (logits, outcomes)
}

fn forward_block(r: &mut Recorder<'_>, block: &Block, shape: Shape, input: Tensor) -> BlockTape {
    let expand = block.expand.as_ref().map(|unit| Unit::forward(r, unit, shape, input, Leaves::Either));
    let (wide, wide_input) = expand.as_ref().map_or((shape, input.into()), |e| (e.shape, e.output));
    let depthwise = Unit::forward(r, &block.depthwise, wide, wide_input, Leaves::Either);
    let mut source = Source::from(depthwise.output);
    let squeeze = block.squeeze.map(|hidden| {
        let layer =
            SqueezeExcite { shape: depthwise.shape, hidden, slope: r.architecture.switches.gate_slope };
        let name = format!("{}.squeeze", block.name);
        let parameters = r.squeeze_excite(&block.name, Recorder::parameter);
        let state = layer.forward(&mut r.plan, &name, depthwise.output, &parameters);
        source.gate = Some(state.gate);
        (layer, state)
    });
    let ready = Leaves::Ready(block.residual.then_some(input));
    let project = Unit::forward(r, &block.project, depthwise.shape, source, ready);
    BlockTape { expand, depthwise, squeeze, project }
}

/// `before` is the unit whose output the block takes.
fn backward_block(
    r: &mut Recorder<'_>,
    block: &Block,
    tape: &BlockTape,
    output_gradient: OutputGradient,
    before: &Unit,
) -> Option<OutputGradient> {
    // A projection has no activation, so what was taken back through it is the block's gradient still.
    let skip = block.residual.then_some(output_gradient.tensor);
    let wants = if tape.squeeze.is_some() { Wants::Plain } else { Wants::For(&tape.depthwise) };
    let mut gradient = tape.project.backward(r, output_gradient, None, wants)?;
    if let Some((layer, state)) = &tape.squeeze {
        let name = format!("{}.squeeze", block.name);
        let input_gradient = r.activation_gradient(&format!("{name} input gradient"), &tape.depthwise.shape);
        let parameters = r.squeeze_excite(&block.name, Recorder::parameter);
        let gradients = r.squeeze_excite(&block.name, Recorder::gradient);
        gradient = layer.backward(
            &mut r.plan,
            &name,
            tape.depthwise.output,
            &parameters,
            state,
            gradient.tensor,
            &gradients,
            tape.depthwise.behind(),
            input_gradient,
        );
    }
    match &tape.expand {
        Some(expand) => {
            let gradient = tape.depthwise.backward(r, gradient, None, Wants::For(expand))?;
            expand.backward(r, gradient, skip, Wants::For(before))
        }
        None => tape.depthwise.backward(r, gradient, skip, Wants::For(before)),
    }
}

/// Pool, head, dropout, classifier, loss, and their backward passes down to the pooled features.
fn record_tail(
    r: &mut Recorder<'_>,
    options: &TrainOptions,
    ends: &Ends,
    layers: &Layers,
    last: &Unit,
) -> (Tensor, GlobalPool, Tensor, Tensor) {
    let architecture = r.architecture;
    let switches = &architecture.switches;
    let (batch, classes) = (options.batch, architecture.classes);
    let pool = GlobalPool { input: last.shape };
    let pooled_shape = pool.output();
    let head = Pointwise { rows: batch, inputs: pooled_shape.channels, outputs: layers.head };
    let hidden_shape = Shape::vector(batch, layers.head);
    let classifier = Pointwise { rows: batch, inputs: layers.head, outputs: classes };
    let logits_shape = Shape::vector(batch, classes);
    let dropout = Dropout {
        shape: hidden_shape,
        rate: switches.dropout,
        mode: switches.dropout_mode(),
        seed: options.dropout_seed,
    };
    let loss = CrossEntropy { batch, classes, smoothing: options.smoothing };
    let pooled = r.transient("pooled", &pooled_shape);
    let raw = r.transient("head raw", &hidden_shape);
    let hidden = r.transient("head output", &hidden_shape);
    let dropped = r.transient("dropped", &hidden_shape);
    let logits = r.transient("logits", &logits_shape);
    let outcomes = r.plan.transient("outcomes", loss.outcome_bytes());
    r.plan.keep(logits);
    r.plan.keep(outcomes);
    let head_weight = r.parameter("head.weight");
    let head_bias = switches.head_bias.then(|| r.parameter("head.bias"));
    let weight = r.parameter("classifier.weight");
    let bias = r.parameter("classifier.bias");
    pool.forward(&mut r.plan, "pool", last.output, pooled);
    let fused = Fused { bias: head_bias, ..Fused::default() };
    head.forward(&mut r.plan, "head", pooled, head_weight, &fused, raw);
    layers.head_activation.forward(&mut r.plan, "head activation", &hidden_shape, raw, hidden);
    dropout.apply(&mut r.plan, "dropout forward", ends.step, ends.samples, hidden, dropped);
    let fused = Fused { bias: Some(bias), ..Fused::default() };
    classifier.forward(&mut r.plan, "classifier", dropped, weight, &fused, logits);
    loss.forward(&mut r.plan, "loss", logits, ends.labels, outcomes);
    loss.count(&mut r.plan, "loss", ends.step, outcomes, options.topk, ends.metrics);

    let logits_gradient = r.transient("logits gradient", &logits_shape);
    let dropped_gradient = r.transient("dropped gradient", &hidden_shape);
    let hidden_gradient = r.transient("head output gradient", &hidden_shape);
    let raw_gradient = r.transient("head raw gradient", &hidden_shape);
    let pooled_gradient = r.transient("pooled gradient", &pooled_shape);
    loss.backward(&mut r.plan, "loss", logits, ends.labels, outcomes, logits_gradient);
    let gradient = r.gradient("classifier.weight");
    classifier.weight_gradient(&mut r.plan, "classifier", dropped, None, logits_gradient, gradient);
    let gradient = r.gradient("classifier.bias");
    classifier.bias_gradient(&mut r.plan, "classifier", logits_gradient, gradient);
    classifier.data_gradient(&mut r.plan, "classifier", logits_gradient, weight, dropped_gradient);
    dropout.apply(
        &mut r.plan,
        "dropout backward",
        ends.step,
        ends.samples,
        dropped_gradient,
        hidden_gradient,
    );
    let name = "head activation";
    layers.head_activation.backward(&mut r.plan, name, &hidden_shape, raw, hidden_gradient, raw_gradient);
    let gradient = r.gradient("head.weight");
    head.weight_gradient(&mut r.plan, "head", pooled, None, raw_gradient, gradient);
    if switches.head_bias {
        let gradient = r.gradient("head.bias");
        head.bias_gradient(&mut r.plan, "head", raw_gradient, gradient);
    }
    head.data_gradient(&mut r.plan, "head", raw_gradient, head_weight, pooled_gradient);
    (pooled_gradient, pool, logits, outcomes)
}
