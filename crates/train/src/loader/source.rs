//! From an index of the data set to the pixels of one slot.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use photonet_vision::{
    DecodeLimits, Interpolation, Library, Mix, Mixing, Recipe, Resampler, Rgb, RngKey, Transform, decode,
};

use super::cache::Cache;
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
    /// The steps before the first random one: their result is what the cache holds. For evaluation
    /// that is the whole recipe, so a photo costs its final pixels only.
    fixed: Recipe,
    /// The steps from the first random one on.
    random: Recipe,
    /// Why a photo cannot be decoded, once that is known.
    failures: Vec<OnceLock<String>>,
    limits: DecodeLimits,
    /// The longest short side that photos are kept with, and the step that brings longer ones down to it.
    kept: Option<(u32, Recipe)>,
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
        let (fixed, random) = divide(recipe);
        // What is fixed is followed to the bit.
        let kept = options.keep_short.filter(|_| random.is_random()).map(|size| {
            let resampler = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };
            (size, Recipe { transforms: vec![Transform::ResizeShort { size, resampler }], ..fixed.clone() })
        });
        Source {
            dataset,
            size,
            cache: Cache::new(count, options.cache_bytes),
            read_nanos: AtomicU64::new(0),
            transform_nanos: AtomicU64::new(0),
            wait_nanos: AtomicU64::new(0),
            fixed,
            random,
            failures: (0..count).map(|_| OnceLock::new()).collect(),
            limits: options.limits.clone(),
            kept,
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
        let key = self.random.is_random().then_some(key);
        let result = self.random.apply(&image, key).map_err(|e| e.to_string())?;
        add(&self.transform_nanos, start);
        let pixels = result.into_data();
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
        let larger = |size: u32| image.width().min(image.height()) > size;
        let shrink = self.kept.as_ref().filter(|(size, _)| larger(*size)).map(|(_, shrink)| shrink);
        let fixed = Some(&self.fixed).filter(|fixed| !fixed.transforms.is_empty());
        let image = shrink.into_iter().chain(fixed).try_fold(image, |image, steps| steps.apply(&image, None));
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

/// The steps before the first random one, and the rest.
///
/// To apply one after the other is to apply the whole: random steps draw from streams by their kind,
/// which steps before them leave alone.
fn divide(recipe: Recipe) -> (Recipe, Recipe) {
    let step_is_random = |at: usize| {
        let step = recipe.transforms[at].clone();
        Recipe { transforms: vec![step], ..recipe.clone() }.is_random()
    };
    let first =
        (0..recipe.transforms.len()).find(|at| step_is_random(*at)).unwrap_or(recipe.transforms.len());
    let mut fixed = recipe.clone();
    let mut random = recipe;
    random.transforms.drain(..first);
    fixed.transforms.truncate(first);
    (fixed, random)
}

fn add(nanos: &AtomicU64, start: Instant) {
    let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    nanos.fetch_add(spent, Ordering::Relaxed);
}
