//! From a decoded photo to the pixels of a batch, in two parts: what is the same each time, and what is drawn.

use std::borrow::Cow;

use photonet_vision::{Interpolation, Library, Recipe, Resampler, Rgb, RngKey, Transform, VisionError};
use serde::{Deserialize, Serialize};

/// The two parts of a recipe.
///
/// To apply one after the other is to apply the whole: random steps draw from streams by their kind,
/// which steps before them leave alone.
pub(crate) struct Preparation {
    fixed: Fixed,
    /// The steps from the first random one on.
    random: Recipe,
}

/// The part of a recipe that is the same each time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fixed {
    /// The steps before the first random one. For evaluation that is the whole recipe, so a photo that is kept costs its
    /// final pixels only.
    steps: Recipe,
    /// The longest short side that photos are kept with, and the step that brings longer ones down to it.
    kept: Option<(u32, Recipe)>,
}

impl Preparation {
    /// Photos whose short side is longer than `keep_short` are brought down to it before random steps.
    pub fn new(recipe: Recipe, keep_short: Option<u32>) -> Preparation {
        let (steps, random) = divide(recipe);
        // What is fixed is followed to the bit.
        let kept = keep_short.filter(|_| random.is_random()).map(|size| {
            let resampler = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };
            (size, Recipe { transforms: vec![Transform::ResizeShort { size, resampler }], ..steps.clone() })
        });
        Preparation { fixed: Fixed { steps, kept }, random }
    }

    /// What is the same each time.
    pub fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    /// The pixels of what was kept, with the random numbers of `key`.
    ///
    /// # Errors
    /// A photo that the steps do not take.
    pub fn pixels(&self, kept: &Rgb, key: RngKey) -> Result<Vec<u8>, VisionError> {
        let key = self.random.is_random().then_some(key);
        Ok(self.random.apply(kept, key)?.into_data())
    }
}

impl Fixed {
    /// What to keep of a decoded photo.
    ///
    /// # Errors
    /// A photo that the steps do not take.
    pub fn keep(&self, mut image: Cow<'_, Rgb>) -> Result<Rgb, VisionError> {
        let larger = |size: u32| image.width().min(image.height()) > size;
        let shrink = self.kept.as_ref().filter(|(size, _)| larger(*size)).map(|(_, shrink)| shrink);
        let fixed = Some(&self.steps).filter(|steps| !steps.transforms.is_empty());
        for steps in shrink.into_iter().chain(fixed) {
            image = Cow::Owned(steps.apply(&image, None)?);
        }
        Ok(image.into_owned())
    }
}

/// The steps before the first random one, and the rest.
fn divide(recipe: Recipe) -> (Recipe, Recipe) {
    let step_is_random = |at: usize| {
        let step = recipe.transforms[at].clone();
        Recipe { transforms: vec![step], ..recipe.clone() }.is_random()
    };
    let first =
        (0..recipe.transforms.len()).find(|at| step_is_random(*at)).unwrap_or(recipe.transforms.len());
    let mut fixed = recipe.clone();
    let mut random = recipe;
    random.transforms.drain(..first);
    fixed.transforms.truncate(first);
    (fixed, random)
}
