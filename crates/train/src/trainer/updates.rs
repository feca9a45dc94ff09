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

/// The share of the weights that a run began with which its moving average may still hold at its end.
const OLD_SHARE: f64 = 0.1;

/// Says so where a moving average of this decay is too slow for a run of so many updates.
pub(super) fn slow_average(decay: f64, updates: u64) -> Option<String> {
    let left = decay.powf(updates as f64);
    // Of which a hundredth would be left; rounded down, so that it is no more.
    let better = (0.01_f64.powf(1.0 / updates.max(1) as f64) * 1e4).floor() / 1e4;
    (left > OLD_SHARE).then(|| {
        format!(
            "EMA.decay is {decay}: after the {} of the run {:.0} % of its average are still the weights that it began with; \
             of {better} it would be 1 %",
            count(updates as usize, "update", "updates"),
            100.0 * left
        )
    })
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

    #[test]
    fn an_average_too_slow_for_the_run_is_told() {
        let text = slow_average(0.9999, 1000).unwrap();
        let start = "EMA.decay is 0.9999: after the 1000 updates of the run 90 % of its average are still";
        assert!(text.starts_with(start) && text.ends_with("of 0.9954 it would be 1 %"), "{text}");
        assert!(0.9954_f64.powi(1000) < 0.01);
        assert_eq!(slow_average(0.9999, 30_000), None);
        assert_eq!(slow_average(0.99, 300), None);
        assert_eq!(slow_average(0.0, 1), None);
    }
}
