//! Photos of a batch mixed with one another: PaddleClas's `MixupOperator` and `CutmixOperator`.

use crate::{Purpose, Random, Region, RngKey};

/// How often and how strongly the photos of a batch are mixed with others of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mixing {
    /// Photos shine through one another: `MixupOperator`.
    pub mixup: Strength,
    /// A rectangle of one photo is laid over another: `CutmixOperator`.
    pub cutmix: Strength,
}

/// How often something is done to a batch, and how strongly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// How often, from 0 to 1.
    pub probability: f64,
    /// Both parameters of the beta distribution that a photo's own share is drawn from, above 0: near 0 a photo stays almost
    /// alone, at 1 all shares are equally likely, and large ones are near a half.
    pub alpha: f64,
}

/// Never.
impl Default for Strength {
    fn default() -> Strength {
        Strength { probability: 0.0, alpha: 1.0 }
    }
}

/// What was drawn for a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// For each place of the batch, the place of the photo that comes in.
    pub partners: Vec<u32>,
    /// How much of each photo then is its partner, from 0 to 1.
    pub share: f32,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// The partner's share in units of [`ONE`].
    Blend(u32),
    Paste(Region),
}

/// Shares are whole numbers of 65,536ths, so that a byte is mixed in integers and rounded to the nearest.
const ONE: u32 = 1 << 16;

impl Mixing {
    /// Whether anything is ever mixed.
    pub fn is_off(&self) -> bool {
        self.mixup.probability == 0.0 && self.cutmix.probability == 0.0
    }

    /// Whether every value is one that batches can be mixed by; if not, what is wrong.
    ///
    /// # Errors
    /// A sentence without its end, such as `alpha must be above 0, not -1`.
    pub fn check(&self) -> Result<(), String> {
        for Strength { probability, alpha } in [self.mixup, self.cutmix] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(format!("probability must lie between 0 and 1, not be {probability}"));
            }
            if !(alpha > 0.0 && alpha.is_finite()) {
                return Err(format!("alpha must be above 0, not {alpha}"));
            }
        }
        let both = self.mixup.probability + self.cutmix.probability;
        // As decimal fractions are added.
        if both > 1.0 + 1e-9 {
            return Err(format!("the probabilities must be at most 1 together, not {both}"));
        }
        Ok(())
    }

    /// Draws what becomes of a batch of `size` photos of `width` x `height` pixels; `None`: it stays as it is. The key's
    /// sample is the number of the batch in its epoch.
    pub fn draw(&self, key: RngKey, size: u32, (width, height): (u32, u32)) -> Option<Mix> {
        let mut random = Random::new(key, Purpose::Mix);
        let (drawn, is_mixup) = (random.uniform(), self.mixup.probability);
        let strength = match drawn {
            drawn if drawn < is_mixup => self.mixup,
            drawn if drawn < is_mixup + self.cutmix.probability => self.cutmix,
            _ => return None,
        };
        let mut partners: Vec<u32> = (0..size).collect();
        random.shuffle(&mut partners);
        let of_partner = 1.0 - random.beta(strength.alpha, strength.alpha);
        if drawn < is_mixup {
            let share = (of_partner * f64::from(ONE)).round() as u32;
            return Some(Mix { partners, share: share as f32 / ONE as f32, way: Way::Blend(share) });
        }
        let region = rectangle(width, height, of_partner, &mut random);
        let area = f64::from(region.width) * f64::from(region.height);
        let share = (area / (f64::from(width) * f64::from(height))) as f32;
        Some(Mix { partners, share, way: Way::Paste(region) })
    }
}

/// The part of an image of `width` x `height` pixels that is overwritten: of its shape and of the share `area` of it, about a
/// pixel drawn from all, and cut off at the edges.
fn rectangle(width: u32, height: u32, area: f64, random: &mut Random) -> Region {
    let side = area.sqrt();
    let mut along = |length: u32| {
        let half = (f64::from(length) * side) as u32 / 2;
        let middle = random.below(length);
        let start = middle.saturating_sub(half);
        (start, (middle + half).min(length) - start)
    };
    let ((y, height), (x, width)) = (along(height), along(width));
    Region { x, y, width, height }
}

impl Mix {
    /// Mixes a batch, `[size][height][width][3]` bytes with rows of `width` pixels, with itself.
    pub fn apply(&self, pixels: &mut [u8], width: u32) {
        let photo = pixels.len() / self.partners.len().max(1);
        if photo == 0 {
            return;
        }
        let before = pixels.to_vec();
        for (own, &partner) in pixels.chunks_exact_mut(photo).zip(&self.partners) {
            let other = &before[partner as usize * photo..][..photo];
            match self.way {
                Way::Blend(share) => blend(own, other, share),
                Way::Paste(region) => paste(own, other, width, region),
            }
        }
    }
}

fn blend(own: &mut [u8], other: &[u8], share: u32) {
    for (own, other) in own.iter_mut().zip(other) {
        let sum = u32::from(*own) * (ONE - share) + u32::from(*other) * share;
        *own = ((sum + ONE / 2) / ONE) as u8;
    }
}

fn paste(own: &mut [u8], other: &[u8], width: u32, region: Region) {
    let line = width as usize * 3;
    let lines = own.chunks_exact_mut(line).zip(other.chunks_exact(line));
    let columns = region.x as usize * 3..(region.x + region.width) as usize * 3;
    for (own, other) in lines.skip(region.y as usize).take(region.height as usize) {
        own[columns.clone()].copy_from_slice(&other[columns.clone()]);
    }
}
