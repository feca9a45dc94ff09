//! The matrix product behind 1x1 convolutions, the stem and the fully connected layers.
//!
//! A tile of rows x vectors of outputs stays in registers while it runs down the depth: for each
//! step it loads the panel's vectors once and multiplies them by one broadcast value of each row.
//! 6 rows x 2 vectors make 12 products of 8 loads, and their sums, two weights and a value take 15 of
//! 16 registers. (4 rows x 3 vectors need fewer loads and all 16: the compiler keeps one sum in
//! memory then, and half the speed is gone. So it is where multiplying and adding are two instructions, as in
//! WebAssembly: there tiles have 4 rows.) AVX-512 has 32 registers, and tiles of 8 x 2, 6 x 4 and 12 x 2
//! are no faster there or, where the compiler runs out of registers for the rows' addresses, half as fast.

use super::Panels;
use crate::buffer::UNIT;
use crate::simd::Simd;
use photonet_nn::Activation;

/// `output = activate(input * weights + bias) + residual`.
///
/// Row `r` of the input is, for each segment, the `depth` values from `segment + r * step` on: a 1x1
/// convolution has one segment, the stem one for each row of its filter.
pub(crate) struct Product<'a> {
    /// Where the rows are.
    pub input: &'a [f32],
    /// First value of the first row's parts.
    pub segments: &'a [usize],
    /// Values of a row in one segment.
    pub depth: usize,
    /// From one row to the next.
    pub step: usize,
    /// Rows.
    pub rows: usize,
    /// Weights and bias.
    pub panels: &'a Panels,
    /// What follows the sum.
    pub activation: Activation,
    /// `[rows][width]`, added last.
    pub residual: Option<&'a [f32]>,
    /// `[rows][width]`.
    pub output: &'a mut [f32],
}

/// Input values of the rows that stay in the second-level cache while all panels pass.
const BLOCK: usize = 32 * 1024;
/// A multiple of the rows in every kind of tile.
const ROWS: usize = 24;

impl Product<'_> {
    /// Panics where the kernel would leave its slices: a mistake of this crate.
    pub(super) fn check(&self, lanes: usize) {
        let (panels, last) = (self.panels, self.rows.saturating_sub(1) * self.step + self.depth);
        assert_eq!(panels.lanes(), lanes, "weights packed for these instructions");
        assert_eq!(panels.depth(), self.segments.len() * self.depth, "length of the sums");
        assert!(self.segments.iter().all(|segment| segment + last <= self.input.len()), "input");
        assert!(self.rows * panels.width() <= self.output.len(), "output");
        assert!(self.residual.is_none_or(|r| self.rows * panels.width() <= r.len()), "residual");
    }
}

/// The first row and vector of a panel's part of the product.
#[derive(Clone, Copy)]
struct Tile<'a> {
    input: *const f32,
    segments: &'a [usize],
    depth: usize,
    step: usize,
    weights: *const f32,
    bias: *const f32,
    activation: Activation,
    residual: Option<*const f32>,
    output: *mut f32,
    width: usize,
    /// Whether of the last vector only the first values are outputs.
    partial: bool,
}

/// Runs `task`.
///
/// # Safety
/// The CPU has the instructions of `S`, and the task was checked.
#[inline(always)]
pub(super) unsafe fn run<S: Simd>(task: Product<'_>) {
    let Product { input, segments, depth, step, rows, panels, activation, residual, output } = task;
    let width = panels.width();
    let block = (BLOCK / panels.depth()).max(1).next_multiple_of(ROWS);
    for first in (0..rows).step_by(block) {
        let rows = block.min(rows - first);
        let mut weights = panels.weights().as_ptr();
        for vectors in panels.ranges() {
            let column = vectors.start * S::LANES;
            let at = first * width + column;
            // SAFETY: the check has found rows, columns and weights inside their slices.
            unsafe {
                let tile = Tile {
                    input: input.as_ptr().add(first * step),
                    segments,
                    depth,
                    step,
                    weights,
                    bias: panels.bias().as_ptr().add(column),
                    activation,
                    residual: residual.map(|residual| residual.as_ptr().add(at)),
                    output: output.as_mut_ptr().add(at),
                    width,
                    partial: S::LANES > UNIT && vectors.end * S::LANES > width,
                };
                panel::<S>(tile, rows, vectors.len());
                weights = weights.add(vectors.len() * S::LANES * panels.depth());
            }
        }
    }
}

/// All rows of one panel, in the largest tiles first.
#[inline(always)]
unsafe fn panel<S: Simd>(mut tile: Tile<'_>, mut rows: usize, vectors: usize) {
    // SAFETY: as for `run`; a tile never has more rows than are left.
    unsafe {
        while rows > 0 {
            let done = match (vectors, rows) {
                (1, 8..) => tile.run::<S, 8, 1>(),
                (1, 4..) => tile.run::<S, 4, 1>(),
                (1, 2..) => tile.run::<S, 2, 1>(),
                (1, _) => tile.run::<S, 1, 1>(),
                (2, 6..) if S::FUSED => tile.run::<S, 6, 2>(),
                (2, 4..) => tile.run::<S, 4, 2>(),
                (2, 2..) => tile.run::<S, 2, 2>(),
                (2, _) => tile.run::<S, 1, 2>(),
                (3, _) => tile.run::<S, 1, 3>(),
                (4, _) => tile.run::<S, 1, 4>(),
                (5, _) => tile.run::<S, 1, 5>(),
                (6, _) => tile.run::<S, 1, 6>(),
                (7, _) => tile.run::<S, 1, 7>(),
                _ => tile.run::<S, 1, 8>(),
            };
            rows -= done;
            tile = tile.down(done);
        }
    }
}

impl Tile<'_> {
    /// The tile `rows` further down.
    ///
    /// # Safety
    /// At most one past the last row.
    #[inline(always)]
    unsafe fn down(self, rows: usize) -> Self {
        let outputs = rows * self.width;
        // SAFETY: the caller vouches for the rows.
        unsafe {
            Self {
                input: self.input.wrapping_add(rows * self.step),
                residual: self.residual.map(|residual| residual.add(outputs)),
                output: self.output.add(outputs),
                ..self
            }
        }
    }

    /// Works out `R` rows x `V` vectors, and returns `R`.
    ///
    /// # Safety
    /// The CPU has the instructions, and the rows and vectors are inside their slices.
    #[inline(always)]
    unsafe fn run<S: Simd, const R: usize, const V: usize>(&self) -> usize {
        // SAFETY: the caller vouches for rows and vectors.
        unsafe {
            let mut sums = [[S::splat(0.0); V]; R];
            for v in 0..V {
                let bias = S::load(self.bias.add(v * S::LANES));
                for row in &mut sums {
                    row[v] = bias;
                }
            }
            let mut weights = self.weights;
            for segment in self.segments {
                let input = self.input.add(*segment);
                for k in 0..self.depth {
                    let mut of_step = [S::splat(0.0); V];
                    for (v, weight) in of_step.iter_mut().enumerate() {
                        *weight = S::load(weights.add(v * S::LANES));
                    }
                    weights = weights.add(V * S::LANES);
                    for (r, row) in sums.iter_mut().enumerate() {
                        let value = S::splat(*input.add(r * self.step + k));
                        for (sum, weight) in row.iter_mut().zip(of_step) {
                            *sum = S::multiply_add(value, weight, *sum);
                        }
                    }
                }
            }
            for row in &mut sums {
                activate::<S, V>(self.activation, row);
            }
            for (r, row) in sums.iter().enumerate() {
                for (v, sum) in row.iter().enumerate() {
                    let at = r * self.width + v * S::LANES;
                    let residual = self.residual.map(|residual| residual.add(at));
                    if S::LANES > UNIT && self.partial && v + 1 == V {
                        finish::<S::Last>(S::first(*sum), residual, self.output.add(at));
                    } else {
                        finish::<S>(*sum, residual, self.output.add(at));
                    }
                }
            }
            R
        }
    }
}

/// Adds what is at `residual`, and writes a vector.
///
/// # Safety
/// The CPU has the instructions of `S`, and a vector's values lie at both places.
#[inline(always)]
unsafe fn finish<S: Simd>(sum: S::Vector, residual: Option<*const f32>, output: *mut f32) {
    // SAFETY: the caller vouches for the CPU and the places.
    unsafe {
        let value = match residual {
            Some(residual) => S::add(sum, S::load(residual)),
            None => sum,
        };
        S::store(output, value);
    }
}

/// The activation of every vector.
///
/// # Safety
/// The CPU has the instructions of `S`.
#[inline(always)]
pub(super) unsafe fn activate<S: Simd, const V: usize>(activation: Activation, vectors: &mut [S::Vector; V]) {
    // SAFETY: the caller vouches for the CPU.
    unsafe {
        let zero = S::splat(0.0);
        match activation {
            Activation::Identity => {}
            Activation::Relu => {
                for x in vectors {
                    *x = S::max(*x, zero);
                }
            }
            Activation::HardSwish => {
                let (three, six, sixth) = (S::splat(3.0), S::splat(6.0), S::splat(1.0 / 6.0));
                for x in vectors {
                    let clamped = S::min(S::max(S::add(*x, three), zero), six);
                    *x = S::multiply(S::multiply(*x, clamped), sixth);
                }
            }
            Activation::HardSigmoid { slope } => {
                let (slope, half, one) = (S::splat(slope), S::splat(0.5), S::splat(1.0));
                for x in vectors {
                    *x = S::min(S::max(S::multiply_add(*x, slope, half), zero), one);
                }
            }
        }
    }
}
