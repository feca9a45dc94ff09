//! Parts of a photo that are hidden: PaddleClas's `Cutout`, `HideAndSeek` and `GridMask`.

use serde::{Deserialize, Serialize};

use super::erase::erase;
use super::step::check_probability;
use super::{Filter, Moves, Operation};
use crate::{Random, Region, Rgb};

/// The part of a line of `length` pixels that is nearer to `middle` than `half`; the middle belongs to it.
fn about(middle: u32, half: u32, length: u32) -> (u32, u32) {
    let start = middle.saturating_sub(half);
    (start, middle.saturating_add(half).min(length).saturating_sub(start))
}

/// The square of so many pixels about a place drawn of `width` x `height`, and cut off at the edges.
pub(super) fn square(width: u32, height: u32, half: u32, (x, y): (u32, u32)) -> Region {
    let ((y, height), (x, width)) = (about(y, half, height), about(x, half, width));
    Region { x, y, width, height }
}

/// Overwrites `holes` squares of side `length`, each about a pixel drawn from all.
pub(super) fn cutout(image: &mut Rgb, holes: u32, length: u32, fill: [u8; 3], random: &mut Random) {
    let (width, height) = (image.width(), image.height());
    for _ in 0..holes {
        let y = random.below(height);
        let x = random.below(width);
        erase(image, square(width, height, length / 2, (x, y)), fill);
    }
}

/// The sides of a patch that one is drawn from; 0 hides nothing.
const PATCHES: [u32; 5] = [0, 16, 32, 44, 56];

/// Overwrites every other patch of a grid, of a size drawn from five.
pub(super) fn hide_and_seek(image: &mut Rgb, fill: [u8; 3], random: &mut Random) {
    let side = PATCHES[random.below(PATCHES.len() as u32) as usize];
    if side == 0 {
        return;
    }
    let steps = |length: u32| (0..length).step_by(side as usize);
    let (width, height) = (image.width(), image.height());
    for y in steps(height) {
        for x in steps(width) {
            if random.below(2) == 0 {
                let region = Region { x, y, width: side.min(width - x), height: side.min(height - y) };
                erase(image, region, fill);
            }
        }
    }
}

/// What of a photo a grid hides, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// How often from epoch 240 on, from 0 to 1: `prob`. Before, it grows in proportion.
    pub probability: f64,
    /// The least distance of two stripes in pixels, at least 1, and the first that is too large: `d1` and `d2`.
    pub distance: (u32, u32),
    /// How much of the distance a stripe takes, from 0 to 1.
    pub ratio: f64,
    /// The grid is turned by whole degrees below this, at least 1.
    pub rotate: u32,
    /// Whether what is between the stripes is hidden in their place: `mode` 1.
    pub inverted: bool,
}

/// Where a grid lies over a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridPlace {
    /// Distance of two stripes, in pixels.
    pub distance: u32,
    /// Where the first one begins, downwards.
    pub down: u32,
    /// Where the first one begins, to the right.
    pub right: u32,
    /// By what the grid is turned.
    pub degrees: u32,
}

/// The epoch from which on photos are hidden as often as asked for.
const FULL: f64 = 240.0;

impl Grid {
    /// Whether every value is one that grids can be drawn by; if not, what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        check_probability(self.probability)?;
        let Grid { distance: (least, end), ratio, rotate, .. } = *self;
        if least == 0 || least >= end {
            return Err(format!("distance must satisfy 1 <= least < end, not ({least}, {end})"));
        }
        if !(0.0..=1.0).contains(&ratio) {
            return Err(format!("ratio must lie between 0 and 1, not be {ratio}"));
        }
        if rotate == 0 {
            return Err("rotate must be at least 1, not 0".into());
        }
        Ok(())
    }

    /// Where the grid lies over a photo in an epoch, counted from 0; `None`: the photo stays as it is.
    pub fn draw(&self, epoch: u32, random: &mut Random) -> Option<GridPlace> {
        let grown = (f64::from(epoch) / FULL).min(1.0);
        if random.uniform() >= self.probability * grown {
            return None;
        }
        let distance = self.distance.0 + random.below(self.distance.1 - self.distance.0);
        let (down, right) = (random.below(distance), random.below(distance));
        Some(GridPlace { distance, down, right, degrees: random.below(self.rotate) })
    }

    /// The pixels of `width` x `height` that stay, row by row: 1 where they do, else 0.
    pub fn mask(&self, width: u32, height: u32, place: GridPlace) -> Vec<u8> {
        let GridPlace { distance, down, right, degrees } = place;
        let stripe = (f64::from(distance) * self.ratio + 0.5) as u32;
        // The grid is larger than the photo, so that its corners do not turn in.
        let larger = |length: u32| (f64::from(length) * 1.5) as u32;
        let (all_width, all_height) = (larger(width), larger(height));
        let stays = |at: u32, start: u32| (at + distance - start) % distance >= stripe;
        let row = |y: u32| (0..all_width).map(move |x| u8::from(stays(y, down) && stays(x, right)));
        let grey: Vec<u8> = (0..all_height).flat_map(row).flat_map(|byte| [byte; 3]).collect();
        // A photo of one pixel has a grid of one.
        let Ok(mut mask) = Rgb::new(all_width, all_height, grey) else { return Vec::new() };
        if degrees > 0 {
            let moves = Moves::timm([0; 3], Filter::Nearest);
            Operation::Rotate(f64::from(degrees)).apply(&mut mask, &moves);
        }
        let (x, y) = ((all_width - width) / 2, (all_height - height) / 2);
        let rows = mask.data().chunks_exact(all_width as usize * 3).skip(y as usize).take(height as usize);
        let inverted = u8::from(self.inverted);
        let of_row = |row: &[u8]| -> Vec<u8> {
            row.iter().step_by(3).skip(x as usize).take(width as usize).map(|byte| byte ^ inverted).collect()
        };
        rows.flat_map(of_row).collect()
    }
}

/// Gives all pixels that do not stay the colour `fill`.
pub(super) fn hide(image: &mut Rgb, mask: &[u8], fill: [u8; 3]) {
    for (pixel, stays) in image.data_mut().as_chunks_mut::<3>().0.iter_mut().zip(mask) {
        if *stays == 0 {
            *pixel = fill;
        }
    }
}
