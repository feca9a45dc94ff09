//! What can go wrong, sorted by whose fault it is, as the package's error classes are.

#[cfg(feature = "classifier")]
use photonet_cpu::CpuError;
use photonet_gpu::GpuError;
use photonet_model::ModelError;
#[cfg(feature = "trainer")]
use photonet_train::TrainError;
use photonet_vision::VisionError;
use thiserror::Error;

/// An error of the engine.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The model file.
    #[error("{0}")]
    Model(String),
    /// A photo.
    #[error("{0}")]
    Image(#[from] VisionError),
    /// What a training was asked for, or how it went.
    #[error("{0}")]
    #[cfg(feature = "trainer")]
    Training(String),
    /// The GPU.
    #[error("{message}")]
    Device {
        /// What happened and what to do.
        message: String,
        /// Whether the device is gone, so that a new one may help.
        lost: bool,
    },
}

impl EngineError {
    /// The package's class for this error: `model`, `image`, `device` or `training`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Model(_) => "model",
            Self::Image(_) => "image",
            #[cfg(feature = "trainer")]
            Self::Training(_) => "training",
            Self::Device { .. } => "device",
        }
    }
}

impl EngineError {
    /// Whether a photo is in a format that is not read here.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Image(VisionError::Unsupported { .. } | VisionError::NotAnImage { .. }))
    }
}

impl From<GpuError> for EngineError {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::Lost { reason } => {
                Self::Device { message: format!("the GPU device was lost: {reason}"), lost: true }
            }
            // How a lost device shows itself before the browser says so: a map that fails or, in Firefox, a buffer that
            // is not valid.
            GpuError::ReadBack(_) | GpuError::Submitted { .. } => {
                Self::Device { message: error.to_string(), lost: true }
            }
            other => Self::Device { message: other.to_string(), lost: false },
        }
    }
}

#[cfg(feature = "classifier")]
impl From<CpuError> for EngineError {
    fn from(error: CpuError) -> Self {
        match error {
            CpuError::Model(error) => error.into(),
            other => Self::Model(other.to_string()),
        }
    }
}

impl From<ModelError> for EngineError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Gpu(error) => error.into(),
            other => Self::Model(other.to_string()),
        }
    }
}

#[cfg(feature = "trainer")]
impl From<TrainError> for EngineError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Gpu(error) | TrainError::Model(ModelError::Gpu(error)) => error.into(),
            other => Self::Training(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_their_cause() {
        let lost: EngineError = ModelError::Gpu(GpuError::Lost { reason: "unplugged".into() }).into();
        assert!(
            matches!(&lost, EngineError::Device { lost: true, message } if message.contains("unplugged"))
        );
        assert_eq!(lost.kind(), "device");
        assert_eq!(EngineError::from(ModelError::Architecture("no".into())).kind(), "model");
        assert_eq!(EngineError::from(VisionError::Empty).kind(), "image");
        let refused: EngineError = GpuError::Submitted { reason: "buffer is invalid".into() }.into();
        assert!(
            matches!(&refused, EngineError::Device { lost: true, message } if message.contains("is invalid"))
        );
        let full: EngineError = GpuError::OutOfMemory { what: "pixels".into() }.into();
        assert!(matches!(full, EngineError::Device { lost: false, .. }));
    }
}
