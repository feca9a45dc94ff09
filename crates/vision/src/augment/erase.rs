//! Where a photo is erased: PaddleClas's `RandomErasing`.

use serde::{Deserialize, Serialize};

use super::step::check_probability;
use crate::{Random, Region, Rgb};

/// How often a rectangle is erased, and which.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasing {
    /// How often, from 0 to 1: `EPSILON`.
    pub probability: f64,
    /// Least and greatest share of the photo's area: `sl` and `sh`.
    pub area: (f64, f64),
    /// One end of the ratio of height to width, above 0: `r1`. The other is its inverse.
    pub ratio: f64,
    /// Whether the ratio's logarithm is uniform, rather than the ratio: `use_log_aspect`.
    pub log_ratio: bool,
    /// How many rectangles are drawn until one fits: `attempt`.
    pub attempts: u32,
}

impl Erasing {
    /// Whether every value is one that rectangles can be drawn by; if not, what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Erasing { probability, area: (least, greatest), ratio, .. } = *self;
        check_probability(probability)?;
        if !(0.0 <= least && least <= greatest && greatest <= 1.0) {
            return Err(format!("area must satisfy 0 <= least <= greatest <= 1, not ({least}, {greatest})"));
        }
        if !(ratio > 0.0 && ratio.is_finite()) {
            return Err(format!("ratio must be above 0, not {ratio}"));
        }
        Ok(())
    }

    /// The rectangle of a photo of `width` x `height` pixels that is erased, if one is: smaller than the
    /// photo both ways, at a place uniform over all whole-pixel places.
    pub fn region(&self, width: u32, height: u32, random: &mut Random) -> Option<Region> {
        if random.uniform() >= self.probability {
            return None;
        }
        let whole = f64::from(width) * f64::from(height);
        for _ in 0..self.attempts {
            let area = random.range(self.area.0, self.area.1) * whole;
            let ratio = self.drawn_ratio(random);
            let side = |square: f64| square.sqrt().round_ties_even() as u32;
            let (erased_w, erased_h) = (side(area / ratio), side(area * ratio));
            if erased_w < width && erased_h < height {
                let y = random.below(height - erased_h + 1);
                let x = random.below(width - erased_w + 1);
                return Some(Region { x, y, width: erased_w, height: erased_h });
            }
        }
        None
    }

    fn drawn_ratio(&self, random: &mut Random) -> f64 {
        if self.log_ratio {
            return libm::exp(random.range(libm::log(self.ratio), libm::log(1.0 / self.ratio)));
        }
        random.range(self.ratio, 1.0 / self.ratio)
    }
}

/// Gives all pixels of `region` the colour `fill`. What lies outside the photo is left out.
pub(super) fn erase(image: &mut Rgb, region: Region, fill: [u8; 3]) {
    let line = image.width() as usize * 3;
    let rows = image.data_mut().chunks_exact_mut(line).skip(region.y as usize).take(region.height as usize);
    for row in rows {
        let pixels = row.as_chunks_mut::<3>().0.iter_mut();
        for pixel in pixels.skip(region.x as usize).take(region.width as usize) {
            *pixel = fill;
        }
    }
}
