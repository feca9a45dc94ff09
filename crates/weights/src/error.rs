//! What can be wrong with a weight file.

use thiserror::Error;

/// Why a weight file cannot be read. Whoever knows the file's name puts it before the message.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The bytes are of no format that is read here.
    #[error(
        "not a weight file that can be read here: {0}. What can be: .safetensors, PyTorch .pth and .pt, \
         PaddlePaddle .pdparams"
    )]
    Format(String),
    /// The file ends where more is needed.
    #[error("the {format} file is truncated: {what} should be at byte {at}, the data ends at {length}")]
    Truncated {
        /// Of which format.
        format: &'static str,
        /// What should have come.
        what: String,
        /// Where.
        at: usize,
        /// Where the data ends.
        length: usize,
    },
    /// The file contradicts itself or its format.
    #[error("the {format} file is damaged: {reason}")]
    Damaged {
        /// Of which format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A pickle asks for something that weights have no need of.
    #[error("refused: its pickle names `{name}`, which weights have no need of; nothing of it was run{hint}")]
    Forbidden {
        /// What it names, as `module.name`.
        name: String,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// The file is sound, but uses what is not read here.
    #[error("{what} cannot be read here: {remedy}")]
    Unsupported {
        /// What.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The file asks for more time or memory than any weights need.
    #[error("refused: {0}")]
    Limit(String),
    /// A tensor that is not usable.
    #[error("the tensor `{name}` {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are no tensors where they should be.
    #[error("{0}")]
    NoTensors(String),
}
