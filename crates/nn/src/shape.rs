//! Shapes of activations.

use photonet_gpu::Format;

/// Rounds a channel count up to a multiple of 4, the unit in which kernels read channels.
pub fn pad_channels(channels: usize) -> usize {
    channels.next_multiple_of(4)
}

/// The shape of an activation, NHWC, with its true channel count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels, without padding.
    pub channels: usize,
}

impl Shape {
    /// A shape from its four sizes.
    pub fn new(batch: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { batch, height, width, channels }
    }

    /// A shape without spatial extent: `[batch][channels]`.
    pub fn vector(batch: usize, channels: usize) -> Self {
        Self::new(batch, 1, 1, channels)
    }

    /// Pixels of one image.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Pixels of the whole batch: the rows of the matrix that a 1x1 convolution sees.
    pub fn rows(&self) -> usize {
        self.batch * self.pixels()
    }

    /// Groups of 4 channels.
    pub fn groups(&self) -> usize {
        pad_channels(self.channels) / 4
    }

    /// Groups of 4 channels in the whole tensor.
    pub fn vectors(&self) -> usize {
        self.rows() * self.groups()
    }

    /// Size on the device in bytes, padding included, in single precision.
    pub fn bytes(&self) -> u64 {
        self.bytes_in(Format::Single)
    }

    /// Size on the device in bytes, padding included, of numbers in `format`.
    pub fn bytes_in(&self, format: Format) -> u64 {
        self.vectors() as u64 * 4 * format.bytes()
    }

    /// The same positions with another channel count.
    pub fn with_channels(&self, channels: usize) -> Self {
        Self { channels, ..*self }
    }
}
