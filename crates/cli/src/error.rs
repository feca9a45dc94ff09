//! What a command can fail with.

use photonet_gpu::{DeviceChoice, Gpu, GpuError, GpuOptions, list_adapters};
use photonet_model::ModelError;
use photonet_model::export::ExportError;
use photonet_model::import::ImportError;
use photonet_train::config::ConfigError;
use photonet_train::dataset::DatasetError;
use photonet_train::{Machine, TrainError};
use std::path::PathBuf;
use std::sync::Arc;
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

/// The machine to classify on: `cpu` is the processor, everything else a device. `auto` takes the
/// processor where the only GPU is one in software, which is many times slower.
pub fn open_machine(choice: &str) -> Result<Machine, CliError> {
    let cpu = match choice.to_lowercase().as_str() {
        "cpu" => true,
        "auto" | "" => pollster::block_on(list_adapters()).iter().all(|a| a.kind == "software"),
        _ => false,
    };
    Ok(if cpu { Machine::Cpu } else { Machine::Gpu(open_device(choice)?) })
}

/// Opens the device that `choice` names.
pub fn open_device(choice: &str) -> Result<Arc<Gpu>, CliError> {
    let choice: DeviceChoice = match choice.parse() {
        Ok(choice) => choice,
        Err(never) => match never {},
    };
    Ok(pollster::block_on(Gpu::open(&GpuOptions::new(choice)))?)
}
