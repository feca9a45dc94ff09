//! What follows the gradients of a step: the parameters, and their moving averages.

use super::TrainBuffers;
use photonet_gpu::{PlanBuilder, Tensor};
use photonet_nn::{Clip, UpdateTensors, average};

/// Appends the update of all parameters, whose gradients are clipped in place.
pub(super) fn update(
    plan: &mut PlanBuilder,
    buffers: &TrainBuffers,
    step: Tensor,
    gradients: Tensor,
    parameters: Tensor,
) {
    let (learning, length) = (&buffers.learning, buffers.layout.parameter_length);
    if let (Some(limit), Some(blocks)) = (learning.clip_norm, &buffers.tensor_blocks) {
        let blocks = plan.import(blocks);
        Clip { limit, length, tensors: buffers.layout.parameters.len() }.clip(plan, blocks, gradients);
    }
    let ranges = plan.import(&buffers.ranges);
    let slots: Vec<Tensor> = buffers.slots.iter().map(|slot| plan.import(slot)).collect();
    let tensors = UpdateTensors { step, ranges, gradients, parameters, slots: &slots };
    learning.optimiser.update(plan, length, &tensors);
}

/// Appends that the moving averages, where there are some, follow the weights.
pub(super) fn follow(plan: &mut PlanBuilder, buffers: &TrainBuffers, parameters: Tensor, statistics: Tensor) {
    let (Some(decay), Some(averages)) = (buffers.learning.average, &buffers.averages) else { return };
    let lengths = [buffers.layout.parameter_length, buffers.layout.statistics_length];
    for ((values, length), kept) in [parameters, statistics].into_iter().zip(lengths).zip(averages) {
        let kept = plan.import(kept);
        average(plan, length, decay, values, kept);
    }
}
