//! Photos in memory, each ready to be cut at random and to be evaluated.

use super::intake::{Intake, Kept};
use crate::config::Config;
use crate::dataset::{Sample, SplitOptions, class_counts, for_validation};
use crate::loader::Preparation;
use photonet_vision::{Rgb, RngKey, VisionError};

/// Photos in memory with their classes, as a configuration prepares them.
pub struct Gallery {
    train: Preparation,
    intake: Intake,
    photos: Vec<Photo>,
    bytes: u64,
}

struct Photo {
    name: String,
    label: u32,
    kept: Kept,
}

/// A gallery divided for training.
pub(super) struct Divided {
    /// What random crops are cut from, and the class of each photo.
    pub train: Vec<(Rgb, u32)>,
    /// The network's input of each photo to evaluate on.
    pub val: Vec<Rgb>,
    /// Their names and classes.
    pub samples: Vec<Sample>,
    pub preparation: Preparation,
}

impl Gallery {
    /// For photos that `config` prepares.
    pub fn new(config: &Config) -> Self {
        let train = Preparation::new(config.train.recipe.clone(), config.train.kept_short());
        let eval = Preparation::new(config.eval.recipe.clone(), None);
        Self { intake: Intake::new(&train, &eval), train, photos: Vec::new(), bytes: 0 }
    }

    /// How it takes photos, for threads that do a part of it.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Takes a decoded photo of class `label`. The order in which photos are added makes no difference, but for those of one
    /// class with the same `name`.
    ///
    /// # Errors
    /// A photo that cannot be prepared, as one of a thousand times the height in width.
    pub fn add(&mut self, photo: &Rgb, name: &str, label: u32) -> Result<(), VisionError> {
        self.take(self.intake.keep(photo)?, name, label)
    }

    /// The same, of a photo of which [`Gallery::intake`] has kept what is needed.
    ///
    /// # Errors
    /// As [`Gallery::add`].
    pub fn take(&mut self, kept: Kept, name: &str, label: u32) -> Result<(), VisionError> {
        // A crop shows whether the random steps take it, before a run has begun.
        self.train.pixels(&kept.source, RngKey { seed: 0, epoch: 0, sample: 0 })?;
        self.bytes += kept.bytes();
        self.photos.push(Photo { name: name.into(), label, kept });
        Ok(())
    }

    /// Photos so far.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// The memory that they take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Photos of each of `classes` classes.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        class_counts(self.photos.iter().map(|photo| photo.label), classes)
    }

    /// Sets a part of each class aside for evaluation, as a folder of the same photos would be divided.
    pub(super) fn divide(mut self, classes: usize, options: SplitOptions) -> Divided {
        self.photos.sort_by(|a, b| (a.label, &a.name).cmp(&(b.label, &b.name)));
        let labels: Vec<u32> = self.photos.iter().map(|photo| photo.label).collect();
        let chosen = for_validation(&labels, classes, options);
        let (mut train, mut val, mut samples) = (Vec::new(), Vec::new(), Vec::new());
        for (Photo { name, label, kept: Kept { source, input } }, chosen) in
            self.photos.into_iter().zip(chosen)
        {
            if chosen {
                val.push(input);
                samples.push(Sample { path: name.into(), label });
            } else {
                train.push((source, label));
            }
        }
        Divided { train, val, samples, preparation: self.train }
    }
}
