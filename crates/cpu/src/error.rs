//! Errors of the CPU path.

use crate::Instructions;
use photonet_model::ModelError;
use thiserror::Error;

/// What can go wrong on the CPU path.
#[derive(Debug, Error)]
pub enum CpuError {
    /// Weights that do not fit the architecture, or an image side it cannot take.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The normalisation of the input divides by zero or is not finite.
    #[error("the input's normalisation must be finite with a standard deviation above 0: {0}")]
    Normalisation(String),
    /// Pixels that are not a whole number of images.
    #[error("images of {size}x{size} take {expected} bytes each, got {got} bytes: pass whole RGB images")]
    Pixels {
        /// Side of an image in pixels.
        size: usize,
        /// Bytes of one image.
        expected: usize,
        /// Bytes passed.
        got: usize,
    },
    /// An instruction set that this CPU or this build lacks.
    #[error("this CPU cannot run {0} code: use one of {available}", available = Instructions::listed())]
    Instructions(Instructions),
}
