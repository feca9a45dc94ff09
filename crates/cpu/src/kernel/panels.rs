//! Weights of a matrix product, packed in the order in which the kernel reads them.

use super::Kernels;
use crate::buffer::{Buffer, pad};
use std::ops::Range;

/// How many rows a product has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The pixels of an image: tiles of several rows share each weight they load.
    Many,
    /// One: every weight is used once, and wide panels keep many sums going at a time.
    One,
}

impl Rows {
    /// The most vectors in a panel.
    fn widest(self) -> usize {
        match self {
            Self::Many => 2,
            Self::One => 8,
        }
    }
}

/// Weights `[depth][outputs]` cut into panels of a few vectors of outputs, each `[depth][panel]`
/// in one piece, and the bias of every output. Outputs are padded with zeros.
pub(crate) struct Panels {
    weights: Buffer,
    bias: Buffer,
    /// Outputs, padding included.
    width: usize,
    depth: usize,
    lanes: usize,
    widest: usize,
}

impl Panels {
    /// Packs `weight(k, output)`; outputs without a bias have a bias of 0.
    pub fn new(
        kernels: &Kernels,
        rows: Rows,
        [depth, outputs]: [usize; 2],
        weight: impl Fn(usize, usize) -> f32,
        bias: Option<&[f32]>,
    ) -> Self {
        let (widest, lanes) = (rows.widest(), kernels.lanes);
        // Whole vectors, though of the last one may lie beyond the outputs.
        let width = pad(outputs);
        let columns = width.next_multiple_of(lanes);
        let mut of_columns = Buffer::zeros(columns);
        if let Some(bias) = bias {
            of_columns.as_mut_slice()[..outputs].copy_from_slice(bias);
        }
        let mut panels =
            Self { weights: Buffer::zeros(depth * columns), bias: of_columns, width, depth, lanes, widest };
        let ranges: Vec<_> = panels.ranges().collect();
        let mut places = panels.weights.as_mut_slice().iter_mut();
        for range in ranges {
            for k in 0..depth {
                let columns = range.start * lanes..range.end * lanes;
                for (output, place) in columns.zip(&mut places) {
                    if output < outputs {
                        *place = weight(k, output);
                    }
                }
            }
        }
        panels
    }

    /// The vectors of outputs in each panel: as few panels as possible, as equal as possible, since a
    /// narrow one keeps too few sums going to hide the latency of an addition.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let vectors = self.width.div_ceil(self.lanes);
        let count = vectors.div_ceil(self.widest);
        (0..count).map(move |panel| vectors * panel / count..vectors * (panel + 1) / count)
    }

    /// Outputs, padding included.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Length of the sums.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Values in a vector of the kernels that it was packed for.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// All weights, panel after panel.
    pub fn weights(&self) -> &[f32] {
        self.weights.as_slice()
    }

    /// The bias of each output, for whole vectors.
    pub fn bias(&self) -> &[f32] {
        self.bias.as_slice()
    }
}
