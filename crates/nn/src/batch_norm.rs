//! Batch normalisation with the activation and the residual that follow it.

use crate::columns::Columns;
use crate::{Activation, GradientOperand, Norm, Shape, Slabs, Target, Through};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, Kernel, PlanBuilder, Tensor, kernels};

/// Of a kernel that goes through memory the variant that loads one value at a time, for software devices, or that which loads several,
/// for GPUs, which wait for each.
pub(crate) fn of_class(
    plan: &PlanBuilder,
    one: &'static Kernel,
    several: &'static Kernel,
) -> &'static Kernel {
    match plan.class() {
        DeviceClass::Software => one,
        DeviceClass::Integrated | DeviceClass::Discrete => several,
    }
}

/// Which variance goes into the running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunningVariance {
    /// Divided by n: Paddle.
    Biased,
    /// Divided by n - 1: PyTorch.
    Unbiased,
}

/// Batch normalisation over the rows of `shape`, one mean and variance for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Shape of input and output.
    pub shape: Shape,
    /// Added to the variance.
    pub epsilon: f32,
    /// Share of the old running statistics that is kept at an update (Paddle's momentum, 1 - PyTorch's).
    pub keep: f32,
    /// Which variance the running statistics take.
    pub running_variance: RunningVariance,
    /// Use the running statistics in training and leave them as they are.
    pub frozen: bool,
}

/// The tensors of a batch normalisation, in groups of 4 channels.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormParameters {
    /// Scale, `[channels]`.
    pub gamma: Tensor,
    /// Shift, `[channels]`.
    pub beta: Tensor,
    /// Running mean and variance, `[2][channels]`.
    pub running: Tensor,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FinaliseParams {
    channels: u32,
    rows: u32,
    rows_per_slab: u32,
    slabs: u32,
    epsilon: f32,
    keep: f32,
    variance_factor: f32,
    width: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct RunningParams {
    channels: u32,
    epsilon: f32,
    unused: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ApplyParams {
    rows: u32,
    channels: u32,
    unused: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FinaliseGradientParams {
    channels: u32,
    slabs: u32,
    identity: u32,
    width: u32,
    inverse_rows: f32,
    unused: [u32; 3],
}

/// How the rows of a batch are cut for their statistics and sums.
fn slabs_of(class: DeviceClass, shape: &Shape) -> Columns {
    Columns::slabs(class, shape.rows(), shape.groups(), 64)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ImageColumns {
    columns: Columns,
    rows_per_image: u32,
    unused: [u32; 3],
}

/// The unit whose output a gradient is for: the raw output of its convolution and what was made of it.
#[derive(Clone, Copy, Debug)]
pub struct Behind {
    /// `[rows][channels]`.
    pub raw: Tensor,
    /// Its normalisation and activation.
    pub norm: Norm,
}

impl Behind {
    /// Appends `dispatch`, a convolution's data gradient with what `shaders/shared/gradient_behind.wgsl` takes but for `partial`, which
    /// is bound already: the gradient that the kernel makes of `output_gradient` goes back through this unit's activation to
    /// `target`, with its `sums`. It takes so many multiply-accumulates and leaves so many bytes in `partial`.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused pass")]
    pub(crate) fn append(
        &self,
        plan: &mut PlanBuilder,
        dispatch: Dispatch,
        (macs, left): (u64, u64),
        output_gradient: GradientOperand,
        weights: Tensor,
        target: Target,
        sums: Slabs,
    ) -> OutputGradient {
        let moved = weights.bytes() + self.raw.bytes() + left;
        let dispatch = output_gradient
            .bind(dispatch)
            .constant("ADDS", target.adds)
            .bind("weights", weights)
            .bind("raw", self.raw)
            .bind("moments", self.norm.moments)
            .bind("input_gradient", target.tensor)
            .cost(macs, moved + output_gradient.bytes() + target.bytes());
        plan.dispatch(self.norm.activation.configure(dispatch));
        OutputGradient { tensor: target.tensor, sums: Some(sums) }
    }

    /// Appends `dispatch`, which makes a gradient of shape `shape` from `read` bytes and what it knows of each image (see
    /// `shaders/shared/image_columns.wgsl`), and takes it back through this unit's activation to `input_gradient`, with its sums.
    pub(crate) fn append_over_images(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        dispatch: Dispatch,
        shape: &Shape,
        read: u64,
        input_gradient: Tensor,
    ) -> OutputGradient {
        let columns = slabs_of(plan.class(), shape);
        let slabs = Slabs::of(plan, format!("{label} gradient slabs"), &columns);
        let moved = [self.raw, input_gradient, slabs.partial].iter().map(Tensor::bytes).sum::<u64>();
        let dispatch = dispatch
            .bind("raw", self.raw)
            .bind("moments", self.norm.moments)
            .bind("input_gradient", input_gradient)
            .bind("partial", slabs.partial)
            .params(&ImageColumns { columns, rows_per_image: shape.pixels() as u32, unused: [0; 3] })
            .groups(columns.workgroups())
            .cost(0, read + moved);
        plan.dispatch(self.norm.activation.configure(dispatch));
        OutputGradient { tensor: input_gradient, sums: Some(slabs) }
    }
}

/// The gradient of a unit's output, `activate(batch normalisation)`.
#[derive(Clone, Copy, Debug)]
pub struct OutputGradient {
    /// The gradient; with `sums` it is taken back through the activation already.
    pub tensor: Tensor,
    /// The sums of the normalisation's backward pass, where the kernel before left them.
    pub sums: Option<Slabs>,
}

impl From<Tensor> for OutputGradient {
    fn from(tensor: Tensor) -> Self {
        Self { tensor, sums: None }
    }
}

impl BatchNorm {
    /// Bytes of the tensor `moments`, `[4][channels]`: mean, 1 / standard deviation, scale, shift.
    pub fn moment_bytes(&self) -> u64 {
        self.shape.groups() as u64 * 64
    }

    /// Invocations of a pass over all elements, each with 8 rows of one channel group: the moments are then
    /// loaded once for 8 elements.
    fn pass_threads(&self) -> u64 {
        (self.shape.rows().div_ceil(8) * self.shape.groups()) as u64
    }

    /// Appends the statistics of the batch, slab by slab.
    fn statistics(&self, plan: &mut PlanBuilder, label: &str, input: Tensor) -> Slabs {
        let columns = slabs_of(plan.class(), &self.shape);
        let slabs = Slabs::of(plan, format!("{label} statistics slabs"), &columns);
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_STATISTICS, format!("{label} statistics"))
                .bind("input", input)
                .bind("partial", slabs.partial)
                .params(&columns)
                .groups(columns.workgroups())
                .cost(0, input.bytes() + slabs.partial.bytes()),
        );
        slabs
    }

    /// Appends the statistics of a training step: fills `moments` from the batch and updates the
    /// running statistics; a frozen layer takes its `moments` from them instead. `slabs` are the batch's
    /// statistics where the convolution left them.
    pub fn prepare(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        slabs: Option<Slabs>,
        parameters: &BatchNormParameters,
        moments: Tensor,
    ) {
        if self.frozen {
            self.prepare_inference(plan, label, parameters, moments);
            return;
        }
        let (rows, groups) = (self.shape.rows(), self.shape.groups());
        let slabs = slabs.unwrap_or_else(|| self.statistics(plan, label, input));
        let slabs = slabs.few_moments(plan, label, rows, groups);
        let (width, workgroup) = slabs.spread(plan.class(), groups);
        let variance_factor = match self.running_variance {
            RunningVariance::Biased => 1.0,
            RunningVariance::Unbiased => rows as f32 / rows.saturating_sub(1).max(1) as f32,
        };
        plan.dispatch(
            Dispatch::new(
                of_class(plan, &kernels::BATCH_NORM_FINALISE_ONE, &kernels::BATCH_NORM_FINALISE_EIGHT),
                format!("{label} finalise"),
            )
            .constant("WORKGROUP", workgroup)
            .bind("partial", slabs.partial)
            .bind("gamma", parameters.gamma)
            .bind("beta", parameters.beta)
            .bind("running", parameters.running)
            .bind("moments", moments)
            .params(&FinaliseParams {
                channels: self.shape.groups() as u32,
                rows: rows as u32,
                rows_per_slab: slabs.rows_per_slab as u32,
                slabs: slabs.slabs as u32,
                epsilon: self.epsilon,
                keep: self.keep,
                variance_factor,
                width: width as u32,
            })
            .groups(self.shape.groups().div_ceil(width) as u64)
            .cost(0, slabs.partial.bytes()),
        );
    }

    /// Appends filling `moments` from the running statistics, as inference does.
    pub fn prepare_inference(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        parameters: &BatchNormParameters,
        moments: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_FROM_RUNNING, format!("{label} from running"))
                .bind("gamma", parameters.gamma)
                .bind("beta", parameters.beta)
                .bind("running", parameters.running)
                .bind("moments", moments)
                .params(&RunningParams {
                    channels: self.shape.groups() as u32,
                    epsilon: self.epsilon,
                    unused: [0; 2],
                })
                .threads(self.shape.groups() as u64)
                .cost(0, self.moment_bytes()),
        );
    }

    /// Appends `output = activate(normalised input) + residual`.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused pass")]
    pub fn apply(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        moments: Tensor,
        activation: Activation,
        residual: Option<Tensor>,
        output: Tensor,
    ) {
        let traffic = input.bytes() + residual.map_or(0, |residual| residual.bytes()) + output.bytes();
        let dispatch = Dispatch::new(
            of_class(plan, &kernels::BATCH_NORM_APPLY_ONE, &kernels::BATCH_NORM_APPLY_EIGHT),
            format!("{label} apply"),
        )
        .constant("HAS_RESIDUAL", residual.is_some())
        .bind("input", input)
        .bind("moments", moments)
        .bind_or("residual", residual, input)
        .bind("output", output)
        .params(&ApplyParams {
            rows: self.shape.rows() as u32,
            channels: self.shape.groups() as u32,
            unused: [0; 2],
        })
        .threads(self.pass_threads())
        .cost(0, traffic);
        plan.dispatch(activation.configure(dispatch));
    }

    /// Appends the two sums of the backward pass, slab by slab.
    fn gradient_sums(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        unit: &Behind,
        output_gradient: Tensor,
    ) -> Slabs {
        let columns = slabs_of(plan.class(), &self.shape);
        let slabs = Slabs::of(plan, format!("{label} gradient slabs"), &columns);
        let sums = Dispatch::new(&kernels::BATCH_NORM_GRADIENT_SUMS_ONE, format!("{label} gradient sums"))
            .bind("raw", unit.raw)
            .bind("output_gradient", output_gradient)
            .bind("moments", unit.norm.moments)
            .bind("partial", slabs.partial)
            .params(&columns)
            .groups(columns.workgroups())
            .cost(0, unit.raw.bytes() + output_gradient.bytes() + slabs.partial.bytes());
        plan.dispatch(unit.norm.activation.configure(sums));
        slabs
    }

    /// Appends the gradients of gamma and beta; returns them with what takes the gradient of the output on through the
    /// normalisation. (The residual's gradient is `output_gradient` itself.)
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        unit: &Behind,
        output_gradient: OutputGradient,
        gamma_gradient: Tensor,
        beta_gradient: Tensor,
    ) -> NormGradient {
        let identity = self.shape.rows() == 1 && !self.frozen;
        let (slabs, activation) = match output_gradient.sums {
            Some(slabs) => (slabs, Activation::Identity),
            None => (self.gradient_sums(plan, label, unit, output_gradient.tensor), unit.norm.activation),
        };
        let groups = self.shape.groups();
        let slabs = slabs.few_sums(plan, &format!("{label} gradient"), groups);
        let (width, workgroup) = slabs.spread(plan.class(), groups);
        let coefficients = plan.transient(format!("{label} coefficients"), groups as u64 * 48);
        let constant_statistics = self.frozen || identity;
        plan.dispatch(
            Dispatch::new(
                of_class(
                    plan,
                    &kernels::BATCH_NORM_FINALISE_GRADIENT_ONE,
                    &kernels::BATCH_NORM_FINALISE_GRADIENT_EIGHT,
                ),
                format!("{label} finalise gradient"),
            )
            .constant("WORKGROUP", workgroup)
            .bind("partial", slabs.partial)
            .bind("moments", unit.norm.moments)
            .bind("gamma_gradient", gamma_gradient)
            .bind("beta_gradient", beta_gradient)
            .bind("coefficients", coefficients)
            .params(&FinaliseGradientParams {
                channels: groups as u32,
                slabs: slabs.slabs as u32,
                identity: u32::from(identity),
                width: width as u32,
                inverse_rows: if constant_statistics { 0.0 } else { 1.0 / self.shape.rows() as f32 },
                unused: [0; 3],
            })
            .groups(groups.div_ceil(width) as u64)
            .cost(0, slabs.partial.bytes()),
        );
        NormGradient { tensor: output_gradient.tensor, activation, unit: *unit, coefficients }
    }

    /// Appends the gradient of the normalisation's input in memory.
    pub fn data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        gradient: &NormGradient,
        input_gradient: Tensor,
    ) {
        let NormGradient { tensor, activation, unit, coefficients } = *gradient;
        let data = Dispatch::new(
            of_class(plan, &kernels::BATCH_NORM_DATA_GRADIENT_ONE, &kernels::BATCH_NORM_DATA_GRADIENT_EIGHT),
            format!("{label} data gradient"),
        )
        .bind("input", unit.raw)
        .bind("output_gradient", tensor)
        .bind("moments", unit.norm.moments)
        .bind("coefficients", coefficients)
        .bind("input_gradient", input_gradient)
        .params(&ApplyParams {
            rows: self.shape.rows() as u32,
            channels: self.shape.groups() as u32,
            unused: [0; 2],
        })
        .threads(self.pass_threads())
        .cost(0, unit.raw.bytes() + tensor.bytes() + input_gradient.bytes());
        plan.dispatch(activation.configure(data));
    }
}

/// The gradient of a unit's output and what takes it back to the output of the unit's convolution.
#[derive(Clone, Copy, Debug)]
pub struct NormGradient {
    tensor: Tensor,
    /// What the gradient has yet to go back through.
    activation: Activation,
    unit: Behind,
    coefficients: Tensor,
}

impl NormGradient {
    /// As kernels take it that bring it through the normalisation while they load it; `None` where it has to go back
    /// through an activation as well.
    pub fn on_load(&self) -> Option<GradientOperand> {
        let through = Through { output: self.unit.raw, coefficients: self.coefficients };
        let done = self.activation == Activation::Identity;
        done.then_some(GradientOperand { tensor: self.tensor, through: Some(through) })
    }
}
