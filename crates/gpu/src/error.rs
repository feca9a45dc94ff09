//! What can go wrong on a device.

use thiserror::Error;

/// An error of the GPU layer.
#[derive(Debug, Error)]
pub enum GpuError {
    /// No adapter fits the choice.
    #[error("no GPU adapter fits `{choice}`; {hint}")]
    NoAdapter {
        /// What was asked for.
        choice: String,
        /// What was found instead, and what to do.
        hint: String,
    },
    /// An adapter exists but gives no device.
    #[error("the adapter {adapter} refused a device: {reason}")]
    NoDevice {
        /// Adapter name.
        adapter: String,
        /// The driver's reason.
        reason: String,
    },
    /// A dispatch does not match its kernel's interface.
    #[error("kernel {kernel} in `{label}`: {message}")]
    Interface {
        /// Kernel name.
        kernel: String,
        /// The dispatch's label.
        label: String,
        /// What does not match.
        message: String,
    },
    /// A tensor is larger than one binding may be.
    #[error(
        "`{label}` needs {bytes} bytes in one buffer, this device allows {limit}; use a smaller batch or a smaller image size"
    )]
    TooLarge {
        /// The tensor's label.
        label: String,
        /// Bytes needed.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The driver reported an error while `what` was made.
    #[error("the GPU driver refused {what}: {reason}")]
    Driver {
        /// What was being made.
        what: String,
        /// The driver's message.
        reason: String,
    },
    /// The driver reported an error outside of any scope for errors: of work that had been submitted.
    #[error("the GPU driver refused submitted work: {reason}")]
    Submitted {
        /// The driver's message.
        reason: String,
    },
    /// Device memory ran out.
    #[error("out of GPU memory while making {what}; use a smaller batch, image size or network")]
    OutOfMemory {
        /// What was being made.
        what: String,
    },
    /// The device is gone: reset, unplugged, or its driver timed out.
    #[error(
        "the GPU device was lost: {reason}; run again to resume from the last checkpoint, with a smaller batch if it happens again"
    )]
    Lost {
        /// The driver's reason.
        reason: String,
    },
    /// Watched kernels did not stay within what they were given.
    #[error("{0}: this is a fault of Photonet, please report it")]
    Beyond(String),
    /// A buffer could not be mapped for reading.
    #[error("reading back from the GPU failed: {0}")]
    ReadBack(String),
}
