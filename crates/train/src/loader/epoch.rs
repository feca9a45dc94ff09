//! The batches of one epoch, made by threads and handed out in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::source::{Slot, Source};
use super::{Batch, LoaderError, LoaderOptions, Mixed};

type Made = Result<Batch, LoaderError>;

/// An iterator over the batches of an epoch. After an error it ends.
///
/// The channels are not bounded, but what is in them is: jobs are sent for `prefetch + 1` batches at
/// first and for one more with each batch that is handed out.
pub struct EpochIter {
    source: Arc<Source>,
    order: Vec<u32>,
    batch_size: usize,
    /// The number of the first batch in its epoch.
    first: usize,
    /// `None` once no more jobs will be sent, so that the threads end by themselves.
    jobs: Option<Sender<Job>>,
    done: Receiver<(usize, Made)>,
    /// Batches that were finished before their turn.
    early: BTreeMap<usize, Made>,
    sent: usize,
    taken: usize,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    failed: Option<LoaderError>,
}

/// One photo to make.
struct Job {
    batch: Arc<Unfinished>,
    place: usize,
    index: u32,
}

/// A batch under way. The thread that fills the last place puts it together.
struct Unfinished {
    /// Its place among those of the iterator.
    number: usize,
    /// Its number in its epoch.
    of_epoch: u32,
    places: Vec<OnceLock<Result<Slot, LoaderError>>>,
    open: AtomicUsize,
}

impl EpochIter {
    pub(super) fn start(
        source: Arc<Source>,
        order: Vec<u32>,
        (epoch, first): (u32, usize),
        options: &LoaderOptions,
    ) -> EpochIter {
        let (jobs, todo) = unbounded();
        let (report, done) = unbounded();
        let mut iter = EpochIter {
            source,
            order,
            batch_size: options.batch_size,
            first,
            jobs: Some(jobs),
            done,
            early: BTreeMap::new(),
            sent: 0,
            taken: 0,
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
            failed: None,
        };
        for number in 0..options.threads.max(1) {
            let worker = Worker {
                source: Arc::clone(&iter.source),
                epoch,
                jobs: todo.clone(),
                done: report.clone(),
                stop: Arc::clone(&iter.stop),
            };
            match Builder::new().name(format!("loader-{number}")).spawn(move || worker.run()) {
                Ok(thread) => iter.threads.push(thread),
                // Fewer threads than asked for do the same work; none do not.
                Err(e) if iter.threads.is_empty() => iter.failed = Some(LoaderError::Thread(e.to_string())),
                Err(_) => break,
            }
        }
        for _ in 0..=options.prefetch.max(1) {
            iter.send_batch();
        }
        iter
    }

    fn steps(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Sends the jobs of the next batch, or closes the channel if there is none.
    fn send_batch(&mut self) {
        let start = self.sent * self.batch_size;
        let end = (start + self.batch_size).min(self.order.len());
        if start >= end {
            self.jobs = None;
            return;
        }
        let Some(jobs) = &self.jobs else { return };
        let batch = Arc::new(Unfinished {
            number: self.sent,
            of_epoch: (self.first + self.sent) as u32,
            places: (start..end).map(|_| OnceLock::new()).collect(),
            open: AtomicUsize::new(end - start),
        });
        for (place, index) in self.order[start..end].iter().enumerate() {
            // Without threads the channel is closed; then `failed` is set and tells why.
            let _ = jobs.send(Job { batch: Arc::clone(&batch), place, index: *index });
        }
        self.sent += 1;
    }

    fn wait_for(&mut self, number: usize) -> Made {
        let start = Instant::now();
        let made = loop {
            if let Some(made) = self.early.remove(&number) {
                break made;
            }
            match self.done.recv() {
                Ok((done, made)) => {
                    self.early.insert(done, made);
                }
                Err(_) => break Err(LoaderError::Stopped),
            }
        };
        let waited = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.source.wait_nanos.fetch_add(waited, Ordering::Relaxed);
        made
    }
}

impl Iterator for EpochIter {
    type Item = Made;

    fn next(&mut self) -> Option<Made> {
        if let Some(error) = self.failed.take() {
            self.taken = self.steps();
            return Some(Err(error));
        }
        if self.taken >= self.steps() {
            return None;
        }
        let made = self.wait_for(self.taken);
        if made.is_ok() {
            self.taken += 1;
            self.send_batch();
        } else {
            self.taken = self.steps();
        }
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.steps() - self.taken;
        (usize::from(left > 0), Some(left))
    }
}

impl Drop for EpochIter {
    /// Stops the threads: each finishes the photo it is at.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // Photos that bring a decoder down are caught in the thread; there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

struct Worker {
    source: Arc<Source>,
    epoch: u32,
    jobs: Receiver<Job>,
    done: Sender<(usize, Made)>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(self) {
        for Job { batch, place, index } in self.jobs.iter() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let slot = self.source.slot(index, self.epoch);
            let _ = batch.places[place].set(slot);
            // The last to count down sees the places that the others filled.
            if batch.open.fetch_sub(1, Ordering::AcqRel) == 1
                && self.done.send((batch.number, self.assemble(&batch))).is_err()
            {
                return;
            }
        }
    }

    fn assemble(&self, batch: &Unfinished) -> Made {
        let size = batch.places.len();
        let mut made = Batch {
            pixels: Vec::with_capacity(size * self.source.slot_bytes()),
            labels: Vec::with_capacity(size),
            indices: Vec::with_capacity(size),
            size,
            mixed: None,
        };
        for place in &batch.places {
            match place.get() {
                Some(Ok(slot)) => {
                    made.pixels.extend_from_slice(&slot.pixels);
                    made.labels.push(slot.label);
                    made.indices.push(slot.index);
                }
                Some(Err(error)) => return Err(error.clone()),
                None => return Err(LoaderError::Stopped),
            }
        }
        if let Some(mix) = self.source.mix(self.epoch, batch.of_epoch, size as u32) {
            mix.apply(&mut made.pixels, self.source.size.0);
            let labels = mix.partners.iter().map(|&place| made.labels[place as usize]).collect();
            made.mixed = Some(Mixed { labels, share: mix.share });
        }
        Ok(made)
    }
}
