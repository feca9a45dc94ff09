//! One run: buffers, the launches between them, and what must come out.

use super::expectation::{Expectation, Words, words_in};
use super::layout::{Layout, encoded, round};
use crate::Activation;
use photonet_gpu::{
    Buffer, DeviceClass, Format, Gpu, GpuError, MatrixUnits, Plan, PlanBuilder, Storage, Tensor,
};
use std::sync::Arc;

/// A buffer of the trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(pub(super) usize);

/// Appends launches; the second argument gives the tensor of a slot.
type Record = Box<dyn FnOnce(&mut PlanBuilder, &dyn Fn(Slot) -> Tensor)>;

/// Which kernels a case takes: those for a class of devices, with or without matrix units, and of several variants the one that the rule
/// says or that of a number.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    pub class: DeviceClass,
    pub variant: Option<usize>,
    pub units: Option<MatrixUnits>,
    /// Whether subgroups exchange values.
    pub subgroups: bool,
    /// Whether they compile quickly.
    pub quick_start: bool,
}

/// The power of two that gradients are taken times where matrix units multiply them, see `shaders/variants.txt`.
pub(super) const GRADIENT_SHIFT: i32 = 14;

impl From<DeviceClass> for Kernels {
    fn from(class: DeviceClass) -> Self {
        Self { class, variant: None, units: None, subgroups: false, quick_start: false }
    }
}

impl Kernels {
    /// A variant for discrete devices.
    pub fn variant(number: usize) -> Self {
        Self { variant: Some(number), ..DeviceClass::Discrete.into() }
    }

    /// The same on matrix units, where there is one.
    pub fn on_units(self, units: MatrixUnits) -> Self {
        Self { units: Some(units), ..self }
    }

    /// Rounds `values` to what a product multiplies: on matrix units half precision of them times 2^shift, elsewhere all of it.
    pub fn multiplied(&self, values: &mut [f64], shift: i32) {
        if self.units.is_some() {
            let scale = 2f64.powi(shift);
            values.iter_mut().for_each(|value| *value = (*value * scale).clamp(-65472.0, 65472.0));
            round(values, Format::Half);
            values.iter_mut().for_each(|value| *value /= scale);
        }
    }
}

/// Inputs, expected outputs and the launches in between.
#[derive(Default)]
pub(super) struct Trial {
    class: Option<DeviceClass>,
    variant: Option<usize>,
    units: Option<MatrixUnits>,
    subgroups: bool,
    quick_start: bool,
    storage: Storage,
    buffers: Vec<(Vec<u32>, Format)>,
    expectations: Vec<Expectation>,
    record: Option<Record>,
}

impl Trial {
    /// Kernels are chosen for this class of devices, not for that of the device at hand.
    pub fn for_class(class: DeviceClass) -> Self {
        Self { class: Some(class), ..Self::default() }
    }

    /// The same, and where there are variants the one of a number.
    pub fn of_kernels(Kernels { class, variant, units, subgroups, quick_start }: Kernels) -> Self {
        Self { variant, units, subgroups, quick_start, ..Self::for_class(class) }
    }

    /// With the kernels that compile quickly, where `quick_start`.
    pub fn quick_start(self, quick_start: bool) -> Self {
        Self { quick_start, ..self }
    }

    /// As [`Trial::for_class`], on devices whose subgroups exchange values or do not.
    pub fn on(self, class: DeviceClass, subgroups: bool) -> Self {
        Self { class: Some(class), subgroups, ..self }
    }

    /// Activations, weights and gradients lie in memory in these formats.
    pub fn stored(self, storage: Storage) -> Self {
        Self { storage, ..self }
    }

    /// A buffer of raw words.
    pub fn words(&mut self, words: Vec<u32>) -> Slot {
        self.buffer(words, Format::Single)
    }

    fn buffer(&mut self, words: Vec<u32>, format: Format) -> Slot {
        self.buffers.push((words, format));
        Slot(self.buffers.len() - 1)
    }

    /// A buffer with `values`, padding zero.
    pub fn input(&mut self, layout: Layout, values: &[f64]) -> Slot {
        assert_eq!(values.len(), layout.len());
        let word = |at: Option<usize>| at.map_or(0, |at| (values[at] as f32).to_bits());
        self.words(layout.elements().map(word).collect())
    }

    /// A buffer of activations; `values` are rounded to what it holds.
    pub fn values(&mut self, layout: Layout, values: &mut [f64]) -> Slot {
        self.rounded(layout, values, self.storage.values)
    }

    /// A buffer of weights; `values` are rounded to what it holds.
    pub fn weights(&mut self, layout: Layout, values: &mut [f64]) -> Slot {
        self.rounded(layout, values, self.storage.weights)
    }

    /// A buffer of gradients; `values` are rounded to what it holds.
    pub fn gradients(&mut self, layout: Layout, values: &mut [f64]) -> Slot {
        self.rounded(layout, values, self.storage.gradients)
    }

    fn rounded(&mut self, layout: Layout, values: &mut [f64], format: Format) -> Slot {
        if format == Format::Single {
            return self.input(layout, values);
        }
        round(values, format);
        let bits = layout.elements().map(|at| at.map_or(0, |at| u32::from(encoded(values[at], format))));
        let bits: Vec<u32> = bits.collect();
        self.buffer(bits.chunks(2).map(|pair| pair[0] | pair[1] << 16).collect(), format)
    }

    /// A buffer full of NaN, to be written by the launches.
    pub fn poisoned(&mut self, layout: Layout) -> Slot {
        self.words(vec![f32::NAN.to_bits(); layout.padded_len()])
    }

    fn poisoned_in(&mut self, layout: Layout, format: Format) -> Slot {
        match format {
            Format::Single => self.poisoned(layout),
            _ => {
                let nan = u32::from(encoded(f64::NAN, format)) * 0x1_0001;
                self.buffer(vec![nan; layout.padded_len() / 2], format)
            }
        }
    }

    /// As [`Trial::output`], in half precision whatever the formats of the case.
    pub fn halves(&mut self, name: &'static str, layout: Layout, values: Vec<f64>) -> Slot {
        let slot = self.poisoned_in(layout, Format::Half);
        self.add(name, slot, 0, layout, words_in(Format::Half), true, values);
        slot
    }

    /// As [`Trial::poisoned`], for gradients, in their format.
    pub fn poisoned_gradients(&mut self, layout: Layout) -> Slot {
        self.poisoned_in(layout, self.storage.gradients)
    }

    /// As [`Trial::output`], for gradients, in their format.
    pub fn gradient(&mut self, name: &'static str, layout: Layout, values: Vec<f64>) -> Slot {
        let slot = self.poisoned_gradients(layout);
        self.add(name, slot, 0, layout, words_in(self.storage.gradients), true, values);
        slot
    }

    /// As [`Trial::gradient`], into a buffer that holds `skip` before, where there is one; `values` are the sums.
    pub fn gradient_after(
        &mut self,
        name: &'static str,
        layout: Layout,
        skip: Option<&mut Vec<f64>>,
        values: Vec<f64>,
    ) -> Slot {
        let Some(skip) = skip else { return self.gradient(name, layout, values) };
        let slot = self.gradients(layout, skip);
        self.add(name, slot, 0, layout, words_in(self.storage.gradients), true, values);
        slot
    }

    /// A buffer full of NaN that must hold `values` afterwards, padding zero.
    pub fn output(&mut self, name: &'static str, layout: Layout, values: Vec<f64>) -> Slot {
        let slot = self.poisoned(layout);
        self.expect(name, slot, layout, values);
        slot
    }

    /// As [`Trial::output`], for activations, in their format: the hardsigmoid of padding is 1/2.
    pub fn activated(
        &mut self,
        name: &'static str,
        activation: Activation,
        layout: Layout,
        values: Vec<f64>,
    ) -> Slot {
        let padding_is_zero = !matches!(activation, Activation::HardSigmoid { .. });
        let format = self.storage.values;
        let slot = self.poisoned_in(layout, format);
        self.add(name, slot, 0, layout, words_in(format), padding_is_zero, values);
        slot
    }

    /// Afterwards `slot` must hold `values`, padding zero.
    pub fn expect(&mut self, name: &'static str, slot: Slot, layout: Layout, values: Vec<f64>) {
        self.add(name, slot, 0, layout, Words::Float, true, values);
    }

    /// As [`Trial::expect`], for tensors whose padding means nothing.
    pub fn expect_unpadded(&mut self, name: &'static str, slot: Slot, layout: Layout, values: Vec<f64>) {
        self.add(name, slot, 0, layout, Words::Float, false, values);
    }

    /// Afterwards the words of `slot` from `offset` must be these floats.
    pub fn expect_floats(&mut self, name: &'static str, slot: Slot, offset: usize, values: Vec<f64>) {
        self.add(name, slot, offset, Layout::flat(values.len()), Words::Float, true, values);
    }

    /// Afterwards the words of `slot` from `offset` must be these whole numbers.
    pub fn expect_whole(&mut self, name: &'static str, slot: Slot, offset: usize, values: &[u32]) {
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        self.add(name, slot, offset, Layout::flat(values.len()), Words::Whole, true, values);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one expectation")]
    fn add(
        &mut self,
        name: &'static str,
        slot: Slot,
        offset: usize,
        layout: Layout,
        words: Words,
        padding_is_zero: bool,
        values: Vec<f64>,
    ) {
        assert_eq!(values.len(), layout.len(), "{name}");
        self.expectations.push(Expectation { name, slot, offset, layout, words, padding_is_zero, values });
    }

    /// Sets the launches.
    pub fn record(
        mut self,
        record: impl FnOnce(&mut PlanBuilder, &dyn Fn(Slot) -> Tensor) + 'static,
    ) -> Self {
        self.record = Some(Box::new(record));
        self
    }

    /// An empty plan for the case, where it does not say so itself for a device of this class.
    fn plan(&self, class: DeviceClass) -> PlanBuilder {
        let plan = PlanBuilder::for_class(self.class.unwrap_or(class)).with_matrix_units(self.units);
        plan.with_quick_start(self.quick_start).with_subgroups(self.subgroups).with_variant(self.variant)
    }

    /// The launches alone, as for a device of `class`.
    pub fn recorded(self, class: DeviceClass) -> PlanBuilder {
        let mut plan = self.plan(class);
        let tensor = |plan: &mut PlanBuilder, (words, format): &(Vec<u32>, Format)| {
            plan.transient("check", words.len() as u64 * 4).with_format(*format)
        };
        let tensors: Vec<Tensor> = self.buffers.iter().map(|of| tensor(&mut plan, of)).collect();
        if let Some(record) = self.record {
            record(&mut plan, &|slot| tensors[slot.0]);
        }
        plan
    }

    /// Uploads the buffers and builds the plan.
    async fn build(&mut self, gpu: &Arc<Gpu>) -> Result<(Plan, Vec<Buffer>), GpuError> {
        let mut plan = self.plan(gpu.class());
        let mut buffers = Vec::with_capacity(self.buffers.len());
        for (index, (words, _)) in self.buffers.iter().enumerate() {
            buffers.push(gpu.buffer_with(&format!("check {index}"), words).await?);
        }
        let formats = self.buffers.iter().map(|(_, format)| *format);
        let tensors: Vec<Tensor> = buffers
            .iter()
            .zip(formats)
            .map(|(buffer, format)| plan.import(buffer).with_format(format))
            .collect();
        if let Some(record) = self.record.take() {
            record(&mut plan, &|slot| tensors[slot.0]);
        }
        Ok((plan.build(gpu).await?, buffers))
    }

    /// Runs the launches; the largest error of the outputs, of which `tolerance` is allowed, and whose it is.
    pub async fn run(mut self, gpu: &Arc<Gpu>, tolerance: f64) -> Result<(f64, String), GpuError> {
        let (plan, buffers) = self.build(gpu).await?;
        plan.run()?;
        let beyond = gpu.beyond().await?;
        if !beyond.is_empty() {
            return Ok((f64::INFINITY, beyond.join("; ")));
        }
        let mut worst = (0.0, String::new());
        for expected in &self.expectations {
            let count = expected.words_len();
            let words: Vec<u32> =
                gpu.read(&buffers[expected.slot.0], expected.offset as u64 * 4, count).await?;
            let (error, remark) = expected.error(&words, tolerance);
            if error > worst.0 || worst.1.is_empty() {
                worst = (error, format!("{}{remark}", expected.name));
            }
        }
        Ok(worst)
    }
}
