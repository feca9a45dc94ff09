//! Operations that move pixels: Pillow's `Image.transform` and `Image.rotate`.

use crate::Rgb;

/// The direction that a shear moves pixels in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Along {
    X,
    Y,
}

/// Each line along `along` moved by `factor` times its own place, by bicubic interpolation.
///
/// Across that direction every pixel stays on its own line, where the interpolation of two dimensions has
/// nothing to add.
pub(super) fn shear(image: &mut Rgb, along: Along, factor: f64, fill: [u8; 3]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let source = image.data().to_vec();
    let (pixels, _) = source.as_chunks::<3>();
    for (y, row) in image.data_mut().chunks_exact_mut(width * 3).enumerate() {
        for (x, out) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (own, other, first, step, length) = match along {
                Along::X => (x, y, y * width, 1, width),
                Along::Y => (y, x, x, width, height),
            };
            let place = (own as f64 + 0.5) + factor * (other as f64 + 0.5);
            *out = if place < 0.0 || place >= length as f64 {
                fill
            } else {
                cubic(place, length, |at| pixels[first + at * step])
            };
        }
    }
}

/// The pixel at `place` of a line of `length` pixels, which repeats its ends; pixels have their middles at
/// halves.
fn cubic(place: f64, length: usize, pixel: impl Fn(usize) -> [u8; 3]) -> [u8; 3] {
    let place = place - 0.5;
    let before = place.floor();
    let d = place - before;
    // `place` lies in the line, so `before` is -1 or more.
    let at = |offset: i64| pixel((before as i64 + offset).clamp(0, length as i64 - 1) as usize);
    let near = [at(-1), at(0), at(1), at(2)];
    std::array::from_fn(|c| {
        let [v1, v2, v3, v4] = near.map(|pixel| i32::from(pixel[c]));
        let p2 = f64::from(v3 - v1);
        let p3 = f64::from(2 * (v1 - v2) + v3 - v4);
        let p4 = f64::from(v4 - v3 + v2 - v1);
        (f64::from(v2) + d * (p2 + d * (p3 + d * p4))) as u8
    })
}

/// The photo moved to the left by `dx` pixels and up by `dy`, each pixel the nearest of the photo.
pub(super) fn translate(image: &mut Rgb, dx: f64, dy: f64, fill: [u8; 3]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let source = image.data().to_vec();
    let (pixels, _) = source.as_chunks::<3>();
    let (columns, rows) = (places(dx, width), places(dy, height));
    for (row, from) in image.data_mut().chunks_exact_mut(width * 3).zip(rows) {
        for (out, column) in row.as_chunks_mut::<3>().0.iter_mut().zip(&columns) {
            *out = match (from, column) {
                (Some(y), Some(x)) => pixels[y * width + x],
                _ => fill,
            };
        }
    }
}

/// For each pixel of a line of `length` the one that it shows, if there is one.
fn places(shift: f64, length: usize) -> Vec<Option<usize>> {
    let mut place = shift + 0.5;
    let next = || {
        let at = whole(place, length);
        // Added up as Pillow does: at an edge a rounding decides.
        place += 1.0;
        at
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The pixel of a line of `length` that `place` lies in.
fn whole(place: f64, length: usize) -> Option<usize> {
    (place >= 0.0).then_some(place as usize).filter(|at| *at < length)
}

/// The photo turned counter-clockwise about its middle, each pixel the nearest of the photo.
pub(super) fn rotate(image: &mut Rgb, degrees: f64, fill: [u8; 3]) {
    let turn = Turn::new(degrees, image.width(), image.height());
    let (width, height) = (image.width() as usize, image.height() as usize);
    let source = image.data().to_vec();
    let (pixels, _) = source.as_chunks::<3>();
    let from = |x: Option<usize>, y: Option<usize>| match (x, y) {
        (Some(x), Some(y)) => pixels[y * width + x],
        _ => fill,
    };
    let out = image.data_mut().as_chunks_mut::<3>().0;
    if turn.fits_fixed_point(width, height) {
        let [a, b, c, d, e, f] = turn.fixed_point();
        let part = |place: i64, length| usize::try_from(place >> 16).ok().filter(|at| *at < length);
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            let (mut x_place, mut y_place) = (c + b * y as i64, f + e * y as i64);
            for out in row {
                *out = from(part(x_place, width), part(y_place, height));
                x_place += a;
                y_place += d;
            }
        }
        return;
    }
    let Turn([a, b, c, d, e, f]) = turn;
    let (mut x_start, mut y_start) = (c + b * 0.5 + a * 0.5, f + e * 0.5 + d * 0.5);
    for row in out.chunks_exact_mut(width) {
        let (mut x_place, mut y_place) = (x_start, y_start);
        for out in row {
            *out = from(whole(x_place, width), whole(y_place, height));
            x_place += a;
            y_place += d;
        }
        x_start += b;
        y_start += e;
    }
}

/// From a place of the result to one of the photo: `a x + b y + c` and `d x + e y + f`.
struct Turn([f64; 6]);

impl Turn {
    fn new(degrees: f64, width: u32, height: u32) -> Turn {
        let angle = -degrees.rem_euclid(360.0).to_radians();
        let (cos, sin) = (round_15(libm::cos(angle)), round_15(libm::sin(angle)));
        let (x, y) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        Turn([cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y])
    }

    /// Whether Pillow counts in 16.16 bits, which it does unless a photo is very long.
    fn fits_fixed_point(&self, width: usize, height: usize) -> bool {
        let Turn([a, b, c, d, e, f]) = *self;
        let (w, h) = (width as f64, height as f64);
        [(0.0, 0.0), (w, h), (0.0, h), (w, 0.0)]
            .into_iter()
            .all(|(x, y)| (x * a + y * b + c).abs() < 32_768.0 && (x * d + y * e + f).abs() < 32_768.0)
    }

    /// The same in 16.16 bits, the middle of the first pixel in the addends.
    fn fixed_point(&self) -> [i64; 6] {
        let Turn([a, b, c, d, e, f]) = *self;
        [a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5]
            .map(|value| (value * 65_536.0 + 0.5).floor() as i64)
    }
}

/// Rounded to 15 decimal places, as Python rounds.
fn round_15(value: f64) -> f64 {
    format!("{value:.15}").parse().unwrap_or(value)
}
