//! Photos for the next epoch, and what the user can do when the device waits for them.

use super::Run;
use crate::TrainError;
use crate::config::KEPT_SIDES;
use crate::journal::Event;
use crate::loader::Loader;
use crate::resources;
use crate::trainer::feed::Feed;
use photonet_gpu::Gpu;
use std::time::{Duration, Instant};

/// The share of an epoch that the device may wait for photos before the user is told.
const WAITING: f64 = 0.2;

/// How often a device is looked at while photos are waited for: a tenth of the shortest steps.
const LOOK: Duration = Duration::from_micros(200);

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
    /// While the device had nothing to do for want of photos, to about [`LOOK`].
    idle: Duration,
}

impl LoadingTime {
    pub fn start() -> Self {
        Self { start: Instant::now(), idle: Duration::ZERO }
    }

    /// Waits for the next batch, and notes how long the device was idle meanwhile.
    pub fn wait_for(&mut self, batches: &Feed, gpu: &Gpu) -> Result<(), TrainError> {
        Ok(self.wait(|limit| batches.is_ready_within(limit), || gpu.is_idle())?)
    }

    /// Waits until photos are `ready` within a time, and looks now and then whether the device has run out of steps.
    fn wait<E>(
        &mut self,
        ready: impl Fn(Duration) -> bool,
        is_idle: impl Fn() -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut idle = None;
        let mut limit = Duration::ZERO;
        while !ready(limit) {
            if idle.is_none() && is_idle()? {
                idle = Some(Instant::now());
            }
            limit = LOOK;
        }
        self.idle += idle.map_or(Duration::ZERO, |since| since.elapsed());
        Ok(())
    }

    /// The share of the time since the start that the device was idle.
    pub fn share(&self) -> f64 {
        self.idle.as_secs_f64() / self.start.elapsed().as_secs_f64().max(1e-9)
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
    pub(super) fn load_ahead(&mut self, epoch: u32, epochs: u32) {
        if epoch < epochs {
            // What cannot start now is tried again in its turn, when this epoch is saved.
            self.loading.ahead = self.feed(epoch, 0).ok().map(|feed| (epoch, feed));
        }
    }

    /// Says once what would make loading faster, where the device was `idle` for want of photos for much of an epoch.
    ///
    /// Until a process has been through a whole epoch it decodes photos and makes pipelines; so that one is not judged.
    pub(super) fn advise(&mut self, idle: f64, whole: bool) -> Result<(), TrainError> {
        let warm = self.loading.warm;
        self.loading.warm |= whole;
        if !warm || self.loading.advised {
            return Ok(());
        }
        let loader = &self.train_loader;
        let Some(text) = advice(idle, loader, resources::threads()) else { return Ok(()) };
        self.loading.advised = true;
        Ok(self.journal.event(&Event::note(text))?)
    }
}

/// What would make loading faster, if the device waited for `share` of an epoch and there is something.
fn advice(share: f64, loader: &Loader, cores: usize) -> Option<String> {
    let (options, report) = (loader.options(), loader.report());
    let mut advice = Vec::new();
    if options.threads < cores {
        advice.push(format!(
            "load them with more threads, `--workers {cores}` in place of {}",
            options.threads
        ));
    }
    if report.cache_full {
        let photos = loader.dataset().samples.len() - report.skipped.len();
        advice.push(format!(
            "keep more than {} of {photos} decoded in memory: raise DataLoader.Train.loader.cache_mb above {}",
            report.cached_images,
            options.cache_bytes >> 20,
        ));
        let (width, height) = loader.image_size();
        let enough = width.max(height).saturating_mul(KEPT_SIDES);
        if options.keep_short.is_none_or(|size| size > enough) {
            advice.push(format!(
                "keep them smaller: set DataLoader.Train.loader.keep_short to the pixels of a short side that are enough, \
                 such as {enough}"
            ));
        }
    }
    let percent = 100.0 * share;
    (share >= WAITING && !advice.is_empty()).then(|| {
        format!("the device waited for photos {percent:.0} % of this epoch: {}", advice.join("; or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Sample};
    use crate::loader::LoaderOptions;
    use photonet_vision::Recipe;
    use std::cell::Cell;
    use std::sync::Arc;

    #[test]
    fn a_device_is_idle_from_when_it_has_done_its_steps_until_photos_are_there() {
        // Photos that are ready at the fifth question, and a device that has nothing left at the `done`th look at it.
        let waited = |done: u32| {
            let mut time = LoadingTime::start();
            let (asked, looked) = (Cell::new(0), Cell::new(0));
            let count = |cell: &Cell<u32>| cell.replace(cell.get() + 1);
            let ready = |limit: Duration| {
                assert_eq!(limit.is_zero(), asked.get() == 0);
                std::thread::sleep(20 * limit);
                count(&asked) == 4
            };
            time.wait(ready, || Ok::<_, ()>(count(&looked) >= done)).unwrap();
            (time.idle, time.start.elapsed(), looked.get())
        };
        let (idle, all, looks) = waited(0);
        assert!(idle >= 80 * LOOK && idle <= all && looks == 1, "{idle:?} of {all:?}, {looks}");
        let (idle, all, looks) = waited(2);
        assert!(idle >= 40 * LOOK && idle + 40 * LOOK <= all && looks == 3, "{idle:?} of {all:?}, {looks}");
        let (idle, _, looks) = waited(9);
        assert_eq!((idle, looks), (Duration::ZERO, 4));
        let mut time = LoadingTime::start();
        time.wait(|_| true, || -> Result<bool, ()> { panic!("photos were there") }).unwrap();
        assert_eq!(time.share(), 0.0);
    }

    #[test]
    fn advice_names_what_would_help_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.png");
        image::RgbImage::new(9, 9).save(&path).unwrap();
        let samples = vec![Sample { path, label: 0 }; 5];
        let dataset = Arc::new(Dataset { samples, labels: vec!["a".into()] });
        let loader = |cache_bytes, keep_short| {
            let options = LoaderOptions { threads: 2, cache_bytes, keep_short, ..LoaderOptions::train(5, 0) };
            let loader = Loader::new(dataset.clone(), Recipe::train(64), options).unwrap();
            loader.epoch(0).for_each(|batch| assert!(batch.is_ok()));
            loader
        };
        let roomy = loader(1 << 30, None);
        assert_eq!(advice(0.19, &roomy, 16), None);
        assert_eq!(advice(0.9, &roomy, 2), None);
        let threads = advice(0.312, &roomy, 16).unwrap();
        let expected = "the device waited for photos 31 % of this epoch: load them with more threads, `--workers 16` \
                        in place of 2";
        assert_eq!(threads, expected);
        let tight = advice(0.5, &loader(2 * 9 * 9 * 3, None), 2).unwrap();
        for words in ["more than 2 of 5", "cache_mb above 0", "keep_short", "such as 256"] {
            assert!(tight.contains(words) && !tight.contains("--workers"), "{tight}");
        }
        let reduced = advice(0.5, &loader(0, Some(256)), 16).unwrap();
        assert!(
            reduced.contains("in place of 2; or keep more") && !reduced.contains("keep_short"),
            "{reduced}"
        );
    }
}
