//! Decoded photos kept in memory, up to a budget.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use photonet_vision::Rgb;

/// One place for each photo of a data set; a photo that was stored stays.
///
/// Photos are stored first come, first served. The rest is decoded each time, which an order by use
/// could not better, since each epoch uses every photo once.
pub(super) struct Cache {
    slots: Vec<OnceLock<Arc<Rgb>>>,
    budget: u64,
    bytes: AtomicU64,
    images: AtomicUsize,
    full: AtomicBool,
}

impl Cache {
    pub fn new(slots: usize, budget: u64) -> Cache {
        Cache {
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            budget,
            bytes: AtomicU64::new(0),
            images: AtomicUsize::new(0),
            full: AtomicBool::new(false),
        }
    }

    pub fn get(&self, index: usize) -> Option<Arc<Rgb>> {
        self.slots.get(index)?.get().cloned()
    }

    /// Stores a photo if there is room for it.
    pub fn put(&self, index: usize, image: &Arc<Rgb>) {
        let Some(slot) = self.slots.get(index) else { return };
        let size = image.data().len() as u64;
        let reserve = |used: u64| used.checked_add(size).filter(|total| *total <= self.budget);
        if self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).is_err() {
            self.full.store(true, Ordering::Relaxed);
            return;
        }
        if slot.set(Arc::clone(image)).is_ok() {
            self.images.fetch_add(1, Ordering::Relaxed);
        } else {
            // Another thread has stored the same photo meanwhile.
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
    }

    pub fn images(&self) -> usize {
        self.images.load(Ordering::Relaxed)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}
