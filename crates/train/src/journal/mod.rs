//! What a run tells: log lines, `metrics.jsonl`, and progress bars on a terminal.
//!
//! Each [`Event`] goes to three places: a line in PaddleClas's shape to `train.log`, and to the
//! output where that is not a terminal; one JSON object a line to `metrics.jsonl`; and, on a terminal,
//! the progress bar.

mod bars;
mod lines;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::Serializer;

use bars::Bars;

/// Something worth telling. Times and rates are means over the steps since the last event of the same kind. So are
/// losses and accuracies (shares from 0 to 1) of evaluation; those of training are means since the epoch's start, or
/// since the run went on in it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A training step, told every `print_batch_step` steps.
    TrainStep(TrainStep),
    /// The means of a whole epoch of training.
    TrainEpoch {
        /// The epoch, from 1.
        epoch: u32,
        /// How many epochs the run has.
        epochs: u32,
        /// Loss and accuracies.
        #[serde(flatten)]
        scores: Scores,
        /// The share of the epoch's time in which the device had nothing to do for want of photos. In a run's first epoch
        /// they are decoded.
        device_idle: f64,
    },
    /// A step of an evaluation.
    EvalStep(EvalStep),
    /// The result of an evaluation.
    EvalEpoch {
        /// The epoch after which it was made, from 1; 0 where it stands alone.
        epoch: u32,
        /// Loss and accuracies.
        #[serde(flatten)]
        scores: Scores,
    },
    /// The best accuracy so far.
    Best {
        /// The epoch just evaluated.
        epoch: u32,
        /// The run's best accuracy, a share: by the first k of evaluation.
        metric: f64,
    },
    /// The result of an evaluation of the moving average of the weights.
    EvalAverage {
        /// The epoch after which it was made, from 1.
        epoch: u32,
        /// Loss and accuracies.
        #[serde(flatten)]
        scores: Scores,
    },
    /// The best accuracy so far of the moving average.
    BestAverage {
        /// The epoch just evaluated.
        epoch: u32,
        /// The run's best accuracy of it, a share.
        metric: f64,
    },
    /// A model was saved.
    Saved {
        /// The folder it lies in.
        path: PathBuf,
    },
    /// Anything else the user wants to know.
    Note {
        /// One sentence or more.
        text: String,
    },
    /// Something the user should look at.
    Warning {
        /// One sentence or more.
        text: String,
    },
}

impl Event {
    /// A [`Event::Note`].
    pub fn note(text: impl Into<String>) -> Event {
        Event::Note { text: text.into() }
    }

    /// A [`Event::Warning`].
    pub fn warning(text: impl Into<String>) -> Event {
        Event::Warning { text: text.into() }
    }
}

/// Loss and accuracies. In `metrics.jsonl` they are the keys `loss`, `top1`, `top5` and so on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Scores {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Accuracy by k, as `(k, share)`, in the order of the configuration.
    #[serde(flatten, serialize_with = "serialize_topk")]
    pub topk: Vec<(u32, f64)>,
}

/// Accuracies by k as the keys `top1` and so on.
pub(crate) fn serialize_topk<S: Serializer>(topk: &[(u32, f64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(topk.iter().map(|(k, share)| (format!("top{k}"), share)))
}

/// A step of training, for [`Event::TrainStep`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TrainStep {
    /// The epoch, from 1.
    pub epoch: u32,
    /// How many epochs the run has.
    pub epochs: u32,
    /// The step within the epoch, from 0.
    pub iter: u64,
    /// Steps in an epoch.
    pub iters: u64,
    /// The learning rate of the step after this one, as PaddleClas shows it; by epoch, that of this one.
    pub lr: f64,
    /// The schedule's name, as `Schedule::log_name` gives it.
    pub schedule: &'static str,
    /// Loss and accuracies.
    #[serde(flatten)]
    pub scores: Scores,
    /// Seconds a step.
    pub batch_cost: f64,
    /// Of these, seconds waited for photos.
    pub reader_cost: f64,
    /// Photos a second.
    pub ips: f64,
    /// Time left in the run.
    #[serde(serialize_with = "seconds")]
    pub eta: Duration,
}

/// A step of an evaluation, for [`Event::EvalStep`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct EvalStep {
    /// The epoch after which it is made, from 1; 0 where it stands alone.
    pub epoch: u32,
    /// The step, from 0.
    pub iter: u64,
    /// Steps in the evaluation.
    pub iters: u64,
    /// Loss and accuracies.
    #[serde(flatten)]
    pub scores: Scores,
    /// Seconds a step.
    pub batch_cost: f64,
    /// Of these, seconds waited for photos.
    pub reader_cost: f64,
    /// Photos a second.
    pub ips: f64,
}

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// A file of the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; {}", path.display(), advice(source))]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

/// What to do about an output folder that cannot be written to.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "choose another output folder: a file is in the way of this one"
        }
        io::ErrorKind::PermissionDenied => "choose another output folder, or check its permissions",
        _ => "free some space or choose another output folder",
    }
}

/// One `metrics.jsonl` line: the event, and when it happened.
#[derive(serde::Serialize)]
struct Record<'a> {
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

/// Writes events to the log, to `metrics.jsonl` and to the user.
pub struct Journal {
    log: Target,
    metrics: Target,
    user: User,
}

struct Target {
    path: PathBuf,
    file: File,
}

enum User {
    Lines(Box<dyn Write + Send>),
    Bars(Bars),
}

impl Journal {
    /// Opens `train.log` and `metrics.jsonl` in a folder, which is made if it is not there; both are
    /// appended to. With `terminal`, the user sees progress bars, otherwise the log lines.
    ///
    /// # Errors
    /// If the folder cannot be made or a file in it cannot be opened for writing.
    pub fn open(output_dir: &Path, terminal: bool) -> Result<Journal, JournalError> {
        let user = if terminal { User::Bars(Bars::new()) } else { User::Lines(Box::new(io::stdout())) };
        Journal::with_user(output_dir, user)
    }

    /// As [`Journal::open`] without a terminal, with the lines for the user going to `output` in place
    /// of the standard output.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(output_dir: &Path, output: Box<dyn Write + Send>) -> Result<Journal, JournalError> {
        Journal::with_user(output_dir, User::Lines(output))
    }

    fn with_user(output_dir: &Path, user: User) -> Result<Journal, JournalError> {
        std::fs::create_dir_all(output_dir)
            .map_err(|source| JournalError { path: output_dir.to_owned(), source })?;
        let log = Target::open(output_dir.join("train.log"))?;
        let metrics = Target::open(output_dir.join("metrics.jsonl"))?;
        Ok(Journal { log, metrics, user })
    }

    /// Tells one event.
    ///
    /// # Errors
    /// If a file of the journal cannot be written. What the user no longer reads (a closed pipe) is
    /// not an error: the files keep it.
    pub fn event(&mut self, event: &Event) -> Result<(), JournalError> {
        self.log(event)?;
        if let User::Bars(bars) = &mut self.user {
            bars.show(event);
        }
        Ok(())
    }

    /// As [`Journal::event`], for what the user of a terminal is told in another way.
    ///
    /// # Errors
    /// As [`Journal::event`].
    pub fn log(&mut self, event: &Event) -> Result<(), JournalError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let level = if matches!(event, Event::Warning { .. }) { "WARNING" } else { "INFO" };
        let line = format!("[{}] photonet {level}: {}", lines::timestamp(now.as_secs()), lines::text(event));
        self.log.line(&line)?;
        let record = Record { time: now.as_secs_f64(), event };
        let json = serde_json::to_string(&record)
            .map_err(|e| JournalError { path: self.metrics.path.clone(), source: e.into() })?;
        self.metrics.line(&json)?;
        if let User::Lines(output) = &mut self.user {
            // The reader of a pipe may leave; training goes on and the log has the line.
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
        Ok(())
    }
}

impl Target {
    fn open(path: PathBuf) -> Result<Target, JournalError> {
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Ok(Target { path, file }),
            Err(source) => Err(JournalError { path, source }),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), JournalError> {
        // One write a line, so that a stop between two lines leaves no half line.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|source| JournalError { path: self.path.clone(), source })
    }
}
