//! How each family sees photos.

use super::{ImportError, ImportOptions};
use crate::{Architecture, Family};
use photonet_vision::{Interpolation, Library, Recipe, Resampler, Transform};

/// Side of the images that all published networks were trained for.
const SIZE: u32 = 224;

/// The preprocessing of a family's published evaluations, with the options' changes.
///
/// | family | short side | interpolation | mean, standard deviation |
/// |---|---|---|---|
/// | PaddleClas | 256 | OpenCV bilinear | ImageNet's |
/// | torchvision | 256 | Pillow bilinear | ImageNet's |
/// | timm | 256 | Pillow bicubic | ImageNet's |
/// | timm `tf_` | 256 | Pillow bicubic | 0.5, 0.5 |
pub(super) fn recipe(architecture: &Architecture, options: &ImportOptions) -> Result<Recipe, ImportError> {
    let family = architecture.family;
    let size = options.size.unwrap_or(SIZE);
    architecture.check_size(size as usize)?;
    let own = Recipe::eval(size);
    let short = options.resize_short.or(match own.transforms.first() {
        Some(Transform::ResizeShort { size, .. }) => Some(*size),
        _ => None,
    });
    let short = short.unwrap_or(size);
    if short < size {
        return Err(ImportError::Options(format!(
            "a short side of {short} pixels is less than the input of {size}: raise --resize-short"
        )));
    }
    let (library, interpolation) = match family {
        Family::Paddle => (Library::OpenCv, Interpolation::Bilinear),
        Family::Torchvision => (Library::Pillow, Interpolation::Bilinear),
        Family::Timm | Family::TimmTf => (Library::Pillow, Interpolation::Bicubic),
    };
    let resampler = Resampler {
        library: if options.no_antialias { Library::OpenCv } else { library },
        interpolation: options.interpolation.unwrap_or(interpolation),
    };
    let transforms = match family {
        Family::Paddle => {
            vec![Transform::ResizeShort { size: short, resampler }, Transform::CenterCrop { size }]
        }
        _ => vec![Transform::ResizeThenCrop { short, size, resampler }],
    };
    let half = [0.5; 3];
    let (mean, std) = if family == Family::TimmTf { (half, half) } else { (own.mean, own.std) };
    let recipe = Recipe {
        transforms,
        mean: options.mean.unwrap_or(mean),
        std: options.std.unwrap_or(std),
        scale: own.scale,
    };
    recipe.validate().map_err(|e| ImportError::Options(e.to_string()))?;
    Ok(recipe)
}
