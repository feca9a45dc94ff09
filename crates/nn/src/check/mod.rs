//! Comparing every kernel with its CPU twin, on whatever device is open.
//!
//! [`cases`] lists comparisons over odd shapes; [`Case::run`] makes one. Inputs are pseudo-random and
//! the same on every machine. Output buffers are full of NaN before a run, so that an element nobody
//! writes is noticed, and the padding of channels must come out as exactly zero.

mod activation;
mod batch_norm;
mod dense;
mod depthwise;
mod dropout;
mod expectation;
mod fused;
mod input;
mod layout;
mod limits;
mod loss;
mod noise;
mod operand;
mod optimiser;
mod packed;
mod pointwise;
mod pool;
mod reduce;
mod residual;
mod squeeze_excite;
mod trial;
mod unit;
mod whole;

use photonet_gpu::{DeviceClass, Format, Gpu, GpuError, MatrixUnits, Storage};
use std::fmt;
use std::sync::Arc;
use trial::Trial;

/// The normalised error that a kernel may have unless its arithmetic demands more: some eight
/// roundings to `f32`.
const TOLERANCE: f64 = 1e-6;

/// The same of products on matrix units, whose operands are rounded to half precision on both sides: one that differs in its last bit may
/// become a neighbour of what the twin has.
const ON_UNITS: f64 = 5e-5;

/// Formats other than single precision that kernels for inference have.
const HALF_STORAGE: [Storage; 2] = [
    Storage { values: Format::Half, weights: Format::Half, gradients: Format::Single },
    Storage { values: Format::Single, weights: Format::Half, gradients: Format::Single },
];

/// Formats of kernels for training.
const TRAINING_STORAGE: [Storage; 2] = [
    Storage { values: Format::Single, weights: Format::Single, gradients: Format::Single },
    Storage { values: Format::Half, weights: Format::Single, gradients: Format::Brain },
];

/// One comparison of a kernel, or of a layer's chain of kernels, with its twin.
pub struct Case {
    /// `layer/kernel`, or `layer/pass` for a chain of kernels.
    pub kernel: String,
    /// The shape and the switches.
    pub shape: String,
    tolerance: f64,
    class: Option<DeviceClass>,
    subgroups: bool,
    prepare: Arc<dyn Fn() -> Trial + Send + Sync>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (tolerance {:e})", self.kernel, self.shape, self.tolerance)
    }
}

/// How a comparison ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The largest normalised error sqrt(sum of (a - b)^2 / sum of b^2) of the outputs, for those in half precision, which the twin's are
    /// rounded to, what is beyond sums that were rounded the other way; infinite when an element was not written, is not finite or lies in padding and is not zero.
    pub error: f64,
    /// What is allowed.
    pub tolerance: f64,
    /// The output with the largest error.
    pub output: String,
}

impl Outcome {
    /// Whether the error is within the tolerance.
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

impl Case {
    fn new(
        kernel: impl Into<String>,
        shape: impl Into<String>,
        prepare: impl Fn() -> Trial + Send + Sync + 'static,
    ) -> Self {
        Self {
            kernel: kernel.into(),
            shape: shape.into(),
            tolerance: TOLERANCE,
            class: None,
            subgroups: false,
            prepare: Arc::new(prepare),
        }
    }

    /// The case with what suits a class of devices, where it does not say which.
    fn on(&self, class: DeviceClass) -> Self {
        let shape = format!("{} for {class:?}", self.shape);
        self.with(shape, class, false)
    }

    /// The case with what suits software devices whose subgroups exchange values.
    fn in_subgroups(&self) -> Self {
        self.with(format!("{} in subgroups", self.shape), DeviceClass::Software, true)
    }

    fn with(&self, shape: String, class: DeviceClass, subgroups: bool) -> Self {
        let Self { kernel, tolerance, prepare, .. } = self;
        Self {
            kernel: kernel.clone(),
            shape,
            tolerance: *tolerance,
            class: Some(class),
            subgroups,
            prepare: prepare.clone(),
        }
    }

    fn trial(&self) -> Trial {
        let trial = (self.prepare)();
        match self.class {
            Some(class) => trial.on(class, self.subgroups),
            None => trial,
        }
    }

    /// Says the formats of activations, weights and gradients.
    fn stored(mut self, storage: Storage) -> Self {
        match (storage.values, storage.weights) {
            (Format::Single, Format::Single) => {}
            (Format::Single, _) => self.shape.push_str(" f16 weights"),
            (_, Format::Single) => self.shape.push_str(" f16 values, bf16 gradients"),
            _ => self.shape.push_str(" f16"),
        }
        self
    }

    fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Runs the kernel on `gpu` and the twin on the CPU, and compares.
    ///
    /// # Errors
    /// Whatever keeps the kernel from running; a wrong result is an [`Outcome`], not an error.
    pub async fn run(&self, gpu: &Arc<Gpu>) -> Result<Outcome, GpuError> {
        let (error, output) = self.trial().run(gpu, self.tolerance).await?;
        Ok(Outcome { error, tolerance: self.tolerance, output })
    }

    /// The kernels that the case launches on a device of `class`, by the names of the registry, in order.
    pub fn kernels(&self, class: DeviceClass) -> Vec<&'static str> {
        self.trial().recorded(class).kernels().collect()
    }
}

/// The cases as a GPU and as a software device take them: their sums over many rows are spread differently.
fn on_both(cases: Vec<Case>) -> Vec<Case> {
    let classes = [DeviceClass::Discrete, DeviceClass::Software];
    cases.iter().flat_map(|case| classes.map(|class| case.on(class))).collect()
}

/// Comparisons of the kernels that run on matrix units like `units`.
pub fn cases_on_matrix_units(units: MatrixUnits) -> Vec<Case> {
    [
        pointwise::on_units(units),
        fused::on_units(units),
        fused::images_on_units(units),
        dense::on_units(units),
        depthwise::on_units(units),
        whole::cases(units),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Comparisons of the kernels whose subgroups exchange values.
pub fn cases_in_subgroups() -> Vec<Case> {
    [pointwise::in_subgroups(), squeeze_excite::in_subgroups()].into_iter().flatten().collect()
}

/// All comparisons but those of [`cases_on_matrix_units`] and [`cases_in_subgroups`], by layer.
pub fn cases() -> Vec<Case> {
    [
        input::cases(),
        on_both(dense::cases()),
        pointwise::cases(),
        packed::cases(),
        fused::cases(),
        dense::fused(),
        depthwise::cases(),
        on_both(batch_norm::cases()),
        activation::cases(),
        on_both(squeeze_excite::cases()),
        reduce::cases(),
        residual::cases(),
        on_both(pool::cases()),
        dropout::cases(),
        loss::cases(),
        optimiser::cases(),
        limits::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a device without units they are not run.
    #[test]
    fn every_case_with_all_channels_has_a_kernel() {
        let units =
            MatrixUnits { edge: 16, workgroup_bytes: 16 << 10, invocations: 128, one_of_several: false };
        for case in whole::cases(units) {
            // Without a kernel the case panics.
            assert!(case.trial().recorded(DeviceClass::Discrete).len() > 1, "{case:?}");
        }
    }
}
