//! Errors of training, evaluation and prediction.

use crate::config::ConfigError;
use crate::dataset::DatasetError;
use crate::journal::JournalError;
use crate::loader::LoaderError;
use photonet_cpu::CpuError;
use photonet_gpu::GpuError;
use photonet_model::ModelError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a run cannot start or go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The photos.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Loading the photos.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The network or its files.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The network on the processor.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// The log files.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The loss or a weight is no longer a number.
    #[error(
        "{what} at step {step} (epoch {epoch}) is not a finite number: training has diverged. \
         Try a learning rate of {advice}, a longer warm-up, or check the labels{kept}"
    )]
    Diverged {
        /// What is not finite.
        what: String,
        /// The first step where it was seen, from 0.
        step: u64,
        /// Its epoch, from 1.
        epoch: u32,
        /// A smaller learning rate.
        advice: f64,
        /// Where the last checkpoint is, as the end of the sentence.
        kept: String,
    },
    /// A checkpoint that cannot be used.
    #[error("cannot resume from {path}: {reason}")]
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read`, `write`, `list`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something that was asked for cannot be done.
    #[error("{0}")]
    Request(String),
}
