//! Batch normalisation with the activation and the residual that follow it.

use crate::columns::Columns;
use crate::{Activation, Shape};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

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
    unused: u32,
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
struct GradientParams {
    rows: u32,
    channels: u32,
    inverse_rows: f32,
    unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct FinaliseGradientParams {
    channels: u32,
    slabs: u32,
    identity: u32,
    unused: u32,
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

    fn slabs(&self) -> Columns {
        Columns::slabs(self.shape.rows(), self.shape.groups(), 64)
    }

    /// Appends the statistics of a training step: fills `moments` from the batch and updates the
    /// running statistics; a frozen layer takes its `moments` from them instead.
    pub fn prepare(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &BatchNormParameters,
        moments: Tensor,
    ) {
        if self.frozen {
            self.prepare_inference(plan, label, parameters, moments);
            return;
        }
        let slabs = self.slabs();
        let partial_bytes = u64::from(slabs.slabs) * 2 * self.shape.groups() as u64 * 16;
        let partial = plan.transient(format!("{label} statistics slabs"), partial_bytes);
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_STATISTICS, format!("{label} statistics"))
                .bind("input", input)
                .bind("partial", partial)
                .params(&slabs)
                .groups(slabs.workgroups())
                .cost(0, self.shape.bytes() + partial_bytes),
        );
        let rows = self.shape.rows();
        let variance_factor = match self.running_variance {
            RunningVariance::Biased => 1.0,
            RunningVariance::Unbiased => rows as f32 / rows.saturating_sub(1).max(1) as f32,
        };
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_FINALISE, format!("{label} finalise"))
                .bind("partial", partial)
                .bind("gamma", parameters.gamma)
                .bind("beta", parameters.beta)
                .bind("running", parameters.running)
                .bind("moments", moments)
                .params(&FinaliseParams {
                    channels: self.shape.groups() as u32,
                    rows: rows as u32,
                    rows_per_slab: slabs.rows_per_slab,
                    slabs: slabs.slabs,
                    epsilon: self.epsilon,
                    keep: self.keep,
                    variance_factor,
                    unused: 0,
                })
                .threads(self.shape.groups() as u64)
                .cost(0, partial_bytes),
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
        let passes = if residual.is_some() { 3 } else { 2 };
        let dispatch = Dispatch::new(&kernels::BATCH_NORM_APPLY, format!("{label} apply"))
            .constant("HAS_RESIDUAL", residual.is_some())
            .bind("input", input)
            .bind("moments", moments)
            .bind("residual", residual.unwrap_or(input))
            .bind("output", output)
            .params(&ApplyParams {
                rows: self.shape.rows() as u32,
                channels: self.shape.groups() as u32,
                unused: [0; 2],
            })
            .threads(self.pass_threads())
            .cost(0, passes * self.shape.bytes());
        plan.dispatch(activation.configure(dispatch));
    }

    /// Appends the whole backward pass through activation and normalisation: the gradients of
    /// gamma, beta and the input. (The residual's gradient is `output_gradient` itself.)
    #[expect(clippy::too_many_arguments, reason = "the operands of one backward pass")]
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        moments: Tensor,
        activation: Activation,
        output_gradient: Tensor,
        gamma_gradient: Tensor,
        beta_gradient: Tensor,
        input_gradient: Tensor,
    ) {
        let identity = self.shape.rows() == 1 && !self.frozen;
        let slabs = self.slabs();
        let partial_bytes = u64::from(slabs.slabs) * 2 * self.shape.groups() as u64 * 16;
        let partial = plan.transient(format!("{label} gradient slabs"), partial_bytes);
        let sums = Dispatch::new(&kernels::BATCH_NORM_GRADIENT_SUMS, format!("{label} gradient sums"))
            .bind("input", input)
            .bind("output_gradient", output_gradient)
            .bind("moments", moments)
            .bind("partial", partial)
            .params(&slabs)
            .groups(slabs.workgroups())
            .cost(0, 2 * self.shape.bytes() + partial_bytes);
        plan.dispatch(activation.configure(sums));
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_FINALISE_GRADIENT, format!("{label} finalise gradient"))
                .bind("partial", partial)
                .bind("gamma_gradient", gamma_gradient)
                .bind("beta_gradient", beta_gradient)
                .params(&FinaliseGradientParams {
                    channels: self.shape.groups() as u32,
                    slabs: slabs.slabs,
                    identity: u32::from(identity),
                    unused: 0,
                })
                .threads(self.shape.groups() as u64)
                .cost(0, partial_bytes),
        );
        let constant_statistics = self.frozen || identity;
        let inverse_rows = if constant_statistics { 0.0 } else { 1.0 / self.shape.rows() as f32 };
        let data = Dispatch::new(&kernels::BATCH_NORM_DATA_GRADIENT, format!("{label} data gradient"))
            .bind("input", input)
            .bind("output_gradient", output_gradient)
            .bind("moments", moments)
            .bind("gamma_gradient", gamma_gradient)
            .bind("beta_gradient", beta_gradient)
            .bind("input_gradient", input_gradient)
            .params(&GradientParams {
                rows: self.shape.rows() as u32,
                channels: self.shape.groups() as u32,
                inverse_rows,
                unused: 0,
            })
            .threads(self.pass_threads())
            .cost(0, 3 * self.shape.bytes());
        plan.dispatch(activation.configure(data));
    }
}
