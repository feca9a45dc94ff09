//! MobileNetV3: architectures of three families, parameters, plans for training and inference,
//! model files.
//!
//! One implementation serves PaddleClas, torchvision and timm: every difference between them is a
//! field of [`Switches`].

mod architecture;
mod error;
pub mod export;
mod file;
mod fold;
pub mod import;
mod init;
mod layers;
mod learning;
mod names;
mod network;
mod parameters;
mod summary;
mod tuning;
mod verify;
mod weights;

pub use architecture::{
    Architecture, Expansion, Family, HeadWidth, LastWidth, SqueezeWidth, Switches, Variant,
};
pub use error::ModelError;
pub use file::{Model, Origin, TestVector, TrainingFacts, write_atomically};
pub use fold::fold;
pub use init::initialise;
pub use layers::{Block, Layers, Normalised};
pub use learning::{Decay, Learning};
pub use names::{Naming, external_name};
pub use network::{
    Features, FoldedWeights, InferenceNetwork, InferenceOptions, Input, PendingMetrics, Precision, Slots,
    TrainBuffers, TrainNetwork, TrainOptions, dropout_seed,
};
pub use parameters::{ParameterKind, ParameterLayout, ParameterSpec};
pub use summary::{LayerSummary, Summary, summarise};
pub use tuning::{Frozen, Tuning};
pub use verify::check_finite;
pub use weights::{HostTensor, Weights};
