//! The whole preprocessing of a model.

use std::borrow::Cow;
use std::iter::Peekable;

use serde::{Deserialize, Serialize};

use crate::streams::Streams;
use crate::transform::{center_region, resize_then_crop, short_side_size, torchvision_resize_then_crop};
use crate::{Augmentation, Flip, Interpolation, Library, Resampler, Rgb, RngKey, Transform, VisionError};
use photonet_pixels::View;

/// Mean and standard deviation of ImageNet's channels (red, green, blue), on the scale of 0 to 1.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Everything between the decoded photo and the network's input; part of the model file.
///
/// The input of the network is `(byte * scale - mean) / std` per channel of the result of
/// [`Recipe::apply`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The steps, in order.
    pub transforms: Vec<Transform>,
    /// Mean of red, green and blue, on the scale of 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue, on the scale of 0 to 1.
    pub std: [f32; 3],
    /// From bytes to the scale of 0 to 1: 1/255.
    pub scale: f32,
}

impl Recipe {
    fn imagenet(transforms: Vec<Transform>) -> Recipe {
        Recipe { transforms, mean: IMAGENET_MEAN, std: IMAGENET_STD, scale: 1.0 / 255.0 }
    }

    /// PaddleClas's training preprocessing: a random crop to `size` x `size` pixels and a random flip.
    pub fn train(size: u32) -> Recipe {
        Recipe::imagenet(vec![
            Transform::RandomCrop {
                size,
                scale: (0.08, 1.0),
                ratio: (3.0 / 4.0, 4.0 / 3.0),
                resampler: Resampler::default(),
            },
            Transform::Augment(Augmentation::RandomFlip { probability: 0.5, sides: Flip::Horizontal }),
        ])
    }

    /// PaddleClas's evaluation preprocessing: the short side to 256/224 of `size`, then the middle square of
    /// `size` x `size` pixels.
    pub fn eval(size: u32) -> Recipe {
        let short = (u64::from(size) * 256 + 112) / 224;
        let short = u32::try_from(short).unwrap_or(u32::MAX);
        Recipe::imagenet(vec![
            Transform::ResizeShort { size: short, resampler: Resampler::default() },
            Transform::CenterCrop { size },
        ])
    }

    /// The same steps with another way of resizing.
    pub fn with_resampler(mut self, with: Resampler) -> Recipe {
        for transform in &mut self.transforms {
            match transform {
                Transform::RandomCrop { resampler, .. }
                | Transform::ResizeShort { resampler, .. }
                | Transform::ResizeThenCrop { resampler, .. }
                | Transform::Resize { resampler, .. } => *resampler = with,
                Transform::Augment(_) | Transform::CenterCrop { .. } => {}
            }
        }
        self
    }

    /// The way of resizing of the first step that resizes.
    fn resampler(&self) -> Resampler {
        let of_step = |transform: &Transform| match *transform {
            Transform::RandomCrop { resampler, .. }
            | Transform::ResizeShort { resampler, .. }
            | Transform::ResizeThenCrop { resampler, .. }
            | Transform::Resize { resampler, .. } => Some(resampler),
            Transform::Augment(_) | Transform::CenterCrop { .. } => None,
        };
        self.transforms.iter().find_map(of_step).unwrap_or_default()
    }

    /// Whether reducing a photo first changes little of the result, since its resizing averages over all
    /// pixels.
    pub fn antialiases(&self) -> bool {
        let Resampler { library, interpolation } = self.resampler();
        library == Library::Pillow && interpolation != Interpolation::Nearest
    }

    /// Random crops and flips to `size` x `size` pixels for training further what this recipe, one for
    /// evaluation, prepares photos for: resizing and normalisation are the same.
    pub fn for_training(&self, size: u32) -> Recipe {
        let transforms = Recipe::train(size).with_resampler(self.resampler()).transforms;
        Recipe { transforms, ..self.clone() }
    }

    /// The same steps to `size` x `size` pixels: every size in proportion. A recipe without one output size
    /// stays as it is.
    pub fn at_size(&self, size: u32) -> Recipe {
        let Some((width, _)) = self.output_size() else { return self.clone() };
        let scaled = |side: u32| {
            let exact = (u64::from(side) * u64::from(size) + u64::from(width) / 2) / u64::from(width);
            u32::try_from(exact).unwrap_or(u32::MAX).max(1)
        };
        let mut recipe = self.clone();
        for transform in &mut recipe.transforms {
            match transform {
                Transform::RandomCrop { size, .. }
                | Transform::ResizeShort { size, .. }
                | Transform::CenterCrop { size } => *size = scaled(*size),
                Transform::ResizeThenCrop { short, size, .. } => {
                    (*short, *size) = (scaled(*short), scaled(*size));
                }
                Transform::Resize { width, height, .. } => {
                    (*width, *height) = (scaled(*width), scaled(*height));
                }
                Transform::Augment(_) => {}
            }
        }
        recipe
    }

    /// Width and height of every result in pixels, if they do not depend on the photo.
    pub fn output_size(&self) -> Option<(u32, u32)> {
        self.transforms.iter().fold(None, |known, transform| match *transform {
            Transform::RandomCrop { size, .. }
            | Transform::CenterCrop { size }
            | Transform::ResizeThenCrop { size, .. } => Some((size, size)),
            Transform::Resize { width, height, .. } => Some((width, height)),
            Transform::Augment(_) => known,
            Transform::ResizeShort { .. } => None,
        })
    }

    /// Whether a step draws random numbers, so that [`Recipe::apply`] needs a key.
    pub fn is_random(&self) -> bool {
        self.transforms.iter().any(Transform::is_random)
    }

    /// Checks every value of the recipe, as [`Recipe::apply`] also does.
    ///
    /// # Errors
    /// [`VisionError::InvalidRecipe`] with the step and the value.
    pub fn validate(&self) -> Result<(), VisionError> {
        let invalid = |what: String| Err(VisionError::InvalidRecipe(what));
        if self.mean.iter().any(|mean| !mean.is_finite()) {
            return invalid(format!("mean must be finite, not {:?}", self.mean));
        }
        if self.std.iter().any(|std| !std.is_finite() || *std <= 0.0) {
            return invalid(format!("std must be positive, not {:?}", self.std));
        }
        if !self.scale.is_finite() || self.scale <= 0.0 {
            return invalid(format!("scale must be positive, not {}", self.scale));
        }
        self.transforms.iter().try_for_each(Transform::validate)
    }

    /// Runs the steps on a decoded photo. The result depends on the photo, the recipe and the key alone.
    ///
    /// Random steps draw from streams by their kind, so a step more of one kind leaves the other kinds'
    /// choices as they were.
    ///
    /// # Errors
    /// [`VisionError::KeyMissing`] for a random recipe without a key, [`VisionError::InvalidRecipe`],
    /// [`VisionError::CropTooLarge`] and [`VisionError::ResizeTooLarge`].
    // Inlined, so that a program that never has a key, as the page's, is linked without the random steps.
    #[inline]
    pub fn apply(&self, image: &Rgb, key: Option<RngKey>) -> Result<Rgb, VisionError> {
        match key {
            Some(key) => {
                let mut streams = Streams::new(key);
                self.run(image, |step, image| streams.apply(step, image))
            }
            None => self.run(image, |step, _| Err(VisionError::KeyMissing { transform: step.name() })),
        }
    }

    /// Runs the steps, the random ones by `random`.
    fn run<'a>(
        &self,
        image: &'a Rgb,
        mut random: impl FnMut(&Transform, Cow<'a, Rgb>) -> Result<Cow<'a, Rgb>, VisionError>,
    ) -> Result<Rgb, VisionError> {
        self.validate()?;
        let mut image = Cow::Borrowed(image);
        let mut steps = self.transforms.iter().peekable();
        while let Some(step) = steps.next() {
            let view = View::of(&image);
            let next = match *step {
                Transform::RandomCrop { .. } | Transform::Augment(_) => {
                    image = random(step, image)?;
                    continue;
                }
                Transform::ResizeShort { size, resampler } => {
                    let full = short_side_size(view, size)?;
                    resize_then_crop(view, full, following_crop(&mut steps), resampler)?
                }
                Transform::Resize { width, height, resampler } => {
                    resize_then_crop(view, (width, height), following_crop(&mut steps), resampler)?
                }
                Transform::ResizeThenCrop { short, size, resampler } => {
                    torchvision_resize_then_crop(view, short, size, resampler)?
                }
                Transform::CenterCrop { size } => {
                    view.region(center_region(view.width(), view.height(), size)?)?.to_rgb()
                }
            };
            image = Cow::Owned(next);
        }
        Ok(image.into_owned())
    }
}

/// Takes the next step if it is a centre crop, and tells its side.
fn following_crop<'a>(steps: &mut Peekable<impl Iterator<Item = &'a Transform>>) -> Option<u32> {
    let &&Transform::CenterCrop { size } = steps.peek()? else { return None };
    steps.next();
    Some(size)
}
