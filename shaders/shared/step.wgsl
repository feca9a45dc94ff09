// What changes from one training step to the next; written by the host before each step.
struct Step {
    learning_rate: f32,
    momentum: f32,
    epoch: u32,
    number: u32,
}
