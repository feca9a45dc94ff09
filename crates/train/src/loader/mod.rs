//! Batches of pixels, decoded and transformed ahead of the GPU by background threads.
//!
//! A batch is a function of (data set, recipe, mixing, `keep_short`, seed, epoch) alone. The order of an epoch, every
//! augmentation and the mixing of a batch come from counter-based random numbers, keyed by (seed, epoch), by (seed, epoch,
//! index in the data set) and by (seed, epoch, number of the batch), so the number of threads, the size of the cache and how far the threads run
//! ahead change nothing but the time it takes.

mod cache;
mod epoch;
mod preparation;
mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use photonet_vision::{DecodeLimits, Mixing, Purpose, Random, Recipe, RngKey, VisionError};

pub use epoch::EpochIter;
pub(crate) use preparation::{Fixed, Preparation};
use source::Source;

use crate::dataset::Dataset;
use crate::resources;

/// The label of a slot whose photo could not be decoded: it counts neither in loss nor in accuracy.
pub const IGNORED_LABEL: u32 = u32::MAX;

/// The pixels and labels of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// RGB bytes, `[size][height][width][3]`.
    pub pixels: Vec<u8>,
    /// The class of each photo, or [`IGNORED_LABEL`]; `[size]`.
    pub labels: Vec<u32>,
    /// The place of each photo in [`Dataset::samples`]; `[size]`.
    pub indices: Vec<u32>,
    /// Photos in the batch; the last batch of an epoch may have fewer than the others.
    pub size: usize,
    /// What was mixed into each photo, where [`LoaderOptions::mixing`] asks for it.
    pub mixed: Option<Mixed>,
}

/// What was mixed into the photos of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The class of each photo that came in; `[size]`.
    pub labels: Vec<u32>,
    /// How much of each photo it now is, 0 to 1.
    pub share: f32,
}

/// What to do with a photo that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Take the next photo of the data set that can be decoded, with its label, transformed with the
    /// random numbers of the photo it stands in for. For training.
    Replace,
    /// Leave its slot black, with [`IGNORED_LABEL`]. For evaluation and inference.
    Leave,
}

/// How photos are loaded.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Photos a batch, at least 1.
    pub batch_size: usize,
    /// A new order each epoch.
    pub shuffle: bool,
    /// Leave out the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Threads that decode and transform; 0 is read as 1.
    pub threads: usize,
    /// Memory for decoded photos, in bytes. What does not fit is decoded anew each epoch.
    pub cache_bytes: u64,
    /// The seed of order and augmentation.
    pub seed: u64,
    /// The longest short side that photos are kept with before random steps, in pixels; longer ones are brought
    /// down to it when they are decoded (Pillow's bilinear). `None`: as they are.
    pub keep_short: Option<u32>,
    /// Batches made ahead of the one that is waited for; 0 is read as 1.
    pub prefetch: usize,
    /// What to do with a photo that cannot be decoded.
    pub on_error: OnError,
    /// How the photos of a batch are mixed with one another.
    pub mixing: Mixing,
    /// How large a photo may be.
    pub limits: DecodeLimits,
}

impl LoaderOptions {
    /// For training: shuffled, with unreadable photos replaced.
    pub fn train(batch_size: usize, seed: u64) -> LoaderOptions {
        LoaderOptions {
            batch_size,
            shuffle: true,
            drop_last: false,
            threads: resources::threads(),
            cache_bytes: resources::memory() / 4,
            seed,
            keep_short: None,
            prefetch: 2,
            on_error: OnError::Replace,
            mixing: Mixing::default(),
            limits: DecodeLimits::default(),
        }
    }

    /// For evaluation: every photo once, in the data set's order, with unreadable ones left black.
    pub fn eval(batch_size: usize) -> LoaderOptions {
        LoaderOptions {
            shuffle: false,
            on_error: OnError::Leave,
            cache_bytes: resources::memory() / 8,
            ..LoaderOptions::train(batch_size, 0)
        }
    }

    /// What a section of a configuration asks for.
    pub fn from_config(config: &crate::config::LoaderConfig, seed: u64, on_error: OnError) -> LoaderOptions {
        let batch_size = config.batch_size as usize;
        let base = match on_error {
            OnError::Replace => LoaderOptions::train(batch_size, seed),
            OnError::Leave => LoaderOptions { seed, ..LoaderOptions::eval(batch_size) },
        };
        LoaderOptions {
            shuffle: config.shuffle,
            drop_last: config.drop_last,
            threads: config.num_workers.map_or(base.threads, |n| n as usize),
            cache_bytes: config.cache_mb.map_or(base.cache_bytes, |mebibytes| u64::from(mebibytes) << 20),
            keep_short: config.kept_short(),
            mixing: config.mixing,
            ..base
        }
    }
}

/// What loading has come to so far.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderReport {
    /// Photos kept in memory.
    pub cached_images: usize,
    /// The memory they take, in bytes.
    pub cached_bytes: u64,
    /// Whether a photo was left out of the cache for want of room.
    pub cache_full: bool,
    /// Photos that could not be decoded, each once, in the data set's order, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Time that the threads have spent reading and decoding, all of them together, in seconds.
    pub read_seconds: f64,
    /// Time that the threads have spent on transforms, all of them together, in seconds.
    pub transform_seconds: f64,
    /// Time that batches were waited for, in seconds.
    pub wait_seconds: f64,
}

/// Why photos cannot be loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoaderError {
    /// There is nothing to load.
    #[error("the data set holds no photos")]
    Empty,
    /// More photos than an index has room for.
    #[error("the data set holds {0} photos; at most 2^32 - 2 are possible")]
    TooMany(usize),
    /// A batch of nothing.
    #[error("the batch size is 0; it must be at least 1")]
    ZeroBatch,
    /// `drop_last` would leave nothing of an epoch.
    #[error(
        "{samples} photos do not fill one batch of {batch_size}, and drop_last leaves out batches that are not \
         full; lower the batch size, or turn drop_last off"
    )]
    NoFullBatch {
        /// Photos in the data set.
        samples: usize,
        /// Photos a batch.
        batch_size: usize,
    },
    /// A recipe that leaves photos in different sizes cannot make batches.
    #[error("the recipe leaves photos in different sizes; end it with a crop or a resize to one size")]
    NoFixedSize,
    /// A recipe with impossible values.
    #[error(transparent)]
    Recipe(VisionError),
    /// Not one photo of the data set can be decoded.
    #[error("none of the {count} photos can be decoded; the first, {}: {reason}", path.display())]
    NoneDecodes {
        /// Photos in the data set.
        count: usize,
        /// The photo that was tried first.
        path: PathBuf,
        /// Why it cannot be decoded.
        reason: String,
    },
    /// The system refuses another thread.
    #[error("cannot start a loader thread: {0}; lower the number of workers")]
    Thread(String),
    /// The threads ended before the epoch did.
    #[error("the loader threads ended before the epoch did")]
    Stopped,
}

/// Loads a data set epoch by epoch. Decoded photos are shared between epochs and threads.
pub struct Loader {
    source: Arc<Source>,
    options: LoaderOptions,
}

impl Loader {
    /// Prepares loading; nothing is read yet.
    ///
    /// # Errors
    /// An empty data set, a batch size of 0, a recipe that is invalid or without one output size, or
    /// fewer photos than one batch with `drop_last`.
    pub fn new(dataset: Arc<Dataset>, recipe: Recipe, options: LoaderOptions) -> Result<Loader, LoaderError> {
        let samples = dataset.samples.len();
        if samples == 0 {
            return Err(LoaderError::Empty);
        }
        if samples >= u32::MAX as usize {
            return Err(LoaderError::TooMany(samples));
        }
        if options.batch_size == 0 {
            return Err(LoaderError::ZeroBatch);
        }
        if options.drop_last && samples < options.batch_size {
            return Err(LoaderError::NoFullBatch { samples, batch_size: options.batch_size });
        }
        recipe.validate().map_err(LoaderError::Recipe)?;
        let size = recipe.output_size().ok_or(LoaderError::NoFixedSize)?;
        let source = Source::new(dataset, recipe, size, &options);
        Ok(Loader { source: Arc::new(source), options })
    }

    /// The same photos in smaller batches, which a device can hold.
    pub fn with_batch_size(mut self, batch_size: usize) -> Loader {
        self.options.batch_size = batch_size.clamp(1, self.options.batch_size);
        self
    }

    /// Width and height of the photos in every batch, in pixels.
    pub fn image_size(&self) -> (u32, u32) {
        self.source.size
    }

    /// How it loads.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// The data set that is loaded.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.source.dataset
    }

    /// Batches in an epoch, at least 1.
    pub fn steps_per_epoch(&self) -> usize {
        let samples = self.source.dataset.samples.len();
        if self.options.drop_last {
            samples / self.options.batch_size
        } else {
            samples.div_ceil(self.options.batch_size)
        }
    }

    /// The order in which an epoch, counted from 0, takes the photos, as indices of the data set.
    pub fn order(&self, epoch: u32) -> Vec<u32> {
        let photos = self.source.dataset.samples.len() as u32;
        match self.options.shuffle {
            true => shuffled(photos, self.options.seed, epoch),
            false => (0..photos).collect(),
        }
    }

    /// Starts an epoch, counted from 0: threads begin to make its first batches. They end when the
    /// iterator is dropped.
    pub fn epoch(&self, epoch: u32) -> EpochIter {
        self.epoch_from(epoch, 0)
    }

    /// As [`Loader::epoch`], without its first `steps` batches: how a run goes on in mid-epoch.
    pub fn epoch_from(&self, epoch: u32, steps: usize) -> EpochIter {
        let mut order = self.order(epoch);
        order.truncate(self.steps_per_epoch() * self.options.batch_size);
        order.drain(..(steps * self.options.batch_size).min(order.len()));
        EpochIter::start(Arc::clone(&self.source), order, (epoch, steps), &self.options)
    }

    /// What loading has come to so far.
    pub fn report(&self) -> LoaderReport {
        let seconds = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64();
        let source = &self.source;
        LoaderReport {
            cached_images: source.cache.images(),
            cached_bytes: source.cache.bytes(),
            cache_full: source.cache.is_full(),
            skipped: source.skipped(),
            read_seconds: seconds(source.read_nanos.load(Ordering::Relaxed)),
            transform_seconds: seconds(source.transform_nanos.load(Ordering::Relaxed)),
            wait_seconds: seconds(source.wait_nanos.load(Ordering::Relaxed)),
        }
    }
}

/// The order in which an epoch, counted from 0, takes `photos` photos.
pub(crate) fn shuffled(photos: u32, seed: u64, epoch: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..photos).collect();
    Random::new(RngKey { seed, epoch, sample: 0 }, Purpose::Shuffle).shuffle(&mut order);
    order
}
