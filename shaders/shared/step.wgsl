// What changes from one training step to the next; written by the host before each step.
struct Step {
    learning_rate: f32,
    momentum: f32,
    epoch: u32,
    number: u32,
    // Of the gradients and of the weight decay, for a part of a batch.
    share: f32,
    decay: f32,
    // Adam's: 1 - beta1^t and sqrt(1 - beta2^t) at the t-th update.
    first_correction: f32,
    second_correction: f32,
}
