//! From an index of the data set to the pixels of one slot.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use photonet_vision::{DecodeLimits, Mix, Mixing, Recipe, Rgb, RngKey, decode};

use super::cache::Cache;
use super::preparation::Preparation;
use super::{IGNORED_LABEL, LoaderError, LoaderOptions, OnError};
use crate::dataset::Dataset;
use crate::photo::guarded;

/// What the threads of all epochs share.
pub(super) struct Source {
    pub dataset: Arc<Dataset>,
    /// Width and height of every result, in pixels.
    pub size: (u32, u32),
    pub cache: Cache,
    pub read_nanos: AtomicU64,
    pub transform_nanos: AtomicU64,
    pub wait_nanos: AtomicU64,
    preparation: Preparation,
    /// Why a photo cannot be decoded, once that is known.
    failures: Vec<OnceLock<String>>,
    limits: DecodeLimits,
    seed: u64,
    on_error: OnError,
    mixing: Mixing,
}

/// One photo of a batch.
pub(super) struct Slot {
    pub pixels: Vec<u8>,
    pub label: u32,
    pub index: u32,
}

impl Source {
    pub fn new(dataset: Arc<Dataset>, recipe: Recipe, size: (u32, u32), options: &LoaderOptions) -> Source {
        let count = dataset.samples.len();
        Source {
            dataset,
            size,
            cache: Cache::new(count, options.cache_bytes),
            read_nanos: AtomicU64::new(0),
            transform_nanos: AtomicU64::new(0),
            wait_nanos: AtomicU64::new(0),
            preparation: Preparation::new(recipe, options.keep_short),
            failures: (0..count).map(|_| OnceLock::new()).collect(),
            limits: options.limits.clone(),
            seed: options.seed,
            on_error: options.on_error,
            mixing: options.mixing,
        }
    }

    /// The bytes of one photo of a batch.
    pub fn slot_bytes(&self) -> usize {
        self.size.0 as usize * self.size.1 as usize * 3
    }

    /// The photo that `index` stands for in an epoch: itself, or what `on_error` says.
    pub fn slot(&self, index: u32, epoch: u32) -> Result<Slot, LoaderError> {
        let key = RngKey { seed: self.seed, epoch, sample: index };
        let count = self.dataset.samples.len();
        let candidates = match self.on_error {
            OnError::Leave => 1,
            OnError::Replace => count,
        };
        for step in 0..candidates {
            let candidate = (index as usize + step) % count;
            if let Some(pixels) = self.pixels(candidate, key) {
                let label = self.dataset.samples[candidate].label;
                return Ok(Slot { pixels, label, index: candidate as u32 });
            }
        }
        match self.on_error {
            OnError::Leave => Ok(Slot { pixels: vec![0; self.slot_bytes()], label: IGNORED_LABEL, index }),
            OnError::Replace => Err(LoaderError::NoneDecodes {
                count,
                path: self.dataset.samples[index as usize].path.clone(),
                reason: self.failures[index as usize].get().cloned().unwrap_or_default(),
            }),
        }
    }

    /// How a batch of `size` photos is mixed, by its number in its epoch; `None`: not at all.
    pub fn mix(&self, epoch: u32, batch: u32, size: u32) -> Option<Mix> {
        self.mixing.draw(RngKey { seed: self.seed, epoch, sample: batch }, size, self.size)
    }

    /// The transformed pixels of a photo; `None` if it cannot be decoded, which is then noted.
    fn pixels(&self, index: usize, key: RngKey) -> Option<Vec<u8>> {
        if self.failures[index].get().is_some() {
            return None;
        }
        let made = guarded(|| self.make(index, key));
        match made {
            Ok(pixels) => Some(pixels),
            Err(reason) => {
                // Another thread may have noted the same.
                let _ = self.failures[index].set(reason);
                None
            }
        }
    }

    fn make(&self, index: usize, key: RngKey) -> Result<Vec<u8>, String> {
        let image = match self.cache.get(index) {
            Some(image) => image,
            None => {
                let image = Arc::new(self.decoded(index)?);
                self.cache.put(index, &image);
                image
            }
        };
        let start = Instant::now();
        let pixels = self.preparation.pixels(&image, key).map_err(|e| e.to_string())?;
        add(&self.transform_nanos, start);
        if pixels.len() != self.slot_bytes() {
            return Err(format!("its transforms give {} bytes, not {}", pixels.len(), self.slot_bytes()));
        }
        Ok(pixels)
    }

    /// Reads and decodes a photo, up to the first random step.
    fn decoded(&self, index: usize) -> Result<Rgb, String> {
        let start = Instant::now();
        let bytes =
            std::fs::read(&self.dataset.samples[index].path).map_err(|e| format!("cannot read it: {e}"))?;
        let image = decode(&bytes, &self.limits).map_err(|e| e.to_string())?;
        add(&self.read_nanos, start);
        let start = Instant::now();
        let image = self.preparation.fixed().keep(Cow::Owned(image));
        add(&self.transform_nanos, start);
        image.map_err(|e| e.to_string())
    }

    /// The photos that could not be decoded, in the data set's order.
    pub fn skipped(&self) -> Vec<(PathBuf, String)> {
        let noted = |(index, reason): (usize, &OnceLock<String>)| {
            reason.get().map(|reason| (self.dataset.samples[index].path.clone(), reason.clone()))
        };
        self.failures.iter().enumerate().filter_map(noted).collect()
    }
}

fn add(nanos: &AtomicU64, start: Instant) {
    let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    nanos.fetch_add(spent, Ordering::Relaxed);
}
