//! A photo mixed with changed copies of itself: PaddleClas's `AugMix`.

use serde::{Deserialize, Serialize};

use super::step::check_probability;
use super::{Filter, Moves, Operation};
use crate::{Random, Rgb};

/// How often, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// How often, from 0 to 1: `prob`.
    pub probability: f64,
    /// Parameter of the distributions that shares are drawn from, above 0: `aug_prob_coeff`.
    pub alpha: f64,
    /// How many changed copies, at least 1: `mixture_width`.
    pub width: u32,
    /// How many operations make one; 0: one to three, drawn: `mixture_depth`.
    pub depth: u32,
    /// How strong they are, from 0.1 to 10: `aug_severity`.
    pub severity: f64,
}

/// What was drawn for a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnMixture {
    /// Of each copy, its share in their mixture and the operations that make it.
    pub copies: Vec<(f32, Vec<Operation>)>,
    /// The share of the mixture beside the photo itself.
    pub share: f32,
}

/// How many operations there are to draw from.
const OPERATIONS: u32 = 9;

impl Mixture {
    /// Whether every value is one that mixtures can be drawn by; if not, what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        check_probability(self.probability)?;
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(format!("alpha must be above 0, not {}", self.alpha));
        }
        if self.width == 0 {
            return Err("width must be at least 1, not 0".into());
        }
        if !(0.1..=10.0).contains(&self.severity) {
            return Err(format!("severity must lie between 0.1 and 10, not be {}", self.severity));
        }
        Ok(())
    }

    /// Draws what becomes of a photo of `width` x `height` pixels; `None`: it stays as it is.
    pub fn draw(&self, width: u32, height: u32, random: &mut Random) -> Option<DrawnMixture> {
        if random.uniform() >= self.probability {
            return None;
        }
        let shares = random.dirichlet(self.alpha, self.width);
        let share = random.beta(self.alpha, self.alpha) as f32;
        let chain = |share: f64| {
            let depth = if self.depth > 0 { self.depth } else { 1 + random.below(3) };
            let operations = (0..depth).map(|_| self.operation(width, height, random)).collect();
            (share as f32, operations)
        };
        Some(DrawnMixture { copies: shares.into_iter().map(chain).collect(), share })
    }

    fn operation(&self, width: u32, height: u32, random: &mut Random) -> Operation {
        let kind = random.below(OPERATIONS);
        if kind < 2 {
            return if kind == 0 { Operation::AutoContrast } else { Operation::Equalize };
        }
        let level = random.range(0.1, self.severity);
        // Whole numbers where PaddleClas has them.
        let whole = |greatest: f64| (level * greatest / 10.0).trunc();
        let mut either = |strength: f64| if random.below(2) == 0 { -strength } else { strength };
        match kind {
            2 => Operation::Posterize(4 - whole(4.0) as u32),
            3 => Operation::Rotate(either(whole(30.0))),
            4 => Operation::Solarize(256.0 - whole(256.0)),
            5 => Operation::ShearX(either(level * 0.3 / 10.0)),
            6 => Operation::ShearY(either(level * 0.3 / 10.0)),
            7 => Operation::ShiftX(either(whole(f64::from(width) / 3.0))),
            _ => Operation::ShiftY(either(whole(f64::from(height) / 3.0))),
        }
    }
}

impl DrawnMixture {
    /// Mixes a photo with the copies.
    pub fn apply(&self, image: &mut Rgb) {
        let moves = Moves::timm([0; 3], Filter::Bilinear);
        let mut mixture = vec![0.0_f64; image.data().len()];
        for (share, operations) in &self.copies {
            let mut copy = image.clone();
            operations.iter().for_each(|operation| operation.apply(&mut copy, &moves));
            for (sum, byte) in mixture.iter_mut().zip(copy.data()) {
                *sum += f64::from(share * f32::from(*byte));
            }
        }
        let share = f64::from(self.share);
        for (byte, mixture) in image.data_mut().iter_mut().zip(mixture) {
            *byte = ((1.0 - share) * f64::from(*byte) + share * mixture) as u8;
        }
    }
}
