//! What a command can fail with.

use photonet_gpu::GpuError;
use photonet_model::ModelError;
use photonet_model::export::ExportError;
use photonet_model::import::ImportError;
use photonet_train::TrainError;
use photonet_train::config::ConfigError;
use photonet_train::dataset::DatasetError;
use std::path::PathBuf;
use thiserror::Error;

/// An error that ends a command.
#[derive(Debug, Error)]
pub enum CliError {
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The network or its file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Training, evaluation or prediction.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The photos.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Weights of another project.
    #[error("cannot import {}: {source}", file.display())]
    Import {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: Box<ImportError>,
    },
    /// A file for other programs.
    #[error("cannot export {}: {source}", model.display())]
    Export {
        /// The model.
        model: PathBuf,
        /// Why not.
        source: ExportError,
    },
    /// The arguments.
    #[error("{0}")]
    Usage(String),
    /// Output that cannot be written.
    #[error("cannot write the results: {0}")]
    Output(#[from] std::io::Error),
    /// Output that cannot be put in words.
    #[error("cannot write the results: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    /// Whether standard output was closed by its reader.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
