//! Resizing as `cv2.resize` does on 8-bit images.
//!
//! Source: OpenCV's `imgproc/src/resize.cpp`. Pixel centres lie at half-integers; weights are rounded to 11
//! fractional bits; the horizontal pass keeps 32-bit integers and the vertical one rounds to 8 bits.

use super::Interpolation;
use super::taps::Taps;
use crate::rgb::{Region, View};

const WEIGHT_BITS: u32 = 11;
const ONE: f32 = (1 << WEIGHT_BITS) as f32;

/// One axis: lengths of source and result, and the part of the result that is asked for.
#[derive(Clone, Copy)]
struct Axis {
    source: usize,
    /// Result length over source length.
    growth: f64,
    /// `1 / growth`, which is not always the quotient of the lengths to the last bit.
    scale: f64,
    start: usize,
    count: usize,
}

impl Axis {
    fn new(source: u32, full: u32, start: u32, count: u32) -> Axis {
        let growth = f64::from(full) / f64::from(source);
        Axis {
            source: source as usize,
            growth,
            scale: 1.0 / growth,
            start: start as usize,
            count: count as usize,
        }
    }

    fn samples(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.count
    }

    /// The reduction, if it is a whole number.
    fn whole(&self) -> Option<usize> {
        let rounded = self.scale.round_ties_even();
        ((self.scale - rounded).abs() < f64::EPSILON && rounded >= 1.0).then_some(rounded as usize)
    }
}

pub(super) fn resize(
    view: View<'_>,
    full: (u32, u32),
    region: Region,
    interpolation: Interpolation,
) -> Vec<u8> {
    let x = Axis::new(view.width(), full.0, region.x, region.width);
    let y = Axis::new(view.height(), full.1, region.y, region.height);
    let halved = x.whole() == Some(2) && y.whole() == Some(2);
    match interpolation {
        Interpolation::Nearest => nearest(view, x, y),
        Interpolation::Bilinear if halved => area_whole(view, x, y, 2, 2),
        Interpolation::Bilinear => fixed(view, Placed::linear(x, true), Placed::linear(y, false), linear_row),
        Interpolation::Bicubic => {
            fixed(view, Placed::kernel(x, cubic_weights), Placed::kernel(y, cubic_weights), kernel_row)
        }
        Interpolation::Lanczos => {
            fixed(view, Placed::kernel(x, lanczos_weights), Placed::kernel(y, lanczos_weights), kernel_row)
        }
        Interpolation::Area if x.scale >= 1.0 && y.scale >= 1.0 => match (x.whole(), y.whole()) {
            (Some(by_x), Some(by_y)) => area_whole(view, x, y, by_x, by_y),
            _ => area(view, &area_taps(x), &area_taps(y)),
        },
        // OpenCV enlarges by area as linearly, with its own rule for the weights.
        Interpolation::Area => fixed(view, Placed::enlarging(x), Placed::enlarging(y), linear_row),
    }
}

fn nearest(view: View<'_>, x: Axis, y: Axis) -> Vec<u8> {
    let place = |axis: Axis, index: usize| ((index as f64 * axis.scale) as usize).min(axis.source - 1);
    let columns: Vec<usize> = x.samples().map(|index| place(x, index)).collect();
    let mut data = Vec::with_capacity(x.count * y.count * 3);
    for index in y.samples() {
        let (pixels, _) = view.row(place(y, index)).as_chunks::<3>();
        data.extend(columns.iter().flat_map(|&x| pixels[x]));
    }
    data
}

/// `K` taps per result sample: the source samples (clamped to the image) and their 11-bit weights.
struct Placed<const K: usize>(Vec<[(usize, i32); K]>);

impl<const K: usize> Placed<K> {
    /// Puts `K` weights around `base`, with `K / 2 - 1` of them before it.
    fn tap(axis: Axis, base: i64, weights: [f32; K]) -> [(usize, i32); K] {
        let last = axis.source as i64 - 1;
        let first = base - (K as i64 / 2 - 1);
        std::array::from_fn(|k| {
            let place = (first + k as i64).clamp(0, last) as usize;
            (place, (weights[k] * ONE).round_ties_even() as i32)
        })
    }

    /// A kernel given by its weights at a fraction between two samples.
    fn kernel(axis: Axis, weights: fn(f32) -> [f32; K]) -> Placed<K> {
        let tap = |index| {
            let (base, fraction) = centre(axis, index);
            Self::tap(axis, base, weights(fraction))
        };
        Placed(axis.samples().map(tap).collect())
    }
}

/// Where the centre of result sample `index` falls: the source sample before it and the fraction beyond that.
fn centre(axis: Axis, index: usize) -> (i64, f32) {
    let place = ((index as f64 + 0.5) * axis.scale - 0.5) as f32;
    let base = place.floor();
    (base as i64, place - base)
}

impl Placed<2> {
    /// Linear weights. Beyond the border the horizontal pass takes the border sample with the whole weight;
    /// the vertical one keeps the two weights on the same row, which rounds differently.
    fn linear(axis: Axis, snap: bool) -> Placed<2> {
        let last = axis.source as i64 - 1;
        let tap = |index| {
            let (base, fraction) = centre(axis, index);
            let (base, fraction) = match base {
                ..0 if snap => (0, 0.0),
                _ if snap && base >= last => (last, 0.0),
                _ => (base, fraction),
            };
            Self::tap(axis, base, [1.0 - fraction, fraction])
        };
        Placed(axis.samples().map(tap).collect())
    }

    /// The linear weights of `INTER_AREA` when one of the sides grows.
    fn enlarging(axis: Axis) -> Placed<2> {
        let last = axis.source as i64 - 1;
        let tap = |index: usize| {
            let base = (index as f64 * axis.scale).floor();
            let beyond = ((index as f64 + 1.0) - (base + 1.0) * axis.growth) as f32;
            let fraction = if beyond <= 0.0 { 0.0 } else { beyond - beyond.floor() };
            let base = base as i64;
            let (base, fraction) = if base >= last { (last, 0.0) } else { (base, fraction) };
            Self::tap(axis, base, [1.0 - fraction, fraction])
        };
        Placed(axis.samples().map(tap).collect())
    }
}

fn cubic_weights(x: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let first = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
    let (second, third) = (near(x), near(1.0 - x));
    [first, second, third, 1.0 - first - second - third]
}

/// The 8-tap windowed sinc. Its sines at steps of pi/4 all follow from one sine and one cosine.
fn lanczos_weights(x: f32) -> [f32; 8] {
    use std::f64::consts::{FRAC_1_SQRT_2 as R, PI};
    const TURNS: [[f64; 2]; 8] =
        [[1.0, 0.0], [-R, -R], [0.0, 1.0], [R, -R], [-1.0, 0.0], [R, R], [0.0, -1.0], [-R, R]];
    let angle = -f64::from(x + 3.0) * PI * 0.25;
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    let mut weights = [0f32; 8];
    let mut sum = 0f32;
    for (i, (weight, [s, c])) in weights.iter_mut().zip(TURNS).enumerate() {
        let distance = x + 3.0 - i as f32;
        *weight = if distance.abs() >= 1e-6 {
            let y = -f64::from(distance) * PI * 0.25;
            ((s * sine + c * cosine) / (y * y)) as f32
        } else {
            // On a sample: so large that the division by the sum leaves that sample alone.
            1e30
        };
        sum += *weight;
    }
    let scale = 1.0 / sum;
    weights.map(|weight| weight * scale)
}

/// Both passes: rows are resized horizontally when first needed, and kept while they may be needed again.
fn fixed<const K: usize>(
    view: View<'_>,
    x: Placed<K>,
    y: Placed<K>,
    vertical: fn(&[&[i32]; K], &[i32; K], &mut [u8]),
) -> Vec<u8> {
    let stride = x.0.len() * 3;
    let mut data = vec![0u8; stride * y.0.len()];
    // Consecutive source rows fall into different slots, so a slot is only reused K rows later.
    let mut slots: [(Option<usize>, Vec<i32>); K] = std::array::from_fn(|_| (None, vec![0; stride]));
    for (taps, out) in y.0.iter().zip(data.chunks_exact_mut(stride)) {
        for &(row, _) in taps {
            let (held, line) = &mut slots[row % K];
            if *held != Some(row) {
                horizontal(view.row(row), &x, line);
                *held = Some(row);
            }
        }
        let lines: [&[i32]; K] = std::array::from_fn(|k| slots[taps[k].0 % K].1.as_slice());
        vertical(&lines, &taps.map(|(_, weight)| weight), out);
    }
    data
}

fn horizontal<const K: usize>(row: &[u8], x: &Placed<K>, line: &mut [i32]) {
    let (pixels, _) = row.as_chunks::<3>();
    let (line, _) = line.as_chunks_mut::<3>();
    for (taps, out) in x.0.iter().zip(line) {
        let mut sums = [0; 3];
        for &(place, weight) in taps {
            for (sum, &sample) in sums.iter_mut().zip(&pixels[place]) {
                *sum += i32::from(sample) * weight;
            }
        }
        *out = sums;
    }
}

/// OpenCV's vertical linear pass, which cuts bits at two places before it rounds.
fn linear_row(lines: &[&[i32]; 2], weights: &[i32; 2], out: &mut [u8]) {
    for ((out, &above), &below) in out.iter_mut().zip(lines[0]).zip(lines[1]) {
        let sum = (((above >> 4) * weights[0]) >> 16) + (((below >> 4) * weights[1]) >> 16);
        *out = ((sum + 2) >> 2) as u8;
    }
}

fn kernel_row<const K: usize>(lines: &[&[i32]; K], weights: &[i32; K], out: &mut [u8]) {
    const HALF: i64 = 1 << (2 * WEIGHT_BITS - 1);
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = HALF;
        for (line, &weight) in lines.iter().zip(weights) {
            sum += i64::from(line[i]) * i64::from(weight);
        }
        *out = (sum >> (2 * WEIGHT_BITS)).clamp(0, 255) as u8;
    }
}

/// The mean over blocks of whole pixels.
fn area_whole(view: View<'_>, x: Axis, y: Axis, by_x: usize, by_y: usize) -> Vec<u8> {
    let scale = 1.0 / (by_x * by_y) as f32;
    let mut data = Vec::with_capacity(x.count * y.count * 3);
    let mut sums = vec![[0u64; 3]; x.count];
    for row in y.samples() {
        sums.fill([0; 3]);
        for line in row * by_y..(row + 1) * by_y {
            let (pixels, _) = view.row(line).as_chunks::<3>();
            let blocks = pixels[x.start * by_x..].chunks_exact(by_x);
            for (sum, block) in sums.iter_mut().zip(blocks) {
                for pixel in block {
                    for (sum, &sample) in sum.iter_mut().zip(pixel) {
                        *sum += u64::from(sample);
                    }
                }
            }
        }
        for sum in sums.iter().flatten() {
            data.push(if by_x == 2 && by_y == 2 {
                ((sum + 2) >> 2) as u8
            } else {
                (*sum as f32 * scale).round_ties_even() as u8
            });
        }
    }
    data
}

/// The share of each source sample in the cell of each result sample.
fn area_taps(axis: Axis) -> Taps<f32> {
    /// Shares smaller than this are left out.
    const LEAST: f64 = 1e-3;
    let mut taps = Taps::with_capacity(axis.count);
    for index in axis.samples() {
        let begin = index as f64 * axis.scale;
        let end = begin + axis.scale;
        let cell = axis.scale.min(axis.source as f64 - begin);
        let last = (end.floor() as usize).min(axis.source - 1);
        let first = (begin.ceil() as usize).min(last);
        let before = (first as f64 - begin > LEAST).then(|| ((first as f64 - begin) / cell) as f32);
        let inside = std::iter::repeat_n((1.0 / cell) as f32, last - first);
        let rest = end - last as f64;
        let after = (rest > LEAST).then(|| (rest.min(1.0).min(cell) / cell) as f32);
        let start = if before.is_some() { first - 1 } else { first };
        taps.push(start, before.into_iter().chain(inside).chain(after));
    }
    taps
}

/// The mean over cells with fractional borders, in f32 in OpenCV's order of additions.
fn area(view: View<'_>, x: &Taps<f32>, y: &Taps<f32>) -> Vec<u8> {
    let stride = x.len() * 3;
    let mut data = vec![0u8; stride * y.len()];
    let mut line = vec![[0f32; 3]; x.len()];
    let mut sums = vec![[0f32; 3]; x.len()];
    for ((top, shares), out) in y.iter().zip(data.chunks_exact_mut(stride)) {
        sums.fill([0.0; 3]);
        for (row, &share) in (top..).zip(shares) {
            area_row(view.row(row), x, &mut line);
            for (sum, sample) in sums.iter_mut().flatten().zip(line.iter().flatten()) {
                *sum += share * sample;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums.iter().flatten()) {
            *out = sum.round_ties_even().clamp(0.0, 255.0) as u8;
        }
    }
    data
}

fn area_row(row: &[u8], x: &Taps<f32>, line: &mut [[f32; 3]]) {
    let (pixels, _) = row.as_chunks::<3>();
    for ((first, shares), out) in x.iter().zip(line) {
        let mut sums = [0f32; 3];
        for (pixel, &share) in pixels[first..first + shares.len()].iter().zip(shares) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum += f32::from(sample) * share;
            }
        }
        *out = sums;
    }
}
