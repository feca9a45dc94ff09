//! Errors of the model layer.

use photonet_gpu::GpuError;
use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong with a model.
#[derive(Debug, Error)]
pub enum ModelError {
    /// An architecture that does not exist.
    #[error("{0}")]
    Architecture(String),
    /// A weight is missing, superfluous or of another shape.
    #[error("the weights do not fit {architecture}: {details}")]
    Weights {
        /// The architecture that was expected.
        architecture: String,
        /// Which tensors differ, and how.
        details: String,
    },
    /// A folded weight that half precision cannot hold.
    #[error(
        "`{name}` holds {value} once batch normalisation is folded in, and half precision nothing above 65504: \
         run this model with the precision f32"
    )]
    Precision {
        /// The tensor.
        name: String,
        /// Its value.
        value: f32,
    },
    /// Logits or features that are not finite.
    #[error(
        "the model gives values that are not finite for a photo: its file is probably damaged, so copy or train it \
         anew (in half precision, try f32 first)"
    )]
    NotFinite,
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not a Photonet model.
    #[error("{path} is not a Photonet model file: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}
