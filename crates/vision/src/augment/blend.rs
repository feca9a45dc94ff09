//! Operations that go from another picture to the photo or beyond it: Pillow's `ImageEnhance`.

use super::lookup::map;
use crate::Rgb;

/// `from` at factor 0, `to` at 1, in single precision and rounded down, as Pillow has it.
fn mix(from: u8, to: u8, factor: f32) -> u8 {
    // The conversion also limits what lies beyond 0 and 255.
    (f32::from(from) + factor * f32::from(i16::from(to) - i16::from(from))) as u8
}

/// Luma by ITU-R 601, in Pillow's fixed point.
fn grey([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

pub(super) fn brightness(image: &mut Rgb, factor: f32) {
    map(image, |byte| mix(0, byte, factor));
}

pub(super) fn contrast(image: &mut Rgb, factor: f32) {
    let pixels = image.data().as_chunks::<3>().0;
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(grey(pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    map(image, |byte| mix(mean, byte, factor));
}

pub(super) fn color(image: &mut Rgb, factor: f32) {
    for pixel in image.data_mut().as_chunks_mut::<3>().0 {
        let grey = grey(*pixel);
        for byte in pixel {
            *byte = mix(grey, *byte, factor);
        }
    }
}

/// The smoothed photo is the mean of 3x3 pixels, in which the middle one counts five times. Pixels of the
/// edge are not smoothed.
pub(super) fn sharpness(image: &mut Rgb, factor: f32) {
    let line = image.width() as usize * 3;
    if image.width() < 3 || image.height() < 3 {
        return;
    }
    let source = image.data().to_vec();
    let mut columns = vec![0_u16; line];
    let rows: Vec<&[u8]> = source.chunks_exact(line).collect();
    for (rows, out) in rows.windows(3).zip(image.data_mut().chunks_exact_mut(line).skip(1)) {
        let &[above, row, below] = rows else { continue };
        for (((column, a), b), c) in columns.iter_mut().zip(above).zip(row).zip(below) {
            *column = u16::from(*a) + u16::from(*b) + u16::from(*c);
        }
        let neighbours = columns.iter().zip(&columns[3..]).zip(&columns[6..]);
        for ((out, &byte), ((left, middle), right)) in out[3..].iter_mut().zip(&row[3..]).zip(neighbours) {
            let sum = left + middle + right + 4 * u16::from(byte);
            // To the nearest whole number: a thirteenth never lies half-way.
            let smooth = ((2 * sum + 13) / 26) as u8;
            *out = mix(smooth, byte, factor);
        }
    }
}
