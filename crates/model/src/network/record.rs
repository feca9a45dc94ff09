//! Recording a training step: forward, loss, backward.

use super::train::TrainOptions;
use super::unit::{Leaves, Recorder, Source, Unit, Wants};
use crate::Frozen;
use crate::layers::{Block, Layers};
use photonet_gpu::Tensor;
use photonet_nn::{
    Dropout, Expected, Fused, GlobalPool, OutputGradient, Pointwise, ProductGradients, Shape, SqueezeExcite,
    SqueezeExciteState,
};

/// The tensors that a step starts from and leaves behind.
pub(super) struct Ends {
    pub pixels: Tensor,
    pub expected: Expected,
    pub samples: Tensor,
    pub step: Tensor,
    pub metrics: Tensor,
}

struct BlockTape {
    expand: Option<Unit>,
    depthwise: Unit,
    squeeze: Option<(SqueezeExcite, SqueezeExciteState)>,
    project: Unit,
}

/// Records forward, loss and backward; returns logits and outcomes.
pub(super) fn record(r: &mut Recorder<'_>, options: &TrainOptions, ends: &Ends) -> (Tensor, Tensor) {
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
        r.sums.flush(&mut r.plan);
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
            &mut r.sums,
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
    let loss = options.loss(classes);
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
    loss.forward(&mut r.plan, "loss", logits, ends.expected, outcomes);
    loss.count(&mut r.plan, "loss", ends.step, outcomes, options.topk, ends.metrics);

    let logits_gradient = r.transient("logits gradient", &logits_shape);
    let dropped_gradient = r.transient("dropped gradient", &hidden_shape);
    let hidden_gradient = r.transient("head output gradient", &hidden_shape);
    let raw_gradient = r.transient("head raw gradient", &hidden_shape);
    let pooled_gradient = r.transient("pooled gradient", &pooled_shape);
    loss.backward(&mut r.plan, "loss", logits, ends.expected, outcomes, logits_gradient);
    let gradients = ProductGradients {
        weight: r.gradient("classifier.weight"),
        bias: Some(r.gradient("classifier.bias")),
    };
    classifier.weight_gradient(
        &mut r.plan,
        "classifier",
        dropped,
        None,
        logits_gradient,
        gradients,
        &mut r.sums,
    );
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
    let bias = switches.head_bias.then(|| r.gradient("head.bias"));
    let gradients = ProductGradients { weight: r.gradient("head.weight"), bias };
    head.weight_gradient(&mut r.plan, "head", pooled, None, raw_gradient, gradients, &mut r.sums);
    head.data_gradient(&mut r.plan, "head", raw_gradient, head_weight, pooled_gradient);
    (pooled_gradient, pool, logits, outcomes)
}
