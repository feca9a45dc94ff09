//! OpenCV's `INTER_AREA` where both sides shrink: the mean over the covered area.

use super::opencv::Axis;
use super::taps::Taps;
use crate::rgb::View;

/// The mean over blocks of whole pixels.
pub(super) fn area_whole(view: View<'_>, x: Axis, y: Axis, by_x: usize, by_y: usize) -> Vec<u8> {
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
pub(super) fn area_taps(axis: Axis) -> Taps<f32> {
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
pub(super) fn area(view: View<'_>, x: &Taps<f32>, y: &Taps<f32>) -> Vec<u8> {
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
