//! Photos for the next epoch, and what the user can do when the device waits for them.

use super::Run;
use crate::TrainError;
use crate::config::{KEPT_SIDES, LoaderConfig};
use crate::journal::Event;
use crate::loader::LoaderReport;
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
        if cold || self.loading.advised {
            return Ok(());
        }
        let (loader, report) = (&self.config.train, self.train_loader.report());
        let photos = self.train_loader.dataset().samples.len() - report.skipped.len();
        let side = self.config.global.image_shape[1];
        let Some(text) = advice(time.share(), loader, resources::threads(), &report, photos, side) else {
            return Ok(());
        };
        self.loading.advised = true;
        Ok(self.journal.event(&Event::note(text))?)
    }
}

/// What would make loading faster, if the device waited for `share` of an epoch and there is something.
fn advice(
    share: f64,
    loader: &LoaderConfig,
    cores: usize,
    report: &LoaderReport,
    photos: usize,
    side: u32,
) -> Option<String> {
    let mut advice = Vec::new();
    let threads = loader.num_workers as usize;
    if threads < cores {
        advice.push(format!("load them with more threads, `--workers {cores}` in place of {threads}"));
    }
    if report.cache_full {
        advice.push(format!(
            "keep more than {} of {photos} decoded in memory: raise DataLoader.Train.loader.cache_mb above {}, or set \
             DataLoader.Train.loader.keep_short to the pixels of a short side that are enough, such as {}",
            report.cached_images,
            loader.cache_mb,
            side.saturating_mul(KEPT_SIDES),
        ));
    }
    let percent = 100.0 * share;
    (share >= WAITING && !advice.is_empty()).then(|| {
        format!("the device waited for photos {percent:.0} % of this epoch: {}", advice.join("; or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn advice_names_what_would_help_and_nothing_else() {
        let mut loader = Config::defaults().train;
        (loader.num_workers, loader.cache_mb) = (4, 512);
        let mut report = LoaderReport {
            cached_images: 70,
            cached_bytes: 1,
            cache_full: false,
            skipped: Vec::new(),
            read_seconds: 0.0,
            transform_seconds: 0.0,
            wait_seconds: 0.0,
        };
        assert_eq!(advice(0.19, &loader, 16, &report, 100, 64), None);
        assert_eq!(advice(0.9, &loader, 4, &report, 100, 64), None);
        let threads = advice(0.312, &loader, 16, &report, 100, 64).unwrap();
        let expected = "the device waited for photos 31 % of this epoch: load them with more threads, `--workers 16` \
                        in place of 4";
        assert_eq!(threads, expected);
        report.cache_full = true;
        let memory = advice(0.5, &loader, 4, &report, 100, 64).unwrap();
        for words in ["more than 70 of 100", "cache_mb above 512", "keep_short", "such as 256"] {
            assert!(memory.contains(words) && !memory.contains("--workers"), "{memory}");
        }
        assert!(advice(0.5, &loader, 16, &report, 100, 64).unwrap().contains("in place of 4; or keep more"));
    }
}
