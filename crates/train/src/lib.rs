//! Data sets, loader, schedules, the training loop, metrics and checkpoints.
//!
//! * [`config`]: a run described in PaddleClas's own YAML keys, with overrides;
//! * [`dataset`]: list files and plain folders of photos;
//! * [`loader`]: batches of pixels, made ahead by threads and the same for any number of them;
//! * [`schedule`]: the learning rate of each step;
//! * [`journal`]: log lines, `metrics.jsonl` and progress bars.

pub mod config;
pub mod dataset;
pub mod journal;
pub mod loader;
pub mod schedule;
