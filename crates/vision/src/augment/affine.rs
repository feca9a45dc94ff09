//! Operations that move pixels: Pillow's `Image.transform` and `Image.rotate`.

use serde::{Deserialize, Serialize};

use crate::Rgb;

/// How a pixel is made of those around the place that it shows. These are Pillow's for transforms, which
/// never average over more pixels than named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// The pixel that the place lies in.
    Nearest,
    /// Of 2 x 2 pixels.
    Bilinear,
    /// Of 4 x 4 pixels.
    Bicubic,
}

/// From a place of the result to one of the photo: `a x + b y + c` and `d x + e y + f`, in pixels.
pub(super) struct Matrix([f64; 6]);

impl Matrix {
    pub(super) fn shear_x(factor: f64) -> Matrix {
        Matrix([1.0, factor, 0.0, 0.0, 1.0, 0.0])
    }

    pub(super) fn shear_y(factor: f64) -> Matrix {
        Matrix([1.0, 0.0, 0.0, factor, 1.0, 0.0])
    }

    /// To the left by `x` pixels and up by `y`.
    pub(super) fn translation(x: f64, y: f64) -> Matrix {
        Matrix([1.0, 0.0, x, 0.0, 1.0, y])
    }

    /// Counter-clockwise about the middle.
    pub(super) fn rotation(degrees: f64, image: &Rgb) -> Matrix {
        let angle = -degrees.rem_euclid(360.0).to_radians();
        let (cos, sin) = (round_15(libm::cos(angle)), round_15(libm::sin(angle)));
        let (x, y) = (f64::from(image.width()) / 2.0, f64::from(image.height()) / 2.0);
        Matrix([cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y])
    }

    /// Whether columns stay columns and rows rows.
    fn is_straight(&self) -> bool {
        self.0[1] == 0.0 && self.0[3] == 0.0
    }

    /// Whether Pillow counts in 16.16 bits, which it does unless a photo is very long.
    fn fits_fixed_point(&self, width: usize, height: usize) -> bool {
        let Matrix([a, b, c, d, e, f]) = *self;
        let (w, h) = (width as f64, height as f64);
        let near =
            |x: f64, y: f64| (x * a + y * b + c).abs() < 32_768.0 && (x * d + y * e + f).abs() < 32_768.0;
        near(0.0, 0.0) && near(w, h) && near(0.0, h) && near(w, 0.0)
    }

    /// Where the middle of the first pixel comes from.
    fn first(&self) -> (f64, f64) {
        let Matrix([a, b, c, d, e, f]) = *self;
        (c + a * 0.5 + b * 0.5, f + d * 0.5 + e * 0.5)
    }
}

/// Rounded to 15 decimal places, as Python rounds.
fn round_15(value: f64) -> f64 {
    format!("{value:.15}").parse().unwrap_or(value)
}

/// Each pixel of the result from where `matrix` says, and `fill` where that is outside the photo.
pub(super) fn transform(image: &mut Rgb, matrix: &Matrix, filter: Filter, fill: [u8; 3]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let bytes = image.data().to_vec();
    let source = Source { pixels: bytes.as_chunks().0, width, height, fill };
    let rows = image.data_mut().as_chunks_mut().0.chunks_exact_mut(width);
    match filter {
        Filter::Nearest if matrix.is_straight() => straight(rows, &source, matrix),
        Filter::Nearest if matrix.fits_fixed_point(width, height) => in_fixed_point(rows, &source, matrix),
        Filter::Nearest => in_floating_point(rows, &source, matrix),
        Filter::Bilinear => interpolated(rows, &source, matrix, bilinear),
        Filter::Bicubic => interpolated(rows, &source, matrix, bicubic),
    }
}

struct Source<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    height: usize,
    fill: [u8; 3],
}

impl Source<'_> {
    fn pixel_or_fill(&self, x: Option<usize>, y: Option<usize>) -> [u8; 3] {
        match (x, y) {
            (Some(x), Some(y)) => self.pixels[y * self.width + x],
            _ => self.fill,
        }
    }

    /// The pixel at a place that lies in the photo or a little beside, where its edge is repeated.
    fn clamped(&self, x: i64, y: i64) -> [f64; 3] {
        let within = |at: i64, length: usize| at.clamp(0, length as i64 - 1) as usize;
        self.pixels[within(y, self.height) * self.width + within(x, self.width)].map(f64::from)
    }

    /// Four pixels from a place on, to the right or down, as [`Source::clamped`] has them.
    fn four(&self, x: i64, y: i64, down: bool) -> [[f64; 3]; 4] {
        let (right, down) = (i64::from(!down), i64::from(down));
        let (last_x, last_y) = (x + 3 * right, y + 3 * down);
        if x < 0 || last_x >= self.width as i64 || y < 0 || last_y >= self.height as i64 {
            return [0, 1, 2, 3].map(|at| self.clamped(x + at * right, y + at * down));
        }
        let step = if down == 1 { self.width } else { 1 };
        let pixels = &self.pixels[y as usize * self.width + x as usize..];
        [0, 1, 2, 3].map(|at| pixels[at * step].map(f64::from))
    }
}

type Rows<'a> = std::slice::ChunksExactMut<'a, [u8; 3]>;

/// The pixel of a line of `length` that `place` lies in.
fn whole(place: f64, length: usize) -> Option<usize> {
    (place >= 0.0).then_some(place as usize).filter(|at| *at < length)
}

/// The pixels of a line that one of the same `length` shows, from `first` in steps of `step`, which are added
/// up as Pillow does: at an edge a rounding decides.
fn places(first: f64, step: f64, length: usize) -> Vec<Option<usize>> {
    let mut place = first;
    let next = || {
        let at = whole(place, length);
        place += step;
        at
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn straight(rows: Rows<'_>, source: &Source<'_>, matrix: &Matrix) {
    let Matrix([a, _, c, _, e, f]) = *matrix;
    let columns = places(c + a * 0.5, a, source.width);
    for (row, y) in rows.zip(places(f + e * 0.5, e, source.height)) {
        for (out, x) in row.iter_mut().zip(&columns) {
            *out = source.pixel_or_fill(*x, y);
        }
    }
}

fn in_fixed_point(rows: Rows<'_>, source: &Source<'_>, matrix: &Matrix) {
    let fixed = |value: f64| (value * 65_536.0 + 0.5).floor() as i64;
    let [a, b, _, d, e, _] = matrix.0.map(fixed);
    let (x, y) = matrix.first();
    let pixel = |place: i64, length: usize| usize::try_from(place >> 16).ok().filter(|at| *at < length);
    stepped(rows, source, (fixed(x), fixed(y)), (a, d), (b, e), pixel);
}

fn in_floating_point(rows: Rows<'_>, source: &Source<'_>, matrix: &Matrix) {
    let Matrix([a, b, c, d, e, f]) = *matrix;
    // Pillow adds in this order here, and a rounding decides at an edge.
    let first = (c + b * 0.5 + a * 0.5, f + e * 0.5 + d * 0.5);
    stepped(rows, source, first, (a, d), (b, e), whole);
}

/// Each pixel from a place that is reached by adding: from `first` on by `right` for the next of a row, by `down` for
/// the next row.
fn stepped<T: Copy + std::ops::AddAssign>(
    rows: Rows<'_>,
    source: &Source<'_>,
    (mut x_start, mut y_start): (T, T),
    right: (T, T),
    down: (T, T),
    pixel: impl Fn(T, usize) -> Option<usize>,
) {
    for row in rows {
        let (mut x, mut y) = (x_start, y_start);
        for out in row {
            *out = source.pixel_or_fill(pixel(x, source.width), pixel(y, source.height));
            x += right.0;
            y += right.1;
        }
        x_start += down.0;
        y_start += down.1;
    }
}

/// Each pixel by `filter`, which gets the pixel before a place and how far the place is beyond that one's
/// middle.
fn interpolated(
    rows: Rows<'_>,
    source: &Source<'_>,
    matrix: &Matrix,
    filter: impl Fn(&Source<'_>, (i64, i64), (f64, f64)) -> [u8; 3],
) {
    let Matrix([a, b, c, d, e, f]) = *matrix;
    let (w, h) = (source.width as f64, source.height as f64);
    for (y, row) in rows.enumerate() {
        for (x, out) in row.iter_mut().enumerate() {
            let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
            let (x, y) = (a * x + b * y + c, d * x + e * y + f);
            if x < 0.0 || x >= w || y < 0.0 || y >= h {
                *out = source.fill;
                continue;
            }
            let (x, y) = (x - 0.5, y - 0.5);
            let (before_x, before_y) = (x.floor(), y.floor());
            *out = filter(source, (before_x as i64, before_y as i64), (x - before_x, y - before_y));
        }
    }
}

fn bilinear(source: &Source<'_>, (x, y): (i64, i64), (dx, dy): (f64, f64)) -> [u8; 3] {
    let mix = |from: f64, to: f64, d: f64| from + (to - from) * d;
    let row = |y: i64| {
        let (left, right) = (source.clamped(x, y), source.clamped(x + 1, y));
        std::array::from_fn::<f64, 3, _>(|c| mix(left[c], right[c], dx))
    };
    let (above, below) = (row(y), row(y + 1));
    std::array::from_fn(|c| mix(above[c], below[c], dy) as u8)
}

fn bicubic(source: &Source<'_>, (x, y): (i64, i64), (dx, dy): (f64, f64)) -> [u8; 3] {
    let row = |y: i64| cubic(source.four(x - 1, y, false), dx);
    // Where a place is in the middle of a row or a column, as with shears, the others come to nothing.
    let color = match (dx == 0.0, dy == 0.0) {
        (true, true) => source.clamped(x, y),
        (true, false) => cubic(source.four(x, y - 1, true), dy),
        (false, true) => row(y),
        (false, false) => cubic([y - 1, y, y + 1, y + 2].map(row), dy),
    };
    color.map(|value| value as u8)
}

/// Pillow's cubic through four values, between the second and the third.
fn cubic([v1, v2, v3, v4]: [[f64; 3]; 4], d: f64) -> [f64; 3] {
    std::array::from_fn(|c| {
        let (v1, v2, v3, v4) = (v1[c], v2[c], v3[c], v4[c]);
        let p2 = -v1 + v3;
        let p3 = 2.0 * (v1 - v2) + v3 - v4;
        let p4 = -v1 + v2 - v3 + v4;
        v2 + d * (p2 + d * (p3 + d * p4))
    })
}
