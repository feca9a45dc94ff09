//! Depthwise convolutions, 3x3 and 5x5, stride 1 and 2.
//!
//! A vector is a group of channels. A tile is seven neighbouring outputs of a row, since 7 divides
//! the widths of a 224-pixel network; their sums, one row of the filter and one input fill 14 registers.
//! Each input column is loaded once for all outputs of the tile that see it. Tiles at the left and
//! right border read through a table of columns in which those outside the image are zeros.

use super::product::activate;
use crate::buffer::UNIT;
use crate::simd::Simd;
use photonet_nn::{Activation, Geometry};

/// Outputs in a tile.
const TILE: usize = 7;
/// The most columns and rows that a tile sees: kernel 5, stride 2.
const COLUMNS: usize = 17;
const TAPS: usize = 5;
/// Whether all tiles read through the table: in a page, where that takes no longer, and 19 KB less to download.
const TABLE_ALONE: bool = cfg!(target_arch = "wasm32");

/// `output = activate(input * weights + bias)`, every channel with its own filter.
pub(crate) struct DepthwiseTask<'a> {
    /// Sizes; batch 1, kernel 3 or 5, stride 1 or 2.
    pub geometry: Geometry,
    /// Channels, padding included.
    pub channels: usize,
    /// `[height][width][channels]`.
    pub input: &'a [f32],
    /// `[kernel][kernel][channels]`.
    pub weights: &'a [f32],
    /// `[channels]`.
    pub bias: &'a [f32],
    /// `[channels]`, all 0.
    pub zeros: &'a [f32],
    /// What follows the sum.
    pub activation: Activation,
    /// `[height][width][channels]`.
    pub output: &'a mut [f32],
    /// `[channels]`, where the outputs are added up over all positions.
    pub sums: Option<&'a mut [f32]>,
}

impl DepthwiseTask<'_> {
    /// Panics where the kernel would leave its slices: a mistake of this crate.
    pub(super) fn check(&self) {
        let (geometry, channels) = (&self.geometry, self.channels);
        let (kernel, stride) = (geometry.kernel, geometry.stride);
        assert!(matches!(kernel, 3 | 5) && matches!(stride, 1 | 2), "kernel {kernel}, stride {stride}");
        assert!(channels.is_multiple_of(UNIT), "{channels} channels");
        assert!(geometry.input.pixels() * channels <= self.input.len(), "input");
        assert!(geometry.output().pixels() * channels <= self.output.len(), "output");
        assert!(kernel * kernel * channels <= self.weights.len(), "weights");
        assert!(channels <= self.bias.len().min(self.zeros.len()), "bias and zeros");
        assert!(self.sums.as_ref().is_none_or(|sums| channels <= sums.len()), "sums");
    }
}

/// Runs `task`.
///
/// # Safety
/// The CPU has the instructions of `S`, and the task was checked.
#[inline(always)]
pub(super) unsafe fn run<S: Simd>(task: DepthwiseTask<'_>) {
    // SAFETY: the caller vouches for CPU and sizes.
    unsafe {
        match (task.geometry.kernel, task.geometry.stride) {
            (3, 1) => rows::<S, 3, 1>(task),
            (3, _) => rows::<S, 3, 2>(task),
            (_, 1) => rows::<S, 5, 1>(task),
            _ => rows::<S, 5, 2>(task),
        }
    }
}

/// What a tile reads and writes, for the first channel.
struct Tile {
    /// Its first column in each row of the filter, for tiles inside the image.
    rows: [*const f32; TAPS],
    /// Each of its columns in each row of the filter, for tiles at a border.
    columns: [[*const f32; COLUMNS]; TAPS],
    /// First weight of each row of the filter.
    weights: [*const f32; TAPS],
    /// Rows of the filter inside the image.
    taps: usize,
    output: *mut f32,
    /// Outputs inside the image, the others are worked out and dropped.
    valid: usize,
}

#[inline(always)]
unsafe fn rows<S: Simd, const K: usize, const STRIDE: usize>(mut task: DepthwiseTask<'_>) {
    let (from, to) = (task.geometry.input, task.geometry.output());
    let (pad_y, pad_x) = task.geometry.padding_before();
    let channels = task.channels;
    let seen = (TILE - 1) * STRIDE + K;
    let null = std::ptr::null();
    let mut tile = Tile {
        rows: [null; TAPS],
        columns: [[null; COLUMNS]; TAPS],
        weights: [null; TAPS],
        taps: 0,
        output: task.output.as_mut_ptr(),
        valid: 0,
    };
    for y in 0..to.height {
        let first_tap = pad_y.saturating_sub(y * STRIDE);
        let last_tap = K.min(from.height + pad_y - y * STRIDE);
        tile.taps = last_tap - first_tap;
        for x in (0..to.width).step_by(TILE) {
            tile.valid = TILE.min(to.width - x);
            // The first column seen, counted from the image's; below 0 it is padding.
            let inside = x * STRIDE >= pad_x && x * STRIDE - pad_x + seen <= from.width;
            for tap in 0..tile.taps {
                let row = &task.input[(y * STRIDE + first_tap + tap - pad_y) * from.width * channels..];
                tile.weights[tap] = task.weights[(first_tap + tap) * K * channels..].as_ptr();
                if inside {
                    tile.rows[tap] = row[(x * STRIDE - pad_x) * channels..].as_ptr();
                    continue;
                }
                for (u, column) in tile.columns[tap].iter_mut().enumerate().take(seen) {
                    *column = match (x * STRIDE + u).checked_sub(pad_x) {
                        Some(at) if at < from.width => row[at * channels..].as_ptr(),
                        _ => task.zeros.as_ptr(),
                    };
                }
            }
            // SAFETY: the table has pointers to `channels` values each, inside the image or zeros;
            // the check has found weights, bias and outputs inside their slices.
            unsafe {
                tile.output = task.output.as_mut_ptr().add((y * to.width + x) * channels);
                if inside && tile.valid == TILE && !TABLE_ALONE {
                    outputs::<S, K, STRIDE, false>(&tile, &mut task);
                } else {
                    if inside {
                        border_of(&mut tile, seen, channels);
                    }
                    outputs::<S, K, STRIDE, true>(&tile, &mut task);
                }
            }
        }
    }
}

/// The table of columns of a tile whose columns are all inside the image.
fn border_of(tile: &mut Tile, seen: usize, channels: usize) {
    for tap in 0..tile.taps {
        for (u, column) in tile.columns[tap].iter_mut().enumerate().take(seen) {
            *column = tile.rows[tap].wrapping_add(u * channels);
        }
    }
}

/// Writes the body once for each column, so that sums and weights are picked when compiling.
macro_rules! each_column {
    ($u:ident, $body:block) => {
        each_column!(@ $u, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    (@ $u:ident, $body:block, $($n:literal)*) => {
        $({
            const $u: usize = $n;
            $body
        })*
    };
}

/// All channels of one tile.
#[inline(always)]
unsafe fn outputs<S: Simd, const K: usize, const STRIDE: usize, const BORDER: bool>(
    tile: &Tile,
    task: &mut DepthwiseTask<'_>,
) {
    let whole = task.channels - task.channels % S::LANES;
    // SAFETY: the caller vouches for all pointers and the task's channels behind each, a multiple of `UNIT`.
    unsafe {
        for c in (0..whole).step_by(S::LANES) {
            vector::<S, K, STRIDE, BORDER>(tile, task, c);
        }
        if S::LANES > UNIT && whole < task.channels {
            vector::<S::Last, K, STRIDE, BORDER>(tile, task, whole);
        }
    }
}

/// The channels of one vector, from `c` on.
#[inline(always)]
unsafe fn vector<S: Simd, const K: usize, const STRIDE: usize, const BORDER: bool>(
    tile: &Tile,
    task: &mut DepthwiseTask<'_>,
    c: usize,
) {
    let channels = task.channels;
    // SAFETY: the caller vouches for all pointers, and a vector's channels behind `c`.
    unsafe {
        let mut sums = [S::load(task.bias.as_ptr().add(c)); TILE];
        for tap in 0..tile.taps {
            let mut weights = [S::splat(0.0); K];
            for (j, weight) in weights.iter_mut().enumerate() {
                *weight = S::load(tile.weights[tap].add(j * channels + c));
            }
            each_column!(U, {
                if U < (TILE - 1) * STRIDE + K {
                    let column = if BORDER { tile.columns[tap][U] } else { tile.rows[tap].add(U * channels) };
                    let value = S::load(column.add(c));
                    for (t, sum) in sums.iter_mut().enumerate() {
                        if (t * STRIDE..t * STRIDE + K).contains(&U) {
                            *sum = S::multiply_add(value, weights[U - t * STRIDE], *sum);
                        }
                    }
                }
            });
        }
        activate::<S, TILE>(task.activation, &mut sums);
        let mut total = S::splat(0.0);
        for (t, sum) in sums.iter().enumerate() {
            if !BORDER || t < tile.valid {
                S::store(tile.output.add(t * channels + c), *sum);
                total = S::add(total, *sum);
            }
        }
        if let Some(sums) = &mut task.sums {
            let place = sums.as_mut_ptr().add(c);
            S::store(place, S::add(S::load(place), total));
        }
    }
}
