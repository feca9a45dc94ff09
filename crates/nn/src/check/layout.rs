//! How values lie on the device: padded, and rounded to a format.

use crate::{Shape, pad_channels};
use half::{bf16, f16};
use photonet_gpu::Format;

/// How unpadded values lie on the device: `[outer][middle][inner]`, the last two padded with zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    outer: usize,
    middle: (usize, usize),
    inner: (usize, usize),
}

impl Layout {
    /// `[rows][channels]`, channels padded to a multiple of 4.
    pub fn rows(rows: usize, channels: usize) -> Self {
        Self { outer: rows, middle: (1, 1), inner: (channels, pad_channels(channels)) }
    }

    /// An activation.
    pub fn of(shape: &Shape) -> Self {
        Self::rows(shape.rows(), shape.channels)
    }

    /// One value for each channel.
    pub fn channels(channels: usize) -> Self {
        Self::rows(1, channels)
    }

    /// `[taps][inputs][outputs]`, inputs and outputs padded to multiples of 4.
    pub fn weights(taps: usize, inputs: usize, outputs: usize) -> Self {
        let padded = |c| (c, pad_channels(c));
        Self { outer: taps, middle: padded(inputs), inner: padded(outputs) }
    }

    /// `[inputs][outputs]`, both padded to multiples of 32.
    pub fn packed(inputs: usize, outputs: usize) -> Self {
        let padded = |c: usize| (c, c.next_multiple_of(32));
        Self { outer: 1, middle: padded(inputs), inner: padded(outputs) }
    }

    /// Values without padding.
    pub fn flat(length: usize) -> Self {
        Self { outer: 1, middle: (1, 1), inner: (length, length) }
    }

    /// Values without padding.
    pub fn len(&self) -> usize {
        self.outer * self.middle.0 * self.inner.0
    }

    pub fn padded_len(&self) -> usize {
        self.outer * self.middle.1 * self.inner.1
    }

    /// For each element on the device its number without padding, or `None` for padding.
    pub fn elements(self) -> impl Iterator<Item = Option<usize>> {
        (0..self.padded_len()).map(move |at| {
            let (rest, inner) = (at / self.inner.1, at % self.inner.1);
            let (outer, middle) = (rest / self.middle.1, rest % self.middle.1);
            let true_element = inner < self.inner.0 && middle < self.middle.0;
            true_element.then_some((outer * self.middle.0 + middle) * self.inner.0 + inner)
        })
    }
}

/// Rounds `values` to what `format` holds.
pub(super) fn round(values: &mut [f64], format: Format) {
    if format != Format::Single {
        for value in values {
            *value = decoded(encoded(*value, format), format);
        }
    }
}

/// The 16 bits of a value.
pub(super) fn encoded(value: f64, format: Format) -> u16 {
    match format {
        Format::Brain => bf16::from_f64(value).to_bits(),
        Format::Single | Format::Half => f16::from_f64(value).to_bits(),
    }
}

/// The 16 bits that kernels leave of a value: between two numbers they take the one farther from zero, see
/// `shaders/shared/storage/brain.wgsl`.
pub(super) fn left(value: f64, format: Format) -> u16 {
    match format {
        Format::Brain => (((value as f32).to_bits() + 0x8000) >> 16) as u16,
        Format::Single | Format::Half => encoded(value, format),
    }
}

pub(super) fn decoded(bits: u16, format: Format) -> f64 {
    match format {
        Format::Brain => bf16::from_bits(bits).to_f64(),
        Format::Single | Format::Half => f16::from_bits(bits).to_f64(),
    }
}

/// What one rounding to 16 bits may add to a normalised error: half a unit in the last of 11 or 8 bits.
pub(super) fn rounding(format: Format) -> f64 {
    match format {
        Format::Single => 0.0,
        Format::Half => 1.0 / 2048.0,
        Format::Brain => 1.0 / 256.0,
    }
}
