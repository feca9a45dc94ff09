//! Which steps of a run end with an update of the weights, where several batches make one.

use crate::TrainError;
use crate::dataset::count;
use photonet_nn::Turn;

/// The updates of a run.
///
/// As in PaddleClas, an epoch is as many batches as make whole updates. What is left over there is the beginning of the next
/// epoch; here every epoch has an order of its own, and others are left out in the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Updates {
    /// Of an epoch.
    batches: u64,
    /// Batches of an update.
    every: u64,
}

impl Updates {
    /// One update every `every` of the `batches` of an epoch.
    ///
    /// # Errors
    /// More than an epoch has.
    pub fn new(batches: u64, every: u32) -> Result<Self, TrainError> {
        if u64::from(every) > batches {
            return Err(TrainError::Request(format!(
                "Global.update_freq is {every}, but an epoch has {}, which make no update: give at most {batches} (PaddleClas \
                 would take 1)",
                count(batches as usize, "batch", "batches")
            )));
        }
        Ok(Self { batches, every: every.into() })
    }

    /// Those of an epoch.
    pub fn per_epoch(&self) -> u64 {
        self.batches / self.every
    }

    /// The batches of an epoch that are trained on.
    pub fn steps_per_epoch(&self) -> u64 {
        self.per_epoch() * self.every
    }

    /// The batches of an epoch that are not.
    pub fn left_out(&self) -> u64 {
        self.batches % self.every
    }

    /// Those that were made before a step, counted from 0 over the run.
    pub fn before(&self, step: u64) -> u64 {
        step / self.every
    }

    /// A step's place in its update.
    pub fn turn(&self, step: u64) -> Turn {
        Turn::ALONE.part((step % self.every) as usize, self.every as usize, 1.0 / self.every as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_have_whole_updates() {
        let updates = |batches, every| Updates::new(batches, every).unwrap();
        let u = updates(5, 2);
        assert_eq!((u.per_epoch(), u.steps_per_epoch(), u.left_out()), (2, 4, 1));
        let before: Vec<u64> = (0..9).map(|step| u.before(step)).collect();
        assert_eq!(before, [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        let turns: Vec<_> = (3..6).map(|step| u.turn(step)).map(|turn| (turn.first, turn.last)).collect();
        assert_eq!(turns, [(false, true), (true, false), (false, true)]);
        assert_eq!(u.turn(3).share, 0.5);
        assert_eq!(updates(6, 3).left_out(), 0);
        let one = updates(7, 1);
        assert!((0..30).all(|step| one.before(step) == step && one.turn(step) == Turn::ALONE));
        let error = Updates::new(3, 4).unwrap_err().to_string();
        assert!(error.contains("update_freq is 4") && error.contains("give at most 3"), "{error}");
    }
}
