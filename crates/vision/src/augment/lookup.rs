//! Operations that are a table of 256 bytes for each channel: Pillow's `ImageOps`.

use crate::Rgb;

type Table = [u8; 256];

/// Replaces every byte of all channels by what `byte` makes of it.
pub(super) fn map(image: &mut Rgb, byte: impl Fn(u8) -> u8) {
    let mut table: Table = [0; 256];
    for (out, value) in table.iter_mut().zip(0..=255) {
        *out = byte(value);
    }
    look_up(image, &[table; 3]);
}

fn look_up(image: &mut Rgb, tables: &[Table; 3]) {
    for pixel in image.data_mut().as_chunks_mut::<3>().0 {
        for (byte, table) in pixel.iter_mut().zip(tables) {
            *byte = table[usize::from(*byte)];
        }
    }
}

/// How often each byte comes in each channel.
fn histograms(image: &Rgb) -> [[u64; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in image.data().as_chunks::<3>().0 {
        for (count, byte) in counts.iter_mut().zip(pixel) {
            count[usize::from(*byte)] += 1;
        }
    }
    counts
}

pub(super) fn posterize(image: &mut Rgb, bits: u32) {
    let mask = !(0xFF_u32 >> bits) as u8;
    map(image, |byte| byte & mask);
}

pub(super) fn solarize(image: &mut Rgb, threshold: f64) {
    map(image, |byte| if f64::from(byte) < threshold { byte } else { !byte });
}

pub(super) fn solarize_add(image: &mut Rgb, addend: u8) {
    map(image, |byte| if byte < 128 { byte.saturating_add(addend) } else { byte });
}

pub(super) fn invert(image: &mut Rgb) {
    map(image, |byte| !byte);
}

pub(super) fn auto_contrast(image: &mut Rgb) {
    let tables = histograms(image).map(|counts| {
        let least = counts.iter().position(|&count| count > 0).unwrap_or(0);
        let greatest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        if greatest <= least {
            return same();
        }
        let scale = 255.0 / (greatest - least) as f64;
        let offset = -(least as f64) * scale;
        std::array::from_fn(|byte| (byte as f64 * scale + offset) as u8)
    });
    look_up(image, &tables);
}

pub(super) fn equalize(image: &mut Rgb) {
    let tables = histograms(image).map(|counts| {
        let pixels: u64 = counts.iter().sum();
        let last = counts.iter().rfind(|&&count| count > 0).copied().unwrap_or(0);
        // One byte alone has no pixels before its last, and so no step either.
        let step = (pixels - last) / 255;
        if step == 0 {
            return same();
        }
        let mut before = step / 2;
        counts.map(|count| {
            let byte = u8::try_from(before / step).unwrap_or(u8::MAX);
            before += count;
            byte
        })
    });
    look_up(image, &tables);
}

/// The table that changes nothing.
fn same() -> Table {
    std::array::from_fn(|byte| byte as u8)
}
