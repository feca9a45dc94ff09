//! The learning rate of each step: linear warm-up, then one of PaddleClas's shapes.

use crate::config::{ScheduleConfig, ScheduleKind};

/// A learning rate for each step of a run.
///
/// With `W = round(warmup_epochs * steps_per_epoch)` (halves to even, as Python rounds) and
/// `T = (epochs - warmup_epochs) * steps_per_epoch`, step `t`, counted from 0 over the whole run, has
///
/// * `start + (base - start) * t / W` while `t < W`: the first step of a warm-up from 0 learns
///   nothing, which is how PaddleClas counts;
/// * after that, with `u = t - W`,
///   * Cosine: `eta_min + (base - eta_min) * (1 + cos(pi * u / T)) / 2`;
///   * Linear: `end + (base - end) * (1 - u / T)^power`, where a cycle takes for `T` its next multiple from `u` on;
///   * Step: `base * gamma^floor(u / (step_size * steps_per_epoch))`;
///   * MultiStepDecay: `base * gamma^n` after `n` of the milestones, times `steps_per_epoch`;
///   * Piecewise: the value after as many of the epochs, times `steps_per_epoch`;
///   * Constant: `base`.
///
/// By epoch, `t` counts epochs, and `steps_per_epoch` is 1 in all this. A warm-up longer than the run is cut to the run.
/// Steps after the end keep the last value.
/// Source: PaddleClas `ppcls/optimizer/learning_rate.py`, and Paddle's `LinearWarmup`, `CosineAnnealingDecay` (in closed
/// form), `PolynomialDecay`, `StepDecay`, `MultiStepDecay` and `PiecewiseDecay`.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    base: f64,
    start: f64,
    /// In the unit of its shape.
    warmup: f64,
    /// Steps that have the same rate: one, or those of an epoch.
    unit: u64,
    shape: Shape,
}

/// In steps, or by epoch in epochs, after the warm-up.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Const,
    Cosine { eta_min: f64, length: f64 },
    Linear { end: f64, power: f64, length: f64, cycle: bool },
    Step { size: f64, gamma: f64 },
    Pieces { bounds: Vec<f64>, values: Vec<f64>, name: &'static str },
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
        Schedule::new(&warming(kind, base, warmup_epochs), epochs, steps_per_epoch)
    }

    /// Warm-up from 0 to `base`, then `base`.
    pub fn constant(base: f64, warmup_epochs: f64, epochs: u32, steps_per_epoch: u64) -> Schedule {
        Schedule::new(&warming(ScheduleKind::Const, base, warmup_epochs), epochs, steps_per_epoch)
    }

    /// The schedule that a configuration describes, for a run of `epochs` times `steps_per_epoch`.
    pub fn new(config: &ScheduleConfig, epochs: u32, steps_per_epoch: u64) -> Schedule {
        let epochs = f64::from(epochs);
        let warmup = config.warmup_epoch.clamp(0.0, epochs);
        let (unit, units) = match config.by_epoch {
            true => (steps_per_epoch.max(1), 1.0),
            false => (1, steps_per_epoch as f64),
        };
        let length = (epochs - warmup) * units;
        let base = config.learning_rate;
        let bounds = |epochs: &[u32]| epochs.iter().map(|epoch| f64::from(*epoch) * units).collect();
        let shape = match &config.kind {
            ScheduleKind::Cosine { eta_min } if length > 0.0 => Shape::Cosine { eta_min: *eta_min, length },
            ScheduleKind::Linear { end_lr, power, cycle } if length > 0.0 => {
                Shape::Linear { end: *end_lr, power: *power, length, cycle: *cycle }
            }
            ScheduleKind::Step { step_size, gamma } => {
                Shape::Step { size: f64::from(*step_size) * units, gamma: *gamma }
            }
            ScheduleKind::MultiStep { milestones, gamma } => {
                let values = (0..=milestones.len()).map(|n| base * gamma.powi(n as i32)).collect();
                Shape::Pieces { bounds: bounds(milestones), values, name: "MultiStepDecay" }
            }
            ScheduleKind::Piecewise { decay_epochs, values } => {
                Shape::Pieces { bounds: bounds(decay_epochs), values: values.clone(), name: "PiecewiseDecay" }
            }
            // With no step left after the warm-up there is nothing to go down over.
            ScheduleKind::Cosine { .. } | ScheduleKind::Linear { .. } | ScheduleKind::Const => Shape::Const,
        };
        let warmup = if config.by_epoch { warmup } else { (warmup * units).round_ties_even() };
        Schedule { base, start: config.warmup_start_lr, warmup, unit, shape }
    }

    /// The learning rate of a step, counted from 0 over the whole run.
    pub fn lr(&self, step: u64) -> f64 {
        let at = (step / self.unit) as f64;
        if at < self.warmup {
            return self.start + (self.base - self.start) * at / self.warmup;
        }
        let at = at - self.warmup;
        match &self.shape {
            Shape::Const => self.base,
            Shape::Cosine { eta_min, length } => {
                let progress = (at / length).min(1.0);
                eta_min + (self.base - eta_min) * (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0
            }
            Shape::Linear { end, power, length, cycle } => {
                let turns = if *cycle { (at / length).ceil().max(1.0) } else { 1.0 };
                let left = 1.0 - (at / (length * turns)).min(1.0);
                end + (self.base - end) * left.powf(*power)
            }
            Shape::Step { size, gamma } => self.base * gamma.powf((at / size).floor()),
            Shape::Pieces { bounds, values, .. } => {
                let passed = bounds.iter().filter(|bound| at >= **bound).count();
                values.get(passed).copied().unwrap_or(self.base)
            }
        }
    }

    /// The name that PaddleClas's log lines give the schedule.
    pub fn log_name(&self) -> &'static str {
        match &self.shape {
            _ if self.warmup > 0.0 => "LinearWarmup",
            Shape::Cosine { .. } => "CosineAnnealingDecay",
            Shape::Linear { .. } => "PolynomialDecay",
            Shape::Step { .. } => "StepDecay",
            Shape::Pieces { name, .. } => name,
            Shape::Const => "ConstLR",
        }
    }
}

fn warming(kind: ScheduleKind, learning_rate: f64, warmup_epoch: f64) -> ScheduleConfig {
    ScheduleConfig { kind, learning_rate, warmup_epoch, warmup_start_lr: 0.0, by_epoch: false }
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
        assert_eq!(Schedule::constant(1.0, 0.5, 3, 5).warmup, 2.0);
        assert_eq!(Schedule::constant(1.0, 0.5, 3, 7).warmup, 4.0);
    }

    #[test]
    fn a_start_above_zero_is_the_first_rate() {
        let config = ScheduleConfig { warmup_start_lr: 0.2, ..warming(ScheduleKind::Const, 1.0, 1.0) };
        let s = Schedule::new(&config, 2, 4);
        assert!((s.lr(0) - 0.2).abs() < 1e-15 && (s.lr(2) - 0.6).abs() < 1e-15);
    }

    fn rates(config: &ScheduleConfig, epochs: u32, steps_per_epoch: u64, steps: &[u64]) -> Vec<f64> {
        let schedule = Schedule::new(config, epochs, steps_per_epoch);
        // To 12 digits, beyond which powers round.
        steps.iter().map(|step| (schedule.lr(*step) * 1e12).round() / 1e12).collect()
    }

    #[test]
    fn a_line_goes_down_to_its_end_and_a_cycle_begins_anew() {
        let linear = |power, cycle| ScheduleKind::Linear { end_lr: 0.1, power, cycle };
        // 10 steps of warm-up, then 30 down from 0.9 to 0.1.
        let config = warming(linear(1.0, false), 0.9, 1.0);
        let steps = [0, 5, 10, 25, 40, 55];
        assert_eq!(rates(&config, 4, 10, &steps), [0.0, 0.45, 0.9, 0.5, 0.1, 0.1]);
        let config = warming(linear(2.0, false), 0.9, 0.0);
        assert_eq!(rates(&config, 4, 10, &[0, 20, 40]), [0.9, 0.3, 0.1]);
        assert_eq!(Schedule::new(&config, 4, 10).log_name(), "PolynomialDecay");
        // Beyond its 40 steps, of 80: 0.8 * (1 - 60 / 80) + 0.1.
        let config = warming(linear(1.0, true), 0.9, 0.0);
        assert_eq!(rates(&config, 4, 10, &[0, 20, 40, 60, 80]), [0.9, 0.5, 0.1, 0.3, 0.1]);
        // Nothing is left of a run that only warms up.
        assert_eq!(rates(&warming(linear(1.0, false), 0.9, 4.0), 4, 10, &[20, 40]), [0.45, 0.9]);
    }

    #[test]
    fn steps_count_from_the_end_of_the_warm_up() {
        let step = ScheduleKind::Step { step_size: 2, gamma: 0.1 };
        let config = warming(step, 0.5, 1.0);
        let steps = [0, 5, 10, 29, 30, 49, 50];
        assert_eq!(rates(&config, 9, 10, &steps), [0.0, 0.25, 0.5, 0.5, 0.05, 0.05, 0.005]);
        let several = ScheduleKind::MultiStep { milestones: vec![1, 3], gamma: 0.5 };
        let config = warming(several, 0.8, 0.0);
        assert_eq!(rates(&config, 9, 10, &[0, 9, 10, 29, 30, 80]), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]);
        assert_eq!(Schedule::new(&config, 9, 10).log_name(), "MultiStepDecay");
        let pieces = ScheduleKind::Piecewise { decay_epochs: vec![2, 4], values: vec![0.1, 0.03, 0.001] };
        let config = warming(pieces, 0.1, 0.5);
        let steps = [0, 4, 5, 24, 25, 44, 45];
        assert_eq!(rates(&config, 9, 10, &steps), [0.0, 0.08, 0.1, 0.1, 0.03, 0.03, 0.001]);
    }

    #[test]
    fn by_epoch_an_epochs_steps_have_one_rate() {
        let by_epoch = |kind, warmup| ScheduleConfig { by_epoch: true, ..warming(kind, 0.4, warmup) };
        let config = by_epoch(ScheduleKind::Step { step_size: 2, gamma: 0.5 }, 2.0);
        let steps = [0, 9, 10, 19, 20, 39, 40, 60];
        assert_eq!(rates(&config, 9, 10, &steps), [0.0, 0.0, 0.2, 0.2, 0.4, 0.4, 0.2, 0.1]);
        let cosine = by_epoch(ScheduleKind::Cosine { eta_min: 0.0 }, 1.0);
        // A third of the three epochs after the first: cos(60 degrees) = 1/2.
        assert_eq!(rates(&cosine, 4, 10, &[9, 10, 19, 20, 29, 40]), [0.0, 0.4, 0.4, 0.3, 0.3, 0.0]);
        let linear = by_epoch(ScheduleKind::Linear { end_lr: 0.0, power: 1.0, cycle: false }, 0.0);
        assert_eq!(rates(&linear, 4, 10, &[0, 10, 25, 39]), [0.4, 0.3, 0.2, 0.1]);
    }
}
