//! Resizing as `cv2.resize` does on 8-bit images.
//!
//! Source: OpenCV's `imgproc/src/resize.cpp`. Pixel centres lie at half-integers; weights are rounded to 11
//! fractional bits; the horizontal pass keeps 32-bit integers and the vertical one rounds to 8 bits.

#[cfg(vectors)]
use std::marker::PhantomData;

use super::area::{area, area_taps, area_whole};
#[cfg(vectors)]
use super::vectors;
use super::{Instructions, Interpolation};
use crate::rgb::{Region, View};

const WEIGHT_BITS: u32 = 11;
/// Bits that the linear passes cut off between them.
pub(super) const LINEAR_CUT: u32 = 4;
const ONE: f32 = (1 << WEIGHT_BITS) as f32;

/// One axis: lengths of source and result, and the part of the result that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub source: usize,
    /// Result length over source length.
    growth: f64,
    /// `1 / growth`, which is not always the quotient of the lengths to the last bit.
    pub scale: f64,
    pub start: usize,
    pub count: usize,
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

    pub fn samples(&self) -> std::ops::Range<usize> {
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
    instructions: Instructions,
) -> Vec<u8> {
    let x = Axis::new(view.width(), full.0, region.x, region.width);
    let y = Axis::new(view.height(), full.1, region.y, region.height);
    let halved = x.whole() == Some(2) && y.whole() == Some(2);
    match interpolation {
        Interpolation::Nearest => nearest(view, x, y),
        Interpolation::Bilinear if halved => area_whole(view, x, y, 2, 2),
        Interpolation::Bilinear => {
            linear(view, &Placed::linear(x, true), &Placed::linear(y, false), instructions)
        }
        Interpolation::Bicubic => {
            kernel(view, &Placed::kernel(x, cubic_weights), &Placed::kernel(y, cubic_weights), instructions)
        }
        Interpolation::Lanczos => kernel(
            view,
            &Placed::kernel(x, lanczos_weights),
            &Placed::kernel(y, lanczos_weights),
            instructions,
        ),
        Interpolation::Area if x.scale >= 1.0 && y.scale >= 1.0 => match (x.whole(), y.whole()) {
            (Some(by_x), Some(by_y)) => area_whole(view, x, y, by_x, by_y),
            _ => area(view, &area_taps(x), &area_taps(y)),
        },
        // OpenCV enlarges by area as linearly, with its own rule for the weights.
        Interpolation::Area => linear(view, &Placed::enlarging(x), &Placed::enlarging(y), instructions),
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

fn linear(view: View<'_>, x: &Placed<2>, y: &Placed<2>, instructions: Instructions) -> Vec<u8> {
    match instructions {
        #[cfg(vectors)]
        Instructions::Vectors => {
            let across = Across::<vectors::Cut, 1>::new(view, x);
            fixed(x, y, |rows, lines| across.run(rows, lines), linear_row)
        }
        Instructions::Portable => {
            let cut = |sum| (sum >> LINEAR_CUT) as i16;
            fixed(x, y, |rows, lines| horizontal(view, x, rows, lines, cut), linear_row)
        }
    }
}

fn kernel<const K: usize>(
    view: View<'_>,
    x: &Placed<K>,
    y: &Placed<K>,
    instructions: Instructions,
) -> Vec<u8> {
    match instructions {
        #[cfg(vectors)]
        Instructions::Vectors => {
            let across = Across::<vectors::Sums, 2>::new(view, x);
            let down = |lines: &[&[i32]; K], weights: &[i32; K], out: &mut [u8]| {
                // SAFETY: the processor has the vectors, as `Instructions` says.
                unsafe { vectors::kernel_line(lines, weights, out) }
            };
            fixed(x, y, |rows, lines| across.run(rows, lines), down)
        }
        Instructions::Portable => {
            fixed(x, y, |rows, lines| horizontal(view, x, rows, lines, |sum| sum), kernel_row)
        }
    }
}

/// Both passes: rows are resized horizontally when first needed, up to two at once, and kept while they may be needed
/// again. A line has room for a sample more than a row of the result.
fn fixed<S: Copy + Default, const K: usize>(
    x: &Placed<K>,
    y: &Placed<K>,
    across: impl Fn(&[usize], [&mut [S]; 2]),
    down: impl Fn(&[&[S]; K], &[i32; K], &mut [u8]),
) -> Vec<u8> {
    let stride = x.0.len() * 3;
    let line = || vec![S::default(); stride + 1];
    let mut data = vec![0u8; stride * y.0.len()];
    // Consecutive source rows fall into different slots, so a slot is only reused K rows later.
    let mut held = [None; K];
    let mut slots: [Vec<S>; K] = std::array::from_fn(|_| line());
    let mut spare = line();
    for (taps, out) in y.0.iter().zip(data.chunks_exact_mut(stride)) {
        let (mut missing, mut count) = ([0; K], 0);
        for &(row, _) in taps {
            if held[row % K] != Some(row) {
                held[row % K] = Some(row);
                missing[count] = row;
                count += 1;
            }
        }
        for rows in missing[..count].chunks(2) {
            let mut first = std::mem::take(&mut slots[rows[0] % K]);
            let second = rows.get(1).map_or(&mut spare, |row| &mut slots[row % K]);
            across(rows, [&mut first, second]);
            slots[rows[0] % K] = first;
        }
        let lines: [&[S]; K] = std::array::from_fn(|k| &slots[taps[k].0 % K][..stride]);
        down(&lines, &taps.map(|(_, weight)| weight), out);
    }
    data
}

/// The pass along rows on vectors.
#[cfg(vectors)]
struct Across<'a, S, const PAIRS: usize> {
    view: View<'a>,
    weights: vectors::Weights,
    samples: PhantomData<S>,
}

#[cfg(vectors)]
impl<'a, S: vectors::Samples, const PAIRS: usize> Across<'a, S, PAIRS> {
    fn new<const K: usize>(view: View<'a>, x: &Placed<K>) -> Self {
        let weights = vectors::Weights::new::<PAIRS, false>(x.0.iter().map(run));
        Across { view, weights, samples: PhantomData }
    }

    /// One row or two; of one, the second line is left with nothing of use.
    fn run(&self, rows: &[usize], lines: [&mut [S::Sample]; 2]) {
        let row = |row: &usize| self.view.row_with(*row, self.weights.reach);
        let (first, second) = (row(&rows[0]), row(rows.last().unwrap_or(&rows[0])));
        // SAFETY: made for `Instructions::Vectors` alone, which says that the processor has them.
        unsafe { vectors::across::<S, 1, PAIRS, false>(&self.weights, [[&*first, &*second]], [lines]) };
    }
}

/// Taps as a run of consecutive source samples: at the border several are the same one.
#[cfg(vectors)]
fn run<const K: usize>(taps: &[(usize, i32); K]) -> (usize, [i32; K]) {
    let first = taps[0].0;
    let mut weights = [0; K];
    for &(place, weight) in taps {
        weights[place - first] += weight;
    }
    (first, weights)
}

/// The pass along one or two rows.
fn horizontal<S, const K: usize>(
    view: View<'_>,
    x: &Placed<K>,
    rows: &[usize],
    lines: [&mut [S]; 2],
    sample: impl Fn(i32) -> S,
) {
    for (&row, line) in rows.iter().zip(lines) {
        let (pixels, _) = view.row(row).as_chunks::<3>();
        let (line, _) = line.as_chunks_mut::<3>();
        for (taps, out) in x.0.iter().zip(line) {
            let mut sums = [0; 3];
            for &(place, weight) in taps {
                for (sum, &sample) in sums.iter_mut().zip(&pixels[place]) {
                    *sum += i32::from(sample) * weight;
                }
            }
            *out = sums.map(&sample);
        }
    }
}

/// OpenCV's vertical linear pass, which cuts bits at two places before it rounds; the lines have lost [`LINEAR_CUT`]
/// already.
fn linear_row(lines: &[&[i16]; 2], weights: &[i32; 2], out: &mut [u8]) {
    // At most 2^11, so that 16 bits hold them, and an instruction has the upper half of a product.
    let [first, second] = weights.map(|weight| i32::from(weight as i16));
    for ((out, &above), &below) in out.iter_mut().zip(lines[0]).zip(lines[1]) {
        let sum = ((i32::from(above) * first) >> 16) + ((i32::from(below) * second) >> 16);
        *out = ((sum + 2) >> 2) as u8;
    }
}

#[inline(always)]
pub(super) fn kernel_row<const K: usize>(lines: &[&[i32]; K], weights: &[i32; K], out: &mut [u8]) {
    const HALF: i64 = 1 << (2 * WEIGHT_BITS - 1);
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = HALF;
        for (line, &weight) in lines.iter().zip(weights) {
            sum += i64::from(line[i]) * i64::from(weight);
        }
        *out = (sum >> (2 * WEIGHT_BITS)).clamp(0, 255) as u8;
    }
}
