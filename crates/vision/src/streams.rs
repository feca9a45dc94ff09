//! The random steps of a recipe.

use std::borrow::Cow;

use crate::augment::{Moves, auto_augment, erase, rand_augment};
use crate::{Purpose, Random, Rgb, RngKey, Transform, VisionError, random_crop_region};
use photonet_pixels::{Region, View, resize_region};

/// One stream of random numbers for each kind of step.
pub(crate) struct Streams {
    crops: Random,
    flips: Random,
    augmentations: Random,
    erasures: Random,
}

impl Streams {
    pub(crate) fn new(key: RngKey) -> Streams {
        let stream = |purpose| Random::new(key, purpose);
        Streams {
            crops: stream(Purpose::Crop),
            flips: stream(Purpose::Flip),
            augmentations: stream(Purpose::Augment),
            erasures: stream(Purpose::Erase),
        }
    }

    /// Carries out a random step; any other changes nothing.
    pub(crate) fn apply<'a>(
        &mut self,
        step: &Transform,
        mut image: Cow<'a, Rgb>,
    ) -> Result<Cow<'a, Rgb>, VisionError> {
        match *step {
            Transform::RandomCrop { size, scale, ratio, resampler } => {
                let view = View::of(&image);
                let part = random_crop_region(view.width(), view.height(), scale, ratio, &mut self.crops);
                let whole = Region { x: 0, y: 0, width: size, height: size };
                return Ok(Cow::Owned(resize_region(view.region(part)?, (size, size), whole, resampler)?));
            }
            Transform::RandomFlip { probability, sides } => {
                if self.flips.uniform() < probability {
                    return Ok(Cow::Owned(sides.of(&image)));
                }
            }
            Transform::AutoAugment { fill } => {
                let moves = Moves::paddle_clas(fill);
                for operation in auto_augment(&mut self.augmentations).into_iter().flatten() {
                    operation.apply(image.to_mut(), &moves);
                }
            }
            Transform::RandAugment { layers, magnitude, fill } => {
                let moves = Moves::paddle_clas(fill);
                for _ in 0..layers {
                    rand_augment(magnitude, &mut self.augmentations).apply(image.to_mut(), &moves);
                }
            }
            Transform::TimmAugment { augment } => {
                for (operation, moves) in augment.operations(&mut self.augmentations) {
                    operation.apply(image.to_mut(), &moves);
                }
            }
            Transform::RandomErasing { erasing, fill } => {
                let region = erasing.region(image.width(), image.height(), &mut self.erasures);
                if let Some(region) = region {
                    erase(image.to_mut(), region, fill);
                }
            }
            Transform::ResizeShort { .. }
            | Transform::Resize { .. }
            | Transform::CenterCrop { .. }
            | Transform::ResizeThenCrop { .. } => {}
        }
        Ok(image)
    }
}
