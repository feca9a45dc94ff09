//! Colours changed at random: PaddlePaddle's `ColorJitter`, which PaddleClas has under the same name.

use serde::{Deserialize, Serialize};

use super::Operation;
use super::step::check_probability;
use crate::Random;

/// How often, and by what. A range that holds nothing but what changes nothing is never drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// How often, from 0 to 1.
    pub probability: f64,
    /// Least and greatest factor on brightness, at least 0; 1 changes nothing.
    pub brightness: (f64, f64),
    /// Likewise, on contrast.
    pub contrast: (f64, f64),
    /// Likewise, on saturation.
    pub saturation: (f64, f64),
    /// Least and greatest turn of the hue, as a share of the circle from -0.5 to 0.5.
    pub hue: (f64, f64),
}

/// Nothing is ever changed.
impl Default for Jitter {
    fn default() -> Jitter {
        let same = (1.0, 1.0);
        Jitter { probability: 1.0, brightness: same, contrast: same, saturation: same, hue: (0.0, 0.0) }
    }
}

impl Jitter {
    /// Whether every value is one that colours can be changed by; if not, what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        check_probability(self.probability)?;
        let factors =
            [("brightness", self.brightness), ("contrast", self.contrast), ("saturation", self.saturation)];
        for (name, (least, greatest)) in factors {
            if !(0.0 <= least && least <= greatest && greatest.is_finite()) {
                return Err(format!("{name} must satisfy 0 <= least <= greatest, not ({least}, {greatest})"));
            }
        }
        let (least, greatest) = self.hue;
        if !(-0.5 <= least && least <= greatest && greatest <= 0.5) {
            return Err(format!(
                "hue must satisfy -0.5 <= least <= greatest <= 0.5, not ({least}, {greatest})"
            ));
        }
        Ok(())
    }

    /// What is done to one photo, in an order that is drawn as well.
    pub fn operations(&self, random: &mut Random) -> Vec<Operation> {
        if random.uniform() >= self.probability {
            return Vec::new();
        }
        type Make = fn(f64) -> Operation;
        let mut all: [(Make, (f64, f64), f64); 4] = [
            (Operation::Brightness, self.brightness, 1.0),
            (Operation::Contrast, self.contrast, 1.0),
            (Operation::Color, self.saturation, 1.0),
            (Operation::Hue, self.hue, 0.0),
        ];
        random.shuffle(&mut all);
        let changes = all.into_iter().filter(|&(_, range, same)| range != (same, same));
        changes.map(|(make, (least, greatest), _)| make(random.range(least, greatest))).collect()
    }
}
