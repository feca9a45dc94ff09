//! Where a run is, and how fast it goes.

use crate::journal::{Scores, TrainStep};
use std::time::{Duration, Instant};

/// Where in the run a step is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// From 1.
    pub epoch: u32,
    pub epochs: u32,
    /// From 0, in the epoch.
    pub iter: u64,
    pub iters: u64,
}

/// Times the steps between two reports.
pub(super) struct Clock {
    start: Instant,
    /// Since the last report, which is made while the next step's photos are there already.
    reading: Duration,
    steps: u64,
}

impl Clock {
    pub fn new() -> Self {
        Self { start: Instant::now(), reading: Duration::ZERO, steps: 0 }
    }

    /// Notes a step that waited `reading` for its photos.
    pub fn step(&mut self, reading: Duration) {
        self.reading += reading;
        self.steps += 1;
    }

    /// The number of steps since the last call, to be reported once the device has done them.
    pub fn cut(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }

    /// The event for `steps`, which the device has done between the last report and now.
    pub fn report(
        &mut self,
        steps: u64,
        place: Place,
        scores: Scores,
        images: u32,
        lr: f64,
        schedule: &'static str,
    ) -> TrainStep {
        let seconds = self.start.elapsed().as_secs_f64();
        let reading = std::mem::take(&mut self.reading);
        self.start = Instant::now();
        let steps = steps.max(1) as f64;
        let batch_cost = seconds / steps;
        let Place { epoch, epochs, iter, iters } = place;
        let done = u64::from(epoch - 1) * iters + iter + 1;
        let left = (u64::from(epochs) * iters).saturating_sub(done);
        TrainStep {
            epoch,
            epochs,
            iter,
            iters,
            lr,
            schedule,
            scores,
            batch_cost,
            reader_cost: reading.as_secs_f64() / steps,
            ips: f64::from(images) / seconds.max(1e-9),
            eta: Duration::from_secs_f64(batch_cost * left as f64),
        }
    }
}
