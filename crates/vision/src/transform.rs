//! The steps of a recipe, as PaddleClas's operators do them.

use serde::{Deserialize, Serialize};

use crate::{Augmentation, Random, Resampler, Rgb, VisionError};
use photonet_pixels::{Region, View, resize_region};

/// One step between the decoded photo and the network's input. Sizes are in pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "op",
    deny_unknown_fields,
    expecting = "expected a step that this version knows, by its `op` and with its values"
)]
pub enum Transform {
    /// A random part of random shape, resized to a square: PaddleClas's `RandCropImage`.
    RandomCrop {
        /// Side of the result.
        size: u32,
        /// Least and greatest share of the photo's area.
        scale: (f64, f64),
        /// Least and greatest ratio of width to height.
        ratio: (f64, f64),
        /// How the part is resized.
        resampler: Resampler,
    },
    /// The short side brought to `size`, the shape kept: `ResizeImage` with `resize_short`.
    ResizeShort {
        /// Length of the short side.
        size: u32,
        /// How.
        resampler: Resampler,
    },
    /// Both sides set, the shape not kept: `ResizeImage` with `size`.
    Resize {
        /// Width of the result.
        width: u32,
        /// Height of the result.
        height: u32,
        /// How.
        resampler: Resampler,
    },
    /// The square in the middle: `CropImage`.
    CenterCrop {
        /// Side of the square.
        size: u32,
    },
    /// torchvision's `Resize` and `CenterCrop`, which timm uses too: the short side brought to `short`, then
    /// the middle square of side `size`. They differ from `ResizeShort` and `CenterCrop` in that the long
    /// side is rounded down and that a middle between two pixels goes to the even one.
    ResizeThenCrop {
        /// Length of the short side.
        short: u32,
        /// Side of the square.
        size: u32,
        /// How.
        resampler: Resampler,
    },
    /// Another step that draws random numbers. It is written as the step alone.
    // The last, as what is not told by its `op` here. A page reads recipes of classifying alone: those for training would
    // make its wasm a 50th larger.
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    #[cfg_attr(not(target_arch = "wasm32"), serde(untagged))]
    Augment(Augmentation),
}

impl Transform {
    /// The operation's name, as it is written in a model file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Transform::RandomCrop { .. } => "RandomCrop",
            Transform::Augment(step) => step.name(),
            Transform::ResizeShort { .. } => "ResizeShort",
            Transform::Resize { .. } => "Resize",
            Transform::CenterCrop { .. } => "CenterCrop",
            Transform::ResizeThenCrop { .. } => "ResizeThenCrop",
        }
    }

    pub(crate) fn is_random(&self) -> bool {
        matches!(self, Transform::RandomCrop { .. } | Transform::Augment(_))
    }

    /// Whether every value is one that images can be transformed with.
    pub(crate) fn validate(&self) -> Result<(), VisionError> {
        let invalid = |what: String| Err(VisionError::InvalidRecipe(format!("{}: {what}", self.name())));
        let sides = match *self {
            Transform::RandomCrop { size, scale, ratio, .. } => {
                let ordered = |(lo, hi): (f64, f64)| lo > 0.0 && lo <= hi && hi.is_finite();
                if !ordered(scale) || scale.1 > 1.0 {
                    return invalid(format!("scale must satisfy 0 < least <= greatest <= 1, not {scale:?}"));
                }
                if !ordered(ratio) {
                    return invalid(format!("ratio must satisfy 0 < least <= greatest, not {ratio:?}"));
                }
                [size, size]
            }
            // Of the page's wasm, which reads none, what augmentations are checked by would be 3 KB.
            Transform::Augment(_) if cfg!(target_arch = "wasm32") => return Ok(()),
            Transform::Augment(ref step) => return step.check().or_else(invalid),
            Transform::ResizeShort { size, .. } | Transform::CenterCrop { size } => [size, size],
            Transform::Resize { width, height, .. } => [width, height],
            Transform::ResizeThenCrop { short, size, .. } => {
                if size > short {
                    return invalid(format!(
                        "a square of {size} pixels cannot be cut from a short side of {short}"
                    ));
                }
                [short, size]
            }
        };
        if sides.contains(&0) {
            return invalid("a size must be at least 1 pixel, not 0".into());
        }
        Ok(())
    }
}

/// The part of a `width` x `height` image that PaddleClas's `RandCropImage` would take: an aspect ratio
/// uniform in `ratio` (linearly, where torchvision draws its logarithm), then an area uniform in `scale`
/// times the whole, both lowered to what fits; then a place uniform over all whole-pixel places.
///
/// The region lies in the image and has at least one pixel. Always takes the numbers in the same order.
pub fn random_crop_region(
    width: u32,
    height: u32,
    scale: (f64, f64),
    ratio: (f64, f64),
    random: &mut Random,
) -> Region {
    let (image_w, image_h) = (f64::from(width), f64::from(height));
    let aspect = random.range(ratio.0, ratio.1).sqrt();
    let (w, h) = (aspect, 1.0 / aspect);
    let bound = (image_w / image_h / (w * w)).min(image_h / image_w / (h * h));
    let area = image_w * image_h * random.range(scale.0.min(bound), scale.1.min(bound));
    let side = area.sqrt();
    // Rounding could leave the image by a pixel; a very elongated photo could leave a side of none.
    let crop_w = ((side * w) as u32).clamp(1, width);
    let crop_h = ((side * h) as u32).clamp(1, height);
    let x = random.below(width - crop_w + 1);
    let y = random.below(height - crop_h + 1);
    Region { x, y, width: crop_w, height: crop_h }
}

/// The square of side `size` in the middle of `width` x `height` pixels.
pub(crate) fn center_region(width: u32, height: u32, size: u32) -> Result<Region, VisionError> {
    if size > width || size > height {
        return Err(VisionError::CropTooLarge { size, width, height });
    }
    Ok(Region { x: (width - size) / 2, y: (height - size) / 2, width: size, height: size })
}

/// Width and height after the short side of the image is brought to `size`, as Python rounds.
pub(crate) fn short_side_size(view: View<'_>, size: u32) -> Result<(u32, u32), VisionError> {
    scaled_size(view, size, |length, factor| (length * factor).round_ties_even().max(1.0))
}

/// Both sides as `side(length, size / short side)` has them.
fn scaled_size(view: View<'_>, size: u32, side: impl Fn(f64, f64) -> f64) -> Result<(u32, u32), VisionError> {
    let (width, height) = (f64::from(view.width()), f64::from(view.height()));
    let factor = f64::from(size) / width.min(height);
    let (new_width, new_height) = (side(width, factor), side(height, factor));
    if new_width.max(new_height) > f64::from(u32::MAX) {
        return Err(VisionError::ResizeTooLarge {
            from_width: view.width(),
            from_height: view.height(),
            width: new_width as u64,
            height: new_height as u64,
            limit: crate::MAX_RESIZE_PIXELS,
        });
    }
    Ok((new_width as u32, new_height as u32))
}

/// torchvision's `Resize` and `CenterCrop`: the short side to `short`, the long one rounded down, then the
/// middle square of side `size`, its place rounded half to even.
pub(crate) fn torchvision_resize_then_crop(
    view: View<'_>,
    short: u32,
    size: u32,
    resampler: Resampler,
) -> Result<Rgb, VisionError> {
    let least = f64::from(view.width().min(view.height()));
    // In integers as there, `short * long / least`: the quotient first would round another time.
    let full = scaled_size(view, short, |length, _| (f64::from(short) * length / least).floor())?;
    let middle = |side: u32| (f64::from(side - size) / 2.0).round_ties_even() as u32;
    center_region(full.0, full.1, size)?;
    let region = Region { x: middle(full.0), y: middle(full.1), width: size, height: size };
    resize_region(view, full, region, resampler)
}

/// Resizes to `full`, and takes the middle square of side `crop` of the result where one follows.
///
/// Only the pixels of the square are computed, so that a very elongated photo, whose resized whole would be
/// enormous, costs no more than any other.
pub(crate) fn resize_then_crop(
    view: View<'_>,
    full: (u32, u32),
    crop: Option<u32>,
    resampler: Resampler,
) -> Result<Rgb, VisionError> {
    let region = match crop {
        Some(size) => center_region(full.0, full.1, size)?,
        None => Region { x: 0, y: 0, width: full.0, height: full.1 },
    };
    resize_region(view, full, region, resampler)
}
