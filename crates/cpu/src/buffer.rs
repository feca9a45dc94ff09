//! Aligned buffers, and the padding of channels.

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Channels are padded with zeros to a multiple of this: one vector of AVX2, two of shorter ones, half of AVX-512's, of which twice
/// as many would leave too much of narrow layers' rows empty.
pub(crate) const UNIT: usize = 8;

/// Rounds a channel count up to a multiple of [`UNIT`].
pub(crate) fn pad(channels: usize) -> usize {
    channels.next_multiple_of(UNIT)
}

/// Values in a cache line.
const LINE: usize = 16;

/// A cache line, so that no vector of weights straddles two.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Values on the heap, aligned to 64 bytes, in whole units, zero at first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    length: usize,
}

impl Buffer {
    /// Zeros for `length` values, rounded up to whole units.
    pub fn zeros(length: usize) -> Self {
        let length = pad(length);
        Self { lines: vec![Line::zeroed(); length.div_ceil(LINE)], length }
    }

    /// `rows` of `channels` values each, every row padded with zeros to whole units.
    pub fn padded(values: &[f32], channels: usize) -> Self {
        let width = pad(channels);
        let mut buffer = Self::zeros(values.len() / channels * width);
        let rows = buffer.as_mut_slice().chunks_exact_mut(width);
        for (row, values) in rows.zip(values.chunks_exact(channels)) {
            row[..channels].copy_from_slice(values);
        }
        buffer
    }

    /// All values, padding included.
    pub fn as_slice(&self) -> &[f32] {
        &cast_slice(&self.lines)[..self.length]
    }

    /// All values, padding included.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut cast_slice_mut(&mut self.lines)[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_with_zeros_and_aligned() {
        let buffer = Buffer::padded(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        assert_eq!(
            buffer.as_slice(),
            [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(buffer.as_slice().as_ptr().align_offset(64), 0);
    }
}
