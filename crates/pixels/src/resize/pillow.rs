//! Resizing as `PIL.Image.resize` does: a horizontal pass, rounded to 8 bits, then a vertical one.
//!
//! Source: the resampling of Pillow's C core (`Resample.c`) and, for nearest, its affine transform
//! (`Geometry.c`). The kernel's support is scaled by the reduction, its weights are computed in f64,
//! normalised to a sum of 1 and rounded to 22 fractional bits; sums are 32-bit integers.

#[cfg(vectors)]
use std::array::from_fn;
use std::f64::consts::PI;
use std::ops::Range;

use super::taps::Taps;
#[cfg(vectors)]
use super::vectors;
use super::{Instructions, Interpolation, check_pixels};
use crate::VisionError;
use crate::rgb::{Region, View};

/// 8 bits of the 32 are the result's and 2 are kept for kernels with negative lobes.
pub(super) const WEIGHT_BITS: u32 = 32 - 8 - 2;
pub(super) const HALF: i32 = 1 << (WEIGHT_BITS - 1);
/// Bytes that the lines between the passes are multiples of.
pub(super) const BLOCK: usize = 32;

pub(super) fn resize(
    view: View<'_>,
    full: (u32, u32),
    region: Region,
    interpolation: Interpolation,
    instructions: Instructions,
) -> Result<Vec<u8>, VisionError> {
    let kernel: Kernel = match interpolation {
        Interpolation::Nearest => return Ok(nearest(view, full, region)),
        Interpolation::Area => Kernel { support: 0.5, weight: area },
        Interpolation::Bilinear => Kernel { support: 1.0, weight: triangle },
        Interpolation::Bicubic => Kernel { support: 2.0, weight: cubic },
        Interpolation::Lanczos => Kernel { support: 3.0, weight: lanczos },
    };
    let columns = kernel.taps(view.width(), full.0, region.x, region.width);
    let rows = kernel.taps(view.height(), full.1, region.y, region.height);
    let (first, end) = if full.1 == view.height() {
        (region.y as usize, (region.y + region.height) as usize)
    } else {
        let first = rows.iter().map(|(first, _)| first).min().unwrap_or(0);
        (first, rows.iter().map(|(first, weights)| first + weights.len()).max().unwrap_or(first))
    };
    let line = region.width as usize * 3;
    // Passes take up to four rows at once and blocks of a line, and write a sample beyond its end.
    let stride = (line + 1).next_multiple_of(BLOCK);
    let lines = (end - first).next_multiple_of(4);
    check_pixels(view, full, stride.div_ceil(3) as u64, lines as u64)?;
    let mut between = vec![0u8; stride * lines];
    if full.0 == view.width() {
        let start = region.x as usize * 3;
        for (y, out) in (first..end).zip(between.chunks_exact_mut(stride)) {
            out[..line].copy_from_slice(&view.row(y)[start..start + line]);
        }
    } else {
        across(view, first..end, &columns, &mut between, stride, instructions);
    }
    if full.1 == view.height() {
        for row in 0..end - first {
            between.copy_within(row * stride..row * stride + line, row * line);
        }
        between.truncate(line * (end - first));
        return Ok(between);
    }
    let mut data = vec![0u8; line * region.height as usize];
    let mut sums = Vec::new();
    for ((start, weights), out) in rows.iter().zip(data.chunks_exact_mut(line)) {
        let lines = &between[(start - first) * stride..];
        match instructions {
            // SAFETY: the processor has the vectors, as `Instructions` says.
            #[cfg(vectors)]
            Instructions::Vectors => unsafe { vectors::down(lines, stride, weights, out) },
            Instructions::Portable => down(lines, stride, weights, &mut sums, out),
        }
    }
    Ok(data)
}

/// The pass along the rows `rows` of `view`.
fn across(
    view: View<'_>,
    rows: Range<usize>,
    columns: &Taps<i32>,
    between: &mut [u8],
    stride: usize,
    instructions: Instructions,
) {
    match instructions {
        #[cfg(vectors)]
        Instructions::Vectors => {
            const PAIRS: usize = vectors::PAIRS_OF_ROWS;
            let weights = vectors::Weights::new::<2, true>(columns.iter());
            let last = rows.end - 1;
            let at_once = 2 * PAIRS;
            for (y, lines) in rows.step_by(at_once).zip(between.chunks_exact_mut(at_once * stride)) {
                let rows: [[_; 2]; PAIRS] = from_fn(|pair| {
                    from_fn(|row| view.row_with((y + 2 * pair + row).min(last), weights.reach))
                });
                let mut lines = lines.chunks_exact_mut(stride);
                let lines = from_fn(|_| from_fn(|_| lines.next().unwrap_or_default()));
                let rows = rows.each_ref().map(|pair| pair.each_ref().map(|row| &**row));
                // SAFETY: the processor has the vectors, as `Instructions` says.
                unsafe { vectors::across::<vectors::Bytes, PAIRS, 2, true>(&weights, rows, lines) };
            }
        }
        Instructions::Portable => {
            for (y, out) in rows.zip(between.chunks_exact_mut(stride)) {
                horizontal(view.row(y), columns, out);
            }
        }
    }
}

fn horizontal(row: &[u8], columns: &Taps<i32>, out: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    for ((first, weights), out) in columns.iter().zip(out) {
        let mut sums = [HALF; 3];
        for (pixel, &weight) in pixels[first..first + weights.len()].iter().zip(weights) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(sample) * weight;
            }
        }
        *out = sums.map(to_8);
    }
}

/// One line of the result, of lines `stride` bytes from each other.
fn down(lines: &[u8], stride: usize, weights: &[i32], sums: &mut Vec<i32>, out: &mut [u8]) {
    sums.clear();
    sums.resize(out.len(), HALF);
    for (line, &weight) in lines.chunks_exact(stride).zip(weights) {
        for (sum, &sample) in sums.iter_mut().zip(line) {
            *sum += i32::from(sample) * weight;
        }
    }
    for (out, &sum) in out.iter_mut().zip(&*sums) {
        *out = to_8(sum);
    }
}

fn to_8(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// Steps from pixel centre to pixel centre by repeated addition, as the affine transform does.
fn nearest(view: View<'_>, full: (u32, u32), region: Region) -> Vec<u8> {
    let places = |source: u32, full: u32, start: u32, count: u32| -> Vec<usize> {
        let step = f64::from(source) / f64::from(full);
        let mut centre = step * 0.5;
        for _ in 0..start {
            centre += step;
        }
        let mut places = Vec::with_capacity(count as usize);
        for _ in 0..count {
            places.push((centre as usize).min(source as usize - 1));
            centre += step;
        }
        places
    };
    let columns = places(view.width(), full.0, region.x, region.width);
    let rows = places(view.height(), full.1, region.y, region.height);
    let mut data = Vec::with_capacity(columns.len() * rows.len() * 3);
    for y in rows {
        let (pixels, _) = view.row(y).as_chunks::<3>();
        data.extend(columns.iter().flat_map(|&x| pixels[x]));
    }
    data
}

struct Kernel {
    /// Half the width of the kernel at its original scale, in source samples.
    support: f64,
    weight: fn(f64) -> f64,
}

impl Kernel {
    /// The weights of the `count` result samples from `start` on, of an axis resized from `source` to `full`.
    fn taps(&self, source: u32, full: u32, start: u32, count: u32) -> Taps<i32> {
        let scale = f64::from(source) / f64::from(full);
        let widening = scale.max(1.0);
        let support = self.support * widening;
        let narrowing = 1.0 / widening;
        let mut taps = Taps::with_capacity(count as usize);
        let mut weights = Vec::new();
        for index in start..start + count {
            let centre = (f64::from(index) + 0.5) * scale;
            // A conversion to an integer cuts towards zero, as C's does, and never goes below it here.
            let first = (centre - support + 0.5).max(0.0) as u32;
            let end = ((centre + support + 0.5) as u32).min(source);
            weights.clear();
            let at = |x: u32| (f64::from(x) - centre + 0.5) * narrowing;
            weights.extend((first..end).map(|x| (self.weight)(at(x))));
            let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
            if total != 0.0 {
                for weight in &mut weights {
                    *weight /= total;
                }
            }
            taps.push(first as usize, weights.iter().map(|&weight| fixed(weight)));
        }
        taps
    }
}

/// Rounds to the fixed point, halves away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << WEIGHT_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

fn area(x: f64) -> f64 {
    if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(x * PI) / (x * PI) }
}
