//! The random steps of a recipe.

use std::borrow::Cow;

use crate::{Purpose, Random, Rgb, RngKey, Transform, VisionError, random_crop_region};
use photonet_pixels::{Region, View, resize_region};

/// One stream of random numbers for each kind of step.
pub(crate) struct Streams {
    crops: Random,
    pub(crate) flips: Random,
    pub(crate) augmentations: Random,
    pub(crate) erasures: Random,
    pub(crate) colors: Random,
    pub(crate) turns: Random,
    /// That of the photo's key.
    pub(crate) epoch: u32,
}

impl Streams {
    pub(crate) fn new(key: RngKey) -> Streams {
        let stream = |purpose| Random::new(key, purpose);
        Streams {
            crops: stream(Purpose::Crop),
            flips: stream(Purpose::Flip),
            augmentations: stream(Purpose::Augment),
            erasures: stream(Purpose::Erase),
            colors: stream(Purpose::Color),
            turns: stream(Purpose::Turn),
            epoch: key.epoch,
        }
    }

    /// Carries out a random step; any other changes nothing.
    pub(crate) fn apply<'a>(
        &mut self,
        step: &Transform,
        image: Cow<'a, Rgb>,
    ) -> Result<Cow<'a, Rgb>, VisionError> {
        match *step {
            Transform::RandomCrop { size, scale, ratio, resampler } => {
                let view = View::of(&image);
                let part = random_crop_region(view.width(), view.height(), scale, ratio, &mut self.crops);
                let whole = Region { x: 0, y: 0, width: size, height: size };
                Ok(Cow::Owned(resize_region(view.region(part)?, (size, size), whole, resampler)?))
            }
            Transform::Augment(ref step) => Ok(step.apply(image, self)),
            Transform::ResizeShort { .. }
            | Transform::Resize { .. }
            | Transform::CenterCrop { .. }
            | Transform::ResizeThenCrop { .. } => Ok(image),
        }
    }
}
