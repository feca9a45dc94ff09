//! Photos turned: OpenCV's `warpAffine` by a matrix of `getRotationMatrix2D`, as PaddlePaddle's `RandomRotation` does it.

use serde::{Deserialize, Serialize};

use super::Filter;
use super::step::check_probability;
use crate::{Random, Rgb};

/// How often a photo is turned about its middle, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How often, from 0 to 1.
    pub probability: f64,
    /// Least and greatest angle in degrees, counter-clockwise.
    pub degrees: (f64, f64),
    /// How a pixel is made: nearest or bilinear.
    pub filter: Filter,
    /// Red, green and blue of what comes in from outside.
    pub fill: [u8; 3],
}

impl Rotation {
    /// Whether every value is one that photos can be turned by; if not, what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        check_probability(self.probability)?;
        let (least, greatest) = self.degrees;
        if !(least.is_finite() && greatest.is_finite() && least <= greatest) {
            return Err(format!("degrees must satisfy least <= greatest, not ({least}, {greatest})"));
        }
        if self.filter == Filter::Bicubic {
            return Err("filter must be nearest or bilinear".into());
        }
        Ok(())
    }

    /// The angle that a photo is turned by, if it is.
    pub fn angle(&self, random: &mut Random) -> Option<f64> {
        (random.uniform() < self.probability).then(|| random.range(self.degrees.0, self.degrees.1))
    }

    /// Turns a photo by `degrees`.
    pub fn apply(&self, image: &mut Rgb, degrees: f64) {
        let source = Source::of(image, self.fill);
        let places = Places::new(&source, degrees);
        let rows = image.data_mut().as_chunks_mut().0.chunks_exact_mut(source.width);
        for (y, row) in rows.enumerate() {
            for (x, out) in row.iter_mut().enumerate() {
                *out = match self.filter {
                    Filter::Nearest => source.nearest(places.of(x, y, UNIT / 2)),
                    _ => source.bilinear(places.of(x, y, UNIT / PARTS / 2)),
                };
            }
        }
    }
}

/// Places are whole numbers of 1,024ths of a pixel.
const UNIT: i32 = 1 << 10;
/// Between two pixels are as many steps for interpolation.
const PARTS: i32 = 1 << 5;

/// From a place of the result to one of the photo.
struct Places {
    right: Vec<(i32, i32)>,
    down: Vec<(i32, i32)>,
}

impl Places {
    fn new(source: &Source, degrees: f64) -> Places {
        let angle = degrees * (std::f64::consts::PI / 180.0);
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let middle = |length: usize| f64::from((length as f64 / 2.0) as f32);
        let (x, y) = (middle(source.width), middle(source.height));
        // The matrix from the photo to the result, and then the other way, in OpenCV's order of operations.
        let [a, b, c] = [cos, sin, (1.0 - cos) * x - sin * y];
        let [d, e, f] = [-sin, cos, sin * x + (1.0 - cos) * y];
        let determinant = a * e - b * d;
        let scale = if determinant == 0.0 { 0.0 } else { 1.0 / determinant };
        let (a, b, d, e) = (e * scale, b * -scale, d * -scale, a * scale);
        let (c, f) = (-a * c - b * f, -d * c - e * f);
        let fixed = |value: f64| (value * f64::from(UNIT)).round_ties_even() as i32;
        let of = |length: usize, at: &dyn Fn(f64) -> (i32, i32)| (0..length).map(|i| at(i as f64)).collect();
        Places {
            right: of(source.width, &|x| (fixed(a * x), fixed(d * x))),
            down: of(source.height, &|y| (fixed(b * y + c), fixed(e * y + f))),
        }
    }

    fn of(&self, x: usize, y: usize, rounding: i32) -> (i32, i32) {
        let (right, down) = (self.right[x], self.down[y]);
        (right.0 + down.0 + rounding, right.1 + down.1 + rounding)
    }
}

struct Source {
    pixels: Vec<[u8; 3]>,
    width: usize,
    height: usize,
    fill: [u8; 3],
}

impl Source {
    fn of(image: &Rgb, fill: [u8; 3]) -> Source {
        let (width, height) = (image.width() as usize, image.height() as usize);
        Source { pixels: image.data().as_chunks().0.to_vec(), width, height, fill }
    }

    fn pixel(&self, x: i32, y: i32) -> [u8; 3] {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.pixels[y * self.width + x],
            _ => self.fill,
        }
    }

    fn nearest(&self, (x, y): (i32, i32)) -> [u8; 3] {
        self.pixel(x.div_euclid(UNIT), y.div_euclid(UNIT))
    }

    fn bilinear(&self, (x, y): (i32, i32)) -> [u8; 3] {
        let (x, y) = (x.div_euclid(UNIT / PARTS), y.div_euclid(UNIT / PARTS));
        let (left, top) = (x.div_euclid(PARTS), y.div_euclid(PARTS));
        let (right, below) = (x.rem_euclid(PARTS), y.rem_euclid(PARTS));
        let corners = [
            (self.pixel(left, top), (PARTS - right) * (PARTS - below)),
            (self.pixel(left + 1, top), right * (PARTS - below)),
            (self.pixel(left, top + 1), (PARTS - right) * below),
            (self.pixel(left + 1, top + 1), right * below),
        ];
        std::array::from_fn(|c| {
            let sum: i32 = corners.iter().map(|(pixel, weight)| i32::from(pixel[c]) * weight).sum();
            ((sum + PARTS * PARTS / 2) / (PARTS * PARTS)) as u8
        })
    }
}
