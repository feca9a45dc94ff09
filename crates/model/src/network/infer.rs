//! The inference plan: one launch a convolution, with bias, activation and residual fused.

use super::unit::Convolution;
use super::{Input, Precision, check_batch, padded, parts};
use crate::fold::{fold, folded_name};
use crate::layers::{Layers, Normalised};
use crate::{Architecture, ModelError, ParameterLayout, Weights};
use half::f16;
use photonet_gpu::{Buffer, Format, Gpu, Plan, PlanBuilder, PlanReport, Question, Tensor, Timing};
use photonet_nn::{
    Answer, CrossEntropy, Expected, Fused, Gate, GlobalPool, Metrics, Pointwise, Shape, SqueezeExcite,
    SqueezeExciteParameters, Step, TOP_COUNTS, pad_channels,
};
use std::collections::HashMap;
use std::sync::Arc;

/// What an inference plan is recorded for.
#[derive(Clone, Debug, PartialEq)]
pub struct InferenceOptions {
    /// Images in a batch.
    pub batch: usize,
    /// What the network takes.
    pub input: Input,
    /// Count loss and top-k of labelled images on the device, with each of these k; 0 is none.
    pub count_topk: Option<[u32; TOP_COUNTS]>,
    /// How weights and activations lie in the device's memory.
    pub precision: Precision,
}

/// Places of the folded tensors in one flat buffer, each at a multiple of 256 bytes.
#[derive(Default)]
struct FoldedLayout {
    places: HashMap<String, Place>,
    /// Of all.
    bytes: u64,
}

/// Weights as an [`InferenceNetwork`] takes them, batch normalisation folded in. Folding needs no device: it can be done while
/// the network's shaders are compiled.
#[derive(Clone, Debug)]
pub struct FoldedWeights {
    architecture: Architecture,
    precision: Precision,
    values: Vec<u8>,
}

impl FoldedWeights {
    /// Folds `weights`; filters and matrices are kept in `precision`.
    ///
    /// # Errors
    /// Weights that do not fit the network or, folded, half precision.
    pub fn new(
        architecture: &Architecture,
        weights: &Weights,
        precision: Precision,
    ) -> Result<Self, ModelError> {
        let folded = fold(architecture, weights)?;
        let values = FoldedLayout::new(architecture, precision).pack(&folded)?;
        Ok(Self { architecture: architecture.clone(), precision, values })
    }
}

/// A range of bytes.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    bytes: u64,
    format: Format,
}

/// A network ready to classify, for one batch size.
pub struct InferenceNetwork {
    gpu: Arc<Gpu>,
    architecture: Architecture,
    options: InferenceOptions,
    plan: Plan,
    weights: Buffer,
    pixels: Buffer,
    answers: Buffer,
    metrics: Buffer,
    outputs: Outputs,
}

/// What stays readable after a run.
#[derive(Clone, Copy)]
struct Outputs {
    pooled: Tensor,
    hidden: Tensor,
    logits: Tensor,
}

/// What a network makes of an image before it classifies it.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// The pooled output of the last convolution.
    pub pooled: Vec<f32>,
    /// The head's output, which the classifier takes: after its 1x1 convolution and activation.
    pub head: Vec<f32>,
}

struct Recorder<'a> {
    plan: PlanBuilder,
    architecture: &'a Architecture,
    layout: &'a FoldedLayout,
    weights: Tensor,
    precision: Precision,
}

impl Recorder<'_> {
    fn weight(&self, name: &str) -> Tensor {
        let place = self.layout.places.get(name);
        place.map_or(self.weights.slice(0, 0), |place| {
            self.weights.slice(place.offset, place.bytes).with_format(place.format)
        })
    }

    /// An activation between convolutions.
    fn activation(&mut self, label: String, shape: &Shape) -> Tensor {
        self.plan
            .transient(label, shape.bytes_in(self.precision.values()))
            .with_format(self.precision.values())
    }

    fn unit(
        &mut self,
        unit: &Normalised,
        shape: Shape,
        input: Tensor,
        gate: Option<Gate>,
        residual: Option<Tensor>,
    ) -> (Shape, Tensor) {
        let convolution = Convolution::new(unit, shape, self.architecture);
        let output_shape = convolution.output();
        let output = self.activation(format!("{} output", unit.name), &output_shape);
        let weights = self.weight(&format!("{}.weight", unit.name));
        let bias = Some(self.weight(&format!("{}.bias", unit.name)));
        let (plan, name, activation) = (&mut self.plan, &unit.name, unit.activation);
        match convolution {
            Convolution::Dense(c) => c.forward(plan, name, input, weights, bias, activation, output),
            Convolution::Depthwise(c) => c.forward(plan, name, input, weights, bias, activation, output),
            Convolution::Pointwise(c, _) => {
                let fused = Fused { gate, bias, activation, residual };
                c.forward(plan, name, input, weights, &fused, output);
            }
        }
        (output_shape, output)
    }

    fn network(&mut self, options: &InferenceOptions, pixels: Tensor) -> Outputs {
        let layers = Layers::new(self.architecture);
        let normalise = options.input.normalise(options.batch);
        let image = self.activation("image".into(), &normalise.shape);
        normalise.forward(&mut self.plan, "normalise", pixels, image);
        let (mut shape, mut tensor) = self.unit(&layers.stem, normalise.shape, image, None, None);
        for block in &layers.blocks {
            let input = tensor;
            if let Some(expand) = &block.expand {
                (shape, tensor) = self.unit(expand, shape, tensor, None, None);
            }
            (shape, tensor) = self.unit(&block.depthwise, shape, tensor, None, None);
            let gate = block.squeeze.map(|hidden| self.gate(&block.name, hidden, shape, tensor));
            let residual = block.residual.then_some(input);
            (shape, tensor) = self.unit(&block.project, shape, tensor, gate, residual);
        }
        (shape, tensor) = self.unit(&layers.last, shape, tensor, None, None);
        let pool = GlobalPool { input: shape };
        let pooled = self.plan.transient("pooled", pool.output().bytes());
        pool.forward(&mut self.plan, "pool", tensor, pooled);
        self.classify(options, &layers, pooled)
    }

    fn gate(&mut self, block: &str, hidden: usize, shape: Shape, input: Tensor) -> Gate {
        let name = format!("{block}.squeeze");
        let parameters = SqueezeExciteParameters::by_name(|part| self.weight(&format!("{name}.{part}")));
        let bytes = Shape::vector(shape.batch, shape.channels).bytes();
        let factors = self.plan.transient(format!("{name} gate"), bytes);
        let layer = SqueezeExcite { shape, hidden, slope: self.architecture.switches.gate_slope };
        layer.infer(&mut self.plan, &name, input, &parameters, factors)
    }

    fn classify(&mut self, options: &InferenceOptions, layers: &Layers, pooled: Tensor) -> Outputs {
        let batch = options.batch;
        let classes = self.architecture.classes;
        let hidden = self.plan.transient("head output", Shape::vector(batch, layers.head).bytes());
        let logits = self.plan.transient("logits", Shape::vector(batch, classes).bytes());
        let head = Pointwise { rows: batch, inputs: layers.last.outputs, outputs: layers.head };
        let weight = self.weight("head.weight");
        let bias = self.architecture.switches.head_bias.then(|| self.weight("head.bias"));
        let fused = Fused { bias, activation: layers.head_activation, ..Fused::default() };
        head.forward(&mut self.plan, "head", pooled, weight, &fused, hidden);
        let classifier = Pointwise { rows: batch, inputs: layers.head, outputs: classes };
        let weight = self.weight("classifier.weight");
        let fused = Fused { bias: Some(self.weight("classifier.bias")), ..Fused::default() };
        classifier.forward(&mut self.plan, "classifier", hidden, weight, &fused, logits);
        // The two before the logits are small; keeping them always costs less than another kind of plan.
        for tensor in [pooled, hidden, logits] {
            self.plan.keep(tensor);
        }
        Outputs { pooled, hidden, logits }
    }
}

impl InferenceNetwork {
    /// Records the plan and folds `weights` for it.
    ///
    /// # Errors
    /// Weights that do not fit the network or, folded, half precision, a size the network cannot take, or a batch the device
    /// cannot hold.
    pub async fn new(
        gpu: &Arc<Gpu>,
        architecture: &Architecture,
        weights: &Weights,
        options: &InferenceOptions,
    ) -> Result<Self, ModelError> {
        let folded = FoldedWeights::new(architecture, weights, options.precision)?;
        let network = Self::without_weights(gpu, architecture, options).await?;
        network.set_folded(&folded)?;
        Ok(network)
    }

    /// As [`InferenceNetwork::new`], with fewer images in a batch where the device cannot hold as many: see
    /// [`InferenceNetwork::batch`].
    ///
    /// # Errors
    /// As there, where the device cannot hold a single image's.
    pub async fn fitting(
        gpu: &Arc<Gpu>,
        architecture: &Architecture,
        weights: &Weights,
        options: &InferenceOptions,
    ) -> Result<Self, ModelError> {
        let folded = FoldedWeights::new(architecture, weights, options.precision)?;
        let with = async |count| {
            let fewer = InferenceOptions { batch: options.batch.div_ceil(count), ..options.clone() };
            Self::without_weights(gpu, architecture, &fewer).await
        };
        let (network, _) = parts::fitting(options.batch, with).await?;
        network.set_folded(&folded)?;
        Ok(network)
    }

    /// Records the plan, for weights that are still to come: until [`InferenceNetwork::set_weights`] all are zero.
    ///
    /// # Errors
    /// A size the network cannot take, or a batch the device cannot hold.
    pub async fn without_weights(
        gpu: &Arc<Gpu>,
        architecture: &Architecture,
        options: &InferenceOptions,
    ) -> Result<Self, ModelError> {
        let InferenceOptions { batch, input, count_topk, precision } = *options;
        check_batch(architecture, &input, batch, batch * input.image_bytes())?;
        let layout = FoldedLayout::new(architecture, precision);
        let weights = gpu.buffer("folded weights", layout.bytes).await?;
        let pixels = gpu.buffer("pixels", input.normalise(batch).input_bytes()).await?;
        let answers = gpu.buffer("answers", (batch * size_of::<Answer>()) as u64).await?;
        let metrics = gpu.buffer("metrics", size_of::<Metrics>() as u64).await?;
        let step = gpu.buffer("step", size_of::<Step>() as u64).await?;
        let mut plan = PlanBuilder::for_gpu(gpu);
        let pixel_tensor = plan.import(&pixels);
        let weight_tensor = plan.import(&weights);
        let mut recorder =
            Recorder { plan, architecture, layout: &layout, weights: weight_tensor, precision };
        let outputs = recorder.network(options, pixel_tensor);
        let mut plan = recorder.plan;
        if let Some(k) = count_topk {
            let classes = architecture.classes;
            let loss = CrossEntropy { batch, classes, smoothing: 0.0, mean_weight: 1.0 };
            let outcomes = plan.transient("outcomes", loss.outcome_bytes());
            let expected = Expected { answers: plan.import(&answers), weights: None };
            let (metrics, step) = (plan.import(&metrics), plan.import(&step));
            loss.forward(&mut plan, "loss", outputs.logits, expected, outcomes);
            loss.count(&mut plan, "loss", step, outcomes, k, metrics);
        }
        let plan = plan.build(gpu).await?;
        let (gpu, architecture, options) = (gpu.clone(), architecture.clone(), options.clone());
        Ok(Self { gpu, architecture, options, plan, weights, pixels, answers, metrics, outputs })
    }

    /// Replaces the weights.
    ///
    /// # Errors
    /// Weights that do not fit the network or, folded, half precision.
    pub fn set_weights(&self, weights: &Weights) -> Result<(), ModelError> {
        self.set_folded(&FoldedWeights::new(&self.architecture, weights, self.options.precision)?)
    }

    /// Replaces the weights by some that were folded before.
    ///
    /// # Errors
    /// Weights that were folded for another network or precision.
    pub fn set_folded(&self, folded: &FoldedWeights) -> Result<(), ModelError> {
        if folded.architecture != self.architecture || folded.precision != self.options.precision {
            return Err(ModelError::Architecture(format!(
                "weights folded for {} in {:?} precision do not fit {} in {:?} precision: fold them for it",
                folded.architecture, folded.precision, self.architecture, self.options.precision
            )));
        }
        self.gpu.write(&self.weights, 0, &folded.values);
        Ok(())
    }

    /// Images in a batch.
    pub fn batch(&self) -> usize {
        self.options.batch
    }

    /// What it takes.
    pub fn input(&self) -> &Input {
        &self.options.input
    }

    /// Submits one batch: `pixels` is `[batch][size][size][3]`; labels are counted where the
    /// options ask for it, `u32::MAX` leaves a row out.
    ///
    /// # Errors
    /// A batch of another size, or a lost device.
    pub fn run(&self, pixels: &[u8], labels: &[u32]) -> Result<(), ModelError> {
        check_batch(&self.architecture, &self.options.input, self.options.batch, pixels.len())?;
        self.gpu.write(&self.pixels, 0, &padded(pixels));
        if !labels.is_empty() {
            let answers: Vec<Answer> = labels.iter().copied().map(Answer::of).collect();
            self.gpu.write(&self.answers, 0, &answers);
        }
        Ok(self.plan.run()?)
    }

    /// The logits of the last batch, `[batch][classes]`.
    ///
    /// # Errors
    /// A lost device.
    pub async fn logits(&self) -> Result<Vec<Vec<f32>>, ModelError> {
        self.rows(self.outputs.logits, self.architecture.classes).await
    }

    /// The features of each image of the last batch.
    ///
    /// # Errors
    /// A lost device.
    pub async fn features(&self) -> Result<Vec<Features>, ModelError> {
        let layers = Layers::new(&self.architecture);
        let pooled = self.rows(self.outputs.pooled, layers.last.outputs).await?;
        let head = self.rows(self.outputs.hidden, layers.head).await?;
        Ok(pooled.into_iter().zip(head).map(|(pooled, head)| Features { pooled, head }).collect())
    }

    /// One row for each image, without the padding of channels.
    async fn rows(&self, tensor: Tensor, channels: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let stride = pad_channels(channels);
        let flat: Vec<f32> = self.plan.read(tensor, self.options.batch * stride).await?;
        Ok(flat.chunks(stride).map(|row| row[..channels].to_vec()).collect())
    }

    /// Reads the metrics counted since the last call, and starts them afresh.
    ///
    /// # Errors
    /// A lost device.
    pub async fn take_metrics(&self) -> Result<Metrics, ModelError> {
        let metrics = self.gpu.read(&self.metrics, 0, 1).await?;
        self.gpu.write(&self.metrics, 0, &[Metrics::default()]);
        Ok(metrics[0])
    }

    /// The questions which variant of a kernel to take that came up.
    pub fn questions(&self) -> &[Question] {
        self.plan.questions()
    }

    /// What the plan holds and does.
    pub fn report(&self) -> PlanReport {
        self.plan.report()
    }

    /// Submits the plan once more, on what the last batch left in the input.
    ///
    /// # Errors
    /// A lost device.
    pub fn run_again(&self) -> Result<(), ModelError> {
        Ok(self.plan.run()?)
    }

    /// Runs once on what the last batch left in the input, and times each launch.
    ///
    /// # Errors
    /// A lost device.
    pub async fn profile(&self) -> Result<Vec<Timing>, ModelError> {
        Ok(self.plan.profile().await?)
    }
}

impl FoldedLayout {
    /// For the tensors of [`fold`], filters and matrices in `precision`.
    fn new(architecture: &Architecture, precision: Precision) -> Self {
        let mut layout = Self::default();
        for spec in ParameterLayout::new(architecture).parameters {
            let Some(name) = folded_name(&spec.name) else { continue };
            let format = if name.ends_with(".weight") { precision.values() } else { Format::Single };
            let bytes = spec.elements as u64 * format.bytes();
            layout.places.insert(name, Place { offset: layout.bytes, bytes, format });
            layout.bytes = (layout.bytes + bytes).next_multiple_of(256);
        }
        layout
    }

    /// The flat buffer's contents.
    fn pack(&self, folded: &Weights) -> Result<Vec<u8>, ModelError> {
        let mut flat = vec![0; self.bytes as usize];
        for (name, tensor) in &folded.tensors {
            // The layout names what folding leaves.
            let Some(place) = self.places.get(name) else { continue };
            let device = crate::parameters::to_device(name, tensor);
            let range = place.offset as usize..(place.offset + place.bytes) as usize;
            match place.format {
                Format::Single => flat[range].copy_from_slice(bytemuck::cast_slice(&device)),
                _ => flat[range].copy_from_slice(&halves(name, &device)?),
            }
        }
        Ok(flat)
    }
}

/// `values` in half precision.
fn halves(name: &str, values: &[f32]) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::with_capacity(values.len() * 2);
    for &value in values {
        let half = f16::from_f32(value);
        if value.is_finite() && !half.is_finite() {
            return Err(ModelError::Precision { name: name.into(), value });
        }
        bytes.extend_from_slice(&half.to_le_bytes());
    }
    Ok(bytes)
}
