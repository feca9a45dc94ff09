//! timm's way of drawing operations, which PaddleClas has as `TimmAutoAugment`.

use serde::{Deserialize, Serialize};

use super::step::check_probability;
use super::{Filter, Moves, Operation};
use crate::Random;

/// What a setting such as `rand-m9-mstd0.5-inc1` says, and how pixels are moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimmAugment {
    /// How often anything is done to a photo, from 0 to 1.
    pub probability: f64,
    /// How many operations are drawn, each of which is then carried out every other time.
    pub layers: u32,
    /// How strong they are in the mean, from 0; beyond 10 as at 10.
    pub magnitude: u32,
    /// Standard deviation of the magnitude, at least 0.
    pub deviation: f64,
    /// Whether every operation is the stronger the greater the magnitude: `inc`.
    pub increasing: bool,
    /// How pixels are interpolated; `None` is bilinear or bicubic, drawn each time.
    pub filter: Option<Filter>,
    /// Red, green and blue of what comes in from outside.
    pub fill: [u8; 3],
}

/// PaddleClas's: `rand-m9-mstd0.5-inc1`, bicubic, ImageNet's mean colour.
impl Default for TimmAugment {
    fn default() -> Self {
        Self {
            probability: 1.0,
            layers: 2,
            magnitude: 9,
            deviation: 0.5,
            increasing: true,
            filter: Some(Filter::Bicubic),
            fill: [124, 116, 104],
        }
    }
}

/// How many operations there are to draw from.
const OPERATIONS: u32 = 15;

impl TimmAugment {
    /// Whether every value is one that operations can be drawn by; if not, what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_probability(self.probability)?;
        if !(self.deviation >= 0.0 && self.deviation.is_finite()) {
            return Err(format!("deviation must be at least 0, not {}", self.deviation));
        }
        Ok(())
    }

    /// What is done to one photo, in order.
    pub fn operations(&self, random: &mut Random) -> Vec<(Operation, Moves)> {
        if random.uniform() >= self.probability {
            return Vec::new();
        }
        (0..self.layers).filter_map(|_| self.operation(random)).collect()
    }

    fn operation(&self, random: &mut Random) -> Option<(Operation, Moves)> {
        let kind = random.below(OPERATIONS);
        if random.uniform() >= 0.5 {
            return None;
        }
        let mut magnitude = f64::from(self.magnitude);
        if self.deviation > 0.0 {
            magnitude += self.deviation * random.normal();
        }
        let operation = self.drawn(kind, magnitude.clamp(0.0, 10.0) / 10.0, random);
        let filter = self
            .filter
            .unwrap_or_else(|| if random.below(2) == 0 { Filter::Bilinear } else { Filter::Bicubic });
        Some((operation, Moves::timm(self.fill, filter)))
    }

    /// One of the operations, `level` from 0 to 1.
    fn drawn(&self, kind: u32, level: f64, random: &mut Random) -> Operation {
        let mut either = |strength: f64| if random.below(2) == 0 { -strength } else { strength };
        let mut factor = || if self.increasing { 1.0 + either(level * 0.9) } else { level * 1.8 + 0.1 };
        match kind {
            0 => Operation::AutoContrast,
            1 => Operation::Equalize,
            2 => Operation::Invert,
            3 => Operation::Color(factor()),
            4 => Operation::Contrast(factor()),
            5 => Operation::Brightness(factor()),
            6 => Operation::Sharpness(factor()),
            7 => {
                let bits = (level * 4.0) as u32;
                Operation::Posterize(if self.increasing { 4 - bits } else { bits })
            }
            8 => {
                let threshold = (level * 256.0).trunc();
                Operation::Solarize(if self.increasing { 256.0 - threshold } else { threshold })
            }
            9 => Operation::SolarizeAdd((level * 110.0) as u8),
            10 => Operation::Rotate(either(level * 30.0)),
            11 => Operation::ShearX(either(level * 0.3)),
            12 => Operation::ShearY(either(level * 0.3)),
            13 => Operation::TranslateX(either(level * 0.45)),
            _ => Operation::TranslateY(either(level * 0.45)),
        }
    }
}
