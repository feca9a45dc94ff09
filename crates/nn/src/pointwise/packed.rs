//! Weights as products on matrix units load them, see `shaders/pointwise/pack.wgsl`.

use super::Pointwise;
use crate::pad_channels;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, Format, PlanBuilder, Tensor, kernels};

/// Tensors of one launch, as in `shaders/pointwise/pack.wgsl`.
const MOST_PARTS: usize = 64;

/// Elements of 8 weights that a workgroup makes.
const WORKGROUP: usize = 256;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Part {
    begin: u32,
    to: u32,
    inputs: u32,
    outputs: u32,
    line: u32,
    length: u32,
    group: u32,
    unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    parts: [Part; MOST_PARTS],
    count: u32,
    unused: [u32; 3],
}

/// What a plan packs: of each layer once, whoever asks for it, in as few launches as hold them.
#[derive(Default)]
pub(crate) struct PackedWeights {
    launches: Vec<Launch>,
}

/// A launch that is recorded already, and grows with what is asked for later.
struct Launch {
    /// Its number in the plan.
    at: usize,
    /// The range of a buffer that holds all weights.
    from: Tensor,
    /// Where they are packed to.
    to: Tensor,
    layers: Vec<Layer>,
}

struct Layer {
    shape: Pointwise,
    weights: Tensor,
    packed: Tensor,
}

impl Pointwise {
    /// `weights` as products on matrix units load them.
    ///
    /// # Panics
    /// Where a launch writes the weights behind the one that packs them: its product would take what they were before.
    pub(crate) fn packed(&self, plan: &mut PlanBuilder, weights: Tensor) -> Tensor {
        let mut state = std::mem::take(plan.state::<PackedWeights>());
        let packed = state.packed(plan, *self, weights);
        *plan.state() = state;
        packed
    }

    /// Elements of 8 weights of a line, and of all.
    fn packed_elements(&self) -> (usize, usize) {
        let [inputs, outputs] = [self.inputs, self.outputs].map(|channels| channels.next_multiple_of(32));
        (outputs / 8, inputs * outputs / 8)
    }
}

impl PackedWeights {
    fn packed(&mut self, plan: &mut PlanBuilder, shape: Pointwise, weights: Tensor) -> Tensor {
        let mut known =
            self.launches.iter().flat_map(|launch| launch.layers.iter().map(move |layer| (launch, layer)));
        if let Some((launch, layer)) = known.find(|(_, layer)| layer.weights == weights) {
            let channels = |layer: Pointwise| (layer.inputs, layer.outputs);
            assert_eq!(channels(layer.shape), channels(shape), "weights have one shape");
            launch.assert_unchanged(plan, weights);
            return layer.packed;
        }
        let fits = |launch: &Launch| launch.layers.len() < MOST_PARTS && launch.spans(weights).is_some();
        let number = self.launches.iter().position(fits).unwrap_or_else(|| {
            let to = plan.transient("packed weights", 0);
            // What it does follows below.
            let at = plan.dispatch_for_several(Dispatch::new(&kernels::POINTWISE_PACK, "pack"));
            self.launches.push(Launch { at, from: weights, to, layers: Vec::new() });
            self.launches.len() - 1
        });
        let launch = &mut self.launches[number];
        launch.assert_unchanged(plan, weights);
        let packed = launch.add(plan, shape, weights);
        plan.replace(launch.at, launch.dispatch());
        packed
    }
}

impl Launch {
    fn assert_unchanged(&self, plan: &PlanBuilder, weights: Tensor) {
        assert!(
            !plan.writes_behind(self.at, weights),
            "weights were packed before a launch that changes them"
        );
    }

    /// The range that holds these weights beside the others; a launch reads all in one format.
    fn spans(&self, weights: Tensor) -> Option<Tensor> {
        self.from.span(weights).filter(|_| self.from.format() == weights.format())
    }

    fn add(&mut self, plan: &mut PlanBuilder, shape: Pointwise, weights: Tensor) -> Tensor {
        self.from = self.spans(weights).unwrap_or(weights);
        let begin = self.bytes().next_multiple_of(256);
        let (_, length) = shape.packed_elements();
        let bytes = length as u64 * 16;
        plan.lengthen(self.to, begin + bytes);
        let packed = self.to.slice(begin, bytes);
        self.layers.push(Layer { shape, weights, packed });
        packed
    }

    /// Bytes of what is packed.
    fn bytes(&self) -> u64 {
        self.layers.last().map_or(0, |last| last.packed.offset_in(self.to) + last.packed.bytes())
    }

    fn dispatch(&self) -> Dispatch {
        let mut params = Params::zeroed();
        params.count = self.layers.len() as u32;
        let (mut groups, mut moved) = (0, 0);
        // Bytes of four weights.
        let four = 4 * self.from.format().bytes();
        for (part, Layer { shape, weights, packed }) in params.parts.iter_mut().zip(&self.layers) {
            let (line, length) = shape.packed_elements();
            *part = Part {
                begin: (weights.offset_in(self.from) / four) as u32,
                to: (packed.offset_in(self.to) / 16) as u32,
                inputs: pad_channels(shape.inputs) as u32,
                outputs: (pad_channels(shape.outputs) / 4) as u32,
                line: line as u32,
                length: length as u32,
                group: groups as u32,
                unused: 0,
            };
            groups += length.div_ceil(WORKGROUP);
            moved += weights.bytes() + packed.bytes();
        }
        Dispatch::new(&kernels::POINTWISE_PACK, "pack")
            .bind("weights", self.from)
            .bind("packed", self.to.slice(0, self.bytes()).with_format(Format::Half))
            .params(&params)
            .groups(groups as u64)
            .cost(0, moved)
    }
}
