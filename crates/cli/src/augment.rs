//! What `photonet train` does to photos and to how they count.

use crate::error::CliError;
use clap::{Args, ValueEnum};
use photonet_train::config::{ClassWeights, Config};
use photonet_vision::{Augmentation, Mixing, Recipe, Strength, Transform};

/// Options for photos and how they count.
#[derive(Debug, Args)]
pub struct AugmentOptions {
    /// What is done to each photo before it is trained on [default: basic, or as the configuration says].
    #[arg(long)]
    pub augment: Option<Augment>,
    /// Blend the photos of a batch with one another, and their classes: each one's share is drawn from a beta distribution of
    /// this parameter, such as 0.2; 0 is off. With --cutmix, every other batch.
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true)]
    pub mixup: Option<f64>,
    /// Lay a rectangle of another photo of the batch over each photo, of an area drawn likewise, such as by 1; 0 is off.
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true)]
    pub cutmix: Option<f64>,
    /// Let all classes count alike, however many photos each has: the loss of a photo counts by the inverse of its class's
    /// number.
    #[arg(long)]
    pub balance: bool,
}

/// What is done to each photo before it is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Augment {
    /// As in evaluation: nothing is drawn.
    None,
    /// A random part of it, mirrored or not.
    Basic,
    /// As basic, and AutoAugment's operations for ImageNet.
    Auto,
    /// As basic, and two of RandAugment's operations.
    Rand,
}

/// Grey, as PaddleClas brings it in beside photos that are moved.
const GREY: [u8; 3] = [128; 3];

impl AugmentOptions {
    /// Changes `config` as the options ask for.
    ///
    /// # Errors
    /// Numbers that nothing can be mixed by.
    pub fn apply(&self, config: &mut Config) -> Result<(), CliError> {
        if let Some(augment) = self.augment {
            config.train.recipe = augment.recipe(config);
        }
        if self.mixup.is_some() || self.cutmix.is_some() {
            config.train.mixing = mixing(self.mixup, self.cutmix)?;
        }
        if self.balance {
            config.loss.class_weights = ClassWeights::Balanced;
        }
        Ok(())
    }
}

impl Augment {
    /// The recipe of training that resizes and normalises as that of `config`.
    fn recipe(self, config: &Config) -> Recipe {
        let present = &config.train.recipe;
        if self == Augment::None {
            return Recipe { transforms: config.eval.recipe.transforms.clone(), ..present.clone() };
        }
        let side = present.output_size().map_or(config.global.image_shape[1], |(width, _)| width);
        let mut recipe = present.for_training(side);
        recipe.transforms.extend(match self {
            Augment::None | Augment::Basic => None,
            Augment::Auto => Some(Transform::Augment(Augmentation::AutoAugment { fill: GREY })),
            // PaddleClas's numbers.
            Augment::Rand => {
                Some(Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude: 5.0, fill: GREY }))
            }
        });
        recipe
    }
}

/// Each of the two that is on in as many batches.
fn mixing(mixup: Option<f64>, cutmix: Option<f64>) -> Result<Mixing, CliError> {
    let on = |alpha: &f64| *alpha != 0.0;
    let both = mixup.as_ref().is_some_and(on) && cutmix.as_ref().is_some_and(on);
    let strength = |flag: &str, alpha: Option<f64>| match alpha.filter(on) {
        None => Ok(Strength::default()),
        Some(alpha) if alpha > 0.0 && alpha.is_finite() => {
            Ok(Strength { probability: if both { 0.5 } else { 1.0 }, alpha })
        }
        Some(alpha) => {
            Err(CliError::Usage(format!("{flag} {alpha} is no parameter: use a number above 0, such as 0.2")))
        }
    };
    Ok(Mixing { mixup: strength("--mixup", mixup)?, cutmix: strength("--cutmix", cutmix)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(options: AugmentOptions) -> Config {
        let mut config = Config::defaults();
        config.set_size(64);
        options.apply(&mut config).unwrap();
        // A run's configuration is what a resume goes on with.
        assert_eq!(Config::from_yaml(&config.to_yaml(), "again", &[]).unwrap(), config);
        config
    }

    const NOTHING: AugmentOptions =
        AugmentOptions { augment: None, mixup: None, cutmix: None, balance: false };

    #[test]
    fn each_way_of_augmenting_keeps_size_and_resizing() {
        let plain = configured(NOTHING);
        let with = |augment| configured(AugmentOptions { augment: Some(augment), ..NOTHING }).train.recipe;
        assert_eq!(with(Augment::Basic), plain.train.recipe);
        assert_eq!(with(Augment::None), plain.eval.recipe);
        assert!(!with(Augment::None).is_random());
        for (augment, name) in [(Augment::Auto, "AutoAugment"), (Augment::Rand, "RandAugment (2, 5)")] {
            let recipe = with(augment);
            assert_eq!((recipe.transforms.len(), recipe.output_size()), (3, Some((64, 64))));
            assert_eq!(recipe.transforms[..2], plain.train.recipe.transforms);
            let Transform::Augment(step) = &recipe.transforms[2] else { panic!("{recipe:?}") };
            assert_eq!(step.to_string(), name);
        }
    }

    #[test]
    fn both_ways_of_mixing_take_turns_and_no_number_is_taken_for_another() {
        let with = |mixup, cutmix| {
            AugmentOptions { mixup, cutmix, ..NOTHING }
                .apply(&mut Config::defaults())
                .map_err(|error| error.to_string())
        };
        let mixing = |mixup, cutmix| configured(AugmentOptions { mixup, cutmix, ..NOTHING }).train.mixing;
        let strength = |probability, alpha| Strength { probability, alpha };
        let (off, half) = (Mixing::default(), strength(0.5, 0.2));
        assert_eq!(mixing(None, None), off);
        assert_eq!(mixing(Some(0.2), None), Mixing { mixup: strength(1.0, 0.2), ..off });
        assert_eq!(mixing(Some(0.0), Some(1.5)), Mixing { cutmix: strength(1.0, 1.5), ..off });
        assert_eq!(mixing(Some(0.2), Some(1.0)), Mixing { mixup: half, cutmix: strength(0.5, 1.0) });
        assert!(with(Some(-1.0), None).unwrap_err().contains("--mixup -1 is no parameter"));
        assert!(with(None, Some(f64::NAN)).unwrap_err().contains("--cutmix NaN"));
    }
}
