//! Photos for the next epoch, and what the user can do when the device waits for them.

use super::Run;
use crate::TrainError;
use crate::journal::Event;
use crate::resources;
use crate::trainer::feed::Feed;
use std::time::{Duration, Instant};

/// The share of an epoch that the device may wait for photos before the user is told.
const WAITING: f64 = 0.2;

/// What a run keeps of its loading from epoch to epoch.
#[derive(Default)]
pub(super) struct Loading {
    /// The next epoch (from 0), whose first batches are made while the one before is evaluated.
    ahead: Option<(u32, Feed)>,
    /// Whether an epoch has been trained.
    warm: bool,
    /// Whether the user has been told what would make it faster.
    advised: bool,
}

/// How an epoch's time went.
pub(super) struct LoadingTime {
    start: Instant,
    /// While photos were waited for.
    pub waited: Duration,
}

impl LoadingTime {
    pub fn start() -> Self {
        Self { start: Instant::now(), waited: Duration::ZERO }
    }

    /// The share of the time since the start that photos were waited for.
    fn share(&self) -> f64 {
        self.waited.as_secs_f64() / self.start.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Run<'_> {
    /// The batches of an epoch (from 0) without its first `steps`, which may be under way already.
    pub(super) fn feed(&mut self, epoch: u32, steps: usize) -> Result<Feed, TrainError> {
        match self.loading.ahead.take() {
            Some((next, feed)) if next == epoch && steps == 0 => Ok(feed),
            _ => Ok(Feed::start(self.train_loader.epoch_from(epoch, steps), self.staging.clone())?),
        }
    }

    /// Starts to load an epoch of `epochs`, so that its first step has its photos when evaluation and checkpoint are done.
    pub(super) fn load_ahead(&mut self, epoch: u32, epochs: u32) -> Result<(), TrainError> {
        if epoch < epochs {
            self.loading.ahead = Some((epoch, self.feed(epoch, 0)?));
        }
        Ok(())
    }

    /// Says once what would make loading faster, where it is what an epoch waited for.
    ///
    /// The first epoch of a process decodes every photo, and pipelines are made in it; so it is not judged.
    pub(super) fn advise(&mut self, time: &LoadingTime) -> Result<(), TrainError> {
        let cold = !std::mem::replace(&mut self.loading.warm, true);
        let (share, advice) = (time.share(), self.advice());
        if cold || self.loading.advised || share < WAITING || advice.is_empty() {
            return Ok(());
        }
        self.loading.advised = true;
        let text = format!(
            "the device waited for photos {:.0} % of this epoch: {}",
            100.0 * share,
            advice.join("; or ")
        );
        Ok(self.journal.event(&Event::note(text))?)
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let report = self.train_loader.report();
        let (threads, cores) = (self.config.train.num_workers as usize, resources::threads());
        if threads < cores {
            advice.push(format!("load them with more threads, `--workers {cores}` in place of {threads}"));
        }
        if report.cache_full {
            let photos = self.train_loader.dataset().samples.len() - report.skipped.len();
            advice.push(format!(
                "keep more than {} of {photos} decoded in memory: raise DataLoader.Train.loader.cache_mb above {} MiB, \
                 or set keep_short beside it to the pixels of a short side that are enough, such as {}",
                report.cached_images,
                self.config.train.cache_mb,
                4 * self.config.global.image_shape[1],
            ));
        }
        advice
    }
}
