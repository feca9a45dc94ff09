//! What cannot be trained on, told before anything is computed.

use super::{Gallery, Session};
use crate::TrainError;
use crate::config::Config;
use crate::dataset::{Dataset, count, first_classes};
use crate::shared::beginning::{asked_for, check_frozen};
use photonet_model::{Input, Model};

fn refuse(reason: impl Into<String>) -> Result<(), TrainError> {
    Err(TrainError::Request(reason.into()))
}

impl Session {
    /// Checks a configuration for so many classes, whatever the photos will be.
    ///
    /// # Errors
    /// Values that no run can have, and what only a run on files can do.
    pub fn check(config: &Config, classes: usize, model: Option<&Model>) -> Result<(), TrainError> {
        if config.train.batch_size == 0 || config.global.epochs == 0 {
            return refuse("a run has at least one epoch of batches of at least one photo");
        }
        let rate = config.optimizer.schedule.learning_rate;
        if !(rate.is_finite() && rate >= 0.0) {
            return refuse(format!("{rate} is not a learning rate: use a number such as 0.05"));
        }
        if !config.train.mixing.is_off() || config.global.update_freq != 1 || config.ema.is_some() {
            return refuse(
                "photos are not mixed here, every batch is followed by an update, and there is no moving average of the \
                 weights: leave them out, or train with the program",
            );
        }
        let asked = match model {
            Some(model) => model.architecture.clone(),
            None => asked_for(config, classes)?,
        };
        asked.check_size(Input::of(&config.eval.recipe)?.size)?;
        check_frozen(config, &asked, model.is_some())
    }
}

impl Gallery {
    /// Checks that the photos of `classes` classes can be trained and evaluated on.
    ///
    /// # Errors
    /// Fewer than two classes with photos, or none with two.
    pub fn check(&self, classes: usize) -> Result<(), TrainError> {
        let counts = self.class_counts(classes);
        let with_photos = counts.iter().filter(|photos| **photos > 0).count();
        if with_photos < 2 {
            return refuse(format!(
                "training needs photos of at least two classes, and there are {} of {}: add photos",
                count(self.len(), "photo", "photos"),
                count(with_photos, "class", "classes")
            ));
        }
        if counts.iter().all(|photos| *photos < 2) {
            return refuse(
                "no class has two photos, so that none can be set aside to evaluate on: add photos",
            );
        }
        Ok(())
    }
}

/// Says which classes no photo is learned of, and which none is evaluated of. `trained` are the photos of each class to train
/// on, `held` those to evaluate on.
pub(super) fn unseen(trained: &[usize], held: &Dataset) -> Vec<String> {
    let held_counts = held.class_counts();
    let named = |wanted: &dyn Fn(usize) -> bool| {
        let names: Vec<String> = (0..trained.len())
            .filter(|class| wanted(*class))
            .map(|class| held.labels[class].clone())
            .collect();
        (!names.is_empty()).then(|| first_classes(names.into_iter()))
    };
    let unknown = named(&|class| trained[class] == 0);
    let untold = named(&|class| trained[class] > 0 && held_counts[class] == 0);
    let mut notes = Vec::new();
    notes.extend(unknown.map(|names| format!("without photos, and never learned: {names}")));
    notes.extend(untold.map(|names| {
        format!("with one photo only, so that none is left to see how well they are known: {names}")
    }));
    notes
}
