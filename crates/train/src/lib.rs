//! Data sets, loader, schedules, the training loop, metrics and checkpoints.
//!
//! * [`config`]: a run described in PaddleClas's own YAML keys, with overrides;
//! * [`dataset`]: list files and plain folders of photos;
//! * [`loader`]: batches of pixels, made ahead by threads and the same for any number of them;
//! * [`schedule`]: the learning rate of each step;
//! * [`journal`]: log lines, `metrics.jsonl` and progress bars;
//! * [`trainer`]: the training loop;
//! * [`session`]: the same on photos that are in memory, a step at a time;
//! * [`checkpoint`]: what a run saves, and resuming from it;
//! * [`evaluate`] and [`predict`]: what a trained model is worth, and what it says of photos.

#[cfg(not(target_arch = "wasm32"))]
pub mod checkpoint;
pub mod config;
pub mod dataset;
mod error;
pub mod evaluate;
#[cfg(not(target_arch = "wasm32"))]
mod given;
pub mod journal;
pub mod loader;
mod machine;
mod photo;
pub mod predict;
mod resources;
pub mod schedule;
pub mod session;
mod shared;
#[cfg(not(target_arch = "wasm32"))]
pub mod trainer;

pub use error::TrainError;
#[cfg(not(target_arch = "wasm32"))]
pub use given::{find_model, load_model};
pub use machine::Machine;
pub use photo::decode_photo;
pub use shared::scores::Standing;
