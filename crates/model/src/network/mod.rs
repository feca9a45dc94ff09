//! Networks as plans: one for training, one for inference.

mod buffers;
mod infer;
mod parts;
mod record;
mod train;
mod unit;
mod update;

pub use buffers::{PendingMetrics, Slots, TrainBuffers};
pub use infer::{Features, FoldedWeights, InferenceNetwork, InferenceOptions};
pub use train::{TrainNetwork, TrainOptions, dropout_seed};

use crate::{Architecture, ModelError};
use photonet_gpu::{Format, Tensor};
use photonet_nn::{Normalise, Shape};
use photonet_vision::Recipe;

/// How a plan's tensors lie in the device's memory. All sums are made in single precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    Single,
    /// 16 bits for the activations between the convolutions, in inference for filters and matrices too, in training for the
    /// activations' gradients. Biases, pooled features and logits, parameters in training, their gradients, the optimiser and
    /// statistics have 32.
    Half,
}

impl Precision {
    /// The format of activations, and of filters and matrices in inference.
    fn values(self) -> Format {
        match self {
            Self::Single => Format::Single,
            Self::Half => Format::Half,
        }
    }

    /// The format of the activations' gradients: one with the range of single precision, so that no loss has to be scaled.
    fn gradients(self) -> Format {
        match self {
            Self::Single => Format::Single,
            Self::Half => Format::Brain,
        }
    }
}

/// What the network takes: square 8-bit RGB images and their normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// Side in pixels.
    pub size: usize,
    /// Factor on bytes.
    pub scale: f32,
    /// Mean of each channel after scaling.
    pub mean: [f32; 3],
    /// Standard deviation of each channel after scaling.
    pub std: [f32; 3],
}

impl Input {
    /// The input that `recipe` makes.
    ///
    /// # Errors
    /// When the recipe's output is not square or of no fixed size.
    pub fn of(recipe: &Recipe) -> Result<Self, ModelError> {
        match recipe.output_size() {
            Some((width, height)) if width == height => {
                Ok(Self { size: width as usize, scale: recipe.scale, mean: recipe.mean, std: recipe.std })
            }
            other => Err(ModelError::Architecture(format!(
                "the preprocessing ends with {}, the network needs square images of one size: end it with a crop",
                other.map_or("images of any size".into(), |(w, h)| format!("{w}x{h} images"))
            ))),
        }
    }

    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        self.size * self.size * 3
    }

    fn normalise(&self, batch: usize) -> Normalise {
        let shape = Shape::new(batch, self.size, self.size, 3);
        Normalise { shape, scale: self.scale, mean: self.mean, std: self.std }
    }
}

/// The part of flat buffer `flat` that holds `elements` values from `offset` on.
fn range(flat: Tensor, offset: usize, elements: usize) -> Tensor {
    flat.slice(offset as u64 * 4, elements as u64 * 4)
}

/// Pixel bytes padded to whole words, as `queue.writeBuffer` wants them.
fn padded(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if bytes.len().is_multiple_of(4) {
        return bytes.into();
    }
    let mut copy = bytes.to_vec();
    copy.resize(bytes.len().next_multiple_of(4), 0);
    copy.into()
}

/// Checks the sizes of a batch before it goes to the device.
fn check_batch(
    architecture: &Architecture,
    input: &Input,
    batch: usize,
    bytes: usize,
) -> Result<(), ModelError> {
    architecture.check_size(input.size)?;
    if batch == 0 || bytes != batch * input.image_bytes() {
        return Err(ModelError::Architecture(format!(
            "a batch of {batch} images of {0}x{0} is {1} bytes, got {bytes}",
            input.size,
            batch * input.image_bytes()
        )));
    }
    Ok(())
}
