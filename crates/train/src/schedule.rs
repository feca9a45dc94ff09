//! The learning rate of each step: linear warm-up, then a cosine or a constant.

use crate::config::{ScheduleConfig, ScheduleKind};

/// A learning rate for each step of a run.
///
/// With `W = round(warmup_epochs * steps_per_epoch)` (halves to even, as Python rounds) and
/// `T = (epochs - warmup_epochs) * steps_per_epoch`, step `t`, counted from 0 over the whole run, has
///
/// * `start + (base - start) * t / W` while `t < W`: the first step of a warm-up from 0 learns
///   nothing, which is how PaddleClas counts;
/// * after that, `eta_min + (base - eta_min) * (1 + cos(pi * (t - W) / T)) / 2`, or `base` for a
///   constant schedule.
///
/// A warm-up longer than the run is cut to the run. Steps after the end keep the last value.
/// Source: PaddleClas `ppcls/optimizer/learning_rate.py`, and Paddle's `LinearWarmup` and
/// `CosineAnnealingDecay` in closed form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    base: f64,
    start: f64,
    warmup_steps: u64,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Const,
    Cosine { eta_min: f64, steps: f64 },
}

impl Schedule {
    /// Warm-up from 0 to `base`, then half a cosine down to `eta_min` at the end of the run.
    pub fn cosine(
        base: f64,
        warmup_epochs: f64,
        epochs: u32,
        steps_per_epoch: u64,
        eta_min: f64,
    ) -> Schedule {
        let kind = ScheduleKind::Cosine { eta_min };
        let config =
            ScheduleConfig { kind, learning_rate: base, warmup_epoch: warmup_epochs, warmup_start_lr: 0.0 };
        Schedule::new(&config, epochs, steps_per_epoch)
    }

    /// Warm-up from 0 to `base`, then `base`.
    pub fn constant(base: f64, warmup_epochs: f64, epochs: u32, steps_per_epoch: u64) -> Schedule {
        let config = ScheduleConfig {
            kind: ScheduleKind::Const,
            learning_rate: base,
            warmup_epoch: warmup_epochs,
            warmup_start_lr: 0.0,
        };
        Schedule::new(&config, epochs, steps_per_epoch)
    }

    /// The schedule that a configuration describes, for a run of `epochs` times `steps_per_epoch`.
    pub fn new(config: &ScheduleConfig, epochs: u32, steps_per_epoch: u64) -> Schedule {
        let epochs = f64::from(epochs);
        let warmup = config.warmup_epoch.clamp(0.0, epochs);
        let steps_per_epoch = steps_per_epoch as f64;
        let steps = (epochs - warmup) * steps_per_epoch;
        let shape = match config.kind {
            ScheduleKind::Cosine { eta_min } if steps > 0.0 => Shape::Cosine { eta_min, steps },
            // With no step left after the warm-up there is nothing to anneal over.
            ScheduleKind::Cosine { .. } | ScheduleKind::Const => Shape::Const,
        };
        Schedule {
            base: config.learning_rate,
            start: config.warmup_start_lr,
            warmup_steps: (warmup * steps_per_epoch).round_ties_even() as u64,
            shape,
        }
    }

    /// The learning rate of a step, counted from 0 over the whole run.
    pub fn lr(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.start + (self.base - self.start) * step as f64 / self.warmup_steps as f64;
        }
        match self.shape {
            Shape::Const => self.base,
            Shape::Cosine { eta_min, steps } => {
                let progress = ((step - self.warmup_steps) as f64 / steps).min(1.0);
                eta_min + (self.base - eta_min) * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
            }
        }
    }

    /// The name that PaddleClas's log lines give the schedule.
    pub fn log_name(&self) -> &'static str {
        match (self.warmup_steps, self.shape) {
            (1.., _) => "LinearWarmup",
            (0, Shape::Cosine { .. }) => "CosineAnnealingDecay",
            (0, Shape::Const) => "ConstLR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_start_run_has_paddleclas_values() {
        // 20 epochs of 32 steps, 5 of warm-up: W = 160, T = 480.
        let s = Schedule::cosine(0.00375, 5.0, 20, 32, 0.0);
        assert_eq!(s.log_name(), "LinearWarmup");
        assert_eq!(s.lr(0), 0.0);
        assert_eq!(s.lr(1), 0.0000234375);
        assert_eq!(s.lr(80), 0.001875);
        assert_eq!(s.lr(160), 0.00375);
        // A third of the way: cos(60 degrees) = 1/2, so 3/4 of the base.
        assert!((s.lr(320) - 0.0028125).abs() < 1e-15);
        assert!((s.lr(400) - 0.001875).abs() < 1e-15);
        assert!((s.lr(520) - 0.0005491747852752235).abs() < 1e-15, "{}", s.lr(520));
        assert!(s.lr(640).abs() < 1e-18);
        assert_eq!(s.lr(10_000), s.lr(640));
    }

    #[test]
    fn eta_min_is_the_floor() {
        let s = Schedule::cosine(0.5, 0.0, 4, 1, 0.1);
        assert_eq!(s.log_name(), "CosineAnnealingDecay");
        assert_eq!(s.lr(0), 0.5);
        assert!((s.lr(2) - 0.3).abs() < 1e-15);
        assert!((s.lr(4) - 0.1).abs() < 1e-15);
    }

    #[test]
    fn a_warm_up_longer_than_the_run_is_cut_to_it() {
        let s = Schedule::cosine(1.0, 9.0, 2, 5, 0.0);
        assert_eq!(s.lr(5), 0.5);
        assert_eq!(s.lr(9), 0.9);
        assert_eq!(s.lr(10), 1.0);
        assert_eq!(s, Schedule::cosine(1.0, 2.0, 2, 5, 0.0));
    }

    #[test]
    fn a_constant_stays_and_may_warm_up() {
        let s = Schedule::constant(0.02, 0.0, 3, 7);
        assert_eq!((s.lr(0), s.lr(20), s.log_name()), (0.02, 0.02, "ConstLR"));
        let s = Schedule::constant(0.02, 1.0, 3, 4);
        assert_eq!((s.lr(0), s.lr(1), s.lr(4), s.lr(11)), (0.0, 0.005, 0.02, 0.02));
    }

    #[test]
    fn fractions_of_an_epoch_round_halves_to_even() {
        assert_eq!(Schedule::constant(1.0, 0.5, 3, 5).warmup_steps, 2);
        assert_eq!(Schedule::constant(1.0, 0.5, 3, 7).warmup_steps, 4);
    }

    #[test]
    fn a_start_above_zero_is_the_first_rate() {
        let kind = ScheduleKind::Const;
        let config = ScheduleConfig { kind, learning_rate: 1.0, warmup_epoch: 1.0, warmup_start_lr: 0.2 };
        let s = Schedule::new(&config, 2, 4);
        assert!((s.lr(0) - 0.2).abs() < 1e-15 && (s.lr(2) - 0.6).abs() < 1e-15);
    }
}
