//! What there is to be known of a set of photos.

use crate::parallel::in_order;
use photonet_train::dataset::{DataSplit, Dataset, DatasetReport, Sample};
use photonet_train::decode_photo;
use photonet_train::evaluate::serialize_path;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The photos that are looked at.
pub struct Photos {
    /// To train on, or all there are.
    pub train: Dataset,
    /// To evaluate on, where they are known.
    pub val: Option<Dataset>,
    /// What was found beside each.
    pub reports: Vec<DatasetReport>,
}

impl Photos {
    /// Both sides of a training.
    pub fn of_split(split: DataSplit) -> Self {
        Self { train: split.train, val: Some(split.val), reports: vec![split.train_report, split.val_report] }
    }
}

/// Which photos one belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Those to train on.
    Train,
    /// Those to evaluate on.
    Val,
}

/// A class and those of its photos that can be read.
#[derive(Debug, Serialize)]
pub struct ClassCount {
    /// Index of the class.
    pub index: usize,
    /// Name of the class.
    pub label: String,
    /// Photos to train on.
    pub train: usize,
    /// Photos to evaluate on, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<usize>,
}

/// A photo that cannot be read.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// The photo.
    #[serde(serialize_with = "serialize_path")]
    pub file: PathBuf,
    /// Why not.
    pub reason: String,
}

/// A photo with a side that is shorter than the network's input.
#[derive(Debug, Serialize)]
pub struct Small {
    /// The photo.
    #[serde(serialize_with = "serialize_path")]
    pub file: PathBuf,
    /// In pixels, as it is shown.
    pub width: u32,
    /// In pixels, as it is shown.
    pub height: u32,
}

/// One of several files with the same bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Copy {
    /// The photo.
    #[serde(serialize_with = "serialize_path")]
    pub file: PathBuf,
    /// Index of its class.
    pub index: usize,
    /// Name of its class.
    pub label: String,
    /// Where it belongs.
    pub set: Set,
}

/// Everything that was found, each list in the order of the photos.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// Side of the network's input, in pixels.
    pub size: u32,
    /// Photos that could be read.
    pub photos: usize,
    /// The classes, in order.
    pub classes: Vec<ClassCount>,
    /// Photos of lists that do not exist.
    #[serde(serialize_with = "all_shown")]
    pub missing: Vec<PathBuf>,
    /// Photos that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Photos smaller than the input.
    pub small: Vec<Small>,
    /// Files with the same bytes in several classes.
    pub conflicts: Vec<Vec<Copy>>,
    /// Others, both to train on and to evaluate on.
    pub leaks: Vec<Vec<Copy>>,
    /// Others.
    pub duplicates: Vec<Vec<Copy>>,
}

fn all_shown<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.display().to_string()))
}

type Hash = [u8; 32];

/// The hash of a photo's bytes, and its width and height as it is shown.
fn look(path: &Path) -> Result<(Hash, u32, u32), String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read it: {e}"))?;
    let image = decode_photo(&bytes)?;
    Ok((Sha256::digest(&bytes).into(), image.width(), image.height()))
}

impl Survey {
    /// Reads and decodes every photo, on all processors. Of each no more is kept than a hash.
    pub fn of(photos: &Photos, size: u32) -> Self {
        let train = photos.train.samples.iter().map(|sample| (Set::Train, sample));
        let val = photos.val.iter().flat_map(|val| &val.samples).map(|sample| (Set::Val, sample));
        let samples: Vec<(Set, &Sample)> = train.chain(val).collect();
        let mut survey = Self {
            size,
            photos: 0,
            classes: classes(photos),
            missing: photos.reports.iter().flat_map(|report| report.missing.clone()).collect(),
            unreadable: Vec::new(),
            small: Vec::new(),
            conflicts: Vec::new(),
            leaks: Vec::new(),
            duplicates: Vec::new(),
        };
        let mut same: BTreeMap<Hash, Vec<usize>> = BTreeMap::new();
        let mut progress = Progress::new(samples.len());
        let mut at = 0;
        let each = |(set, sample): &(Set, &Sample), looked: Result<(Hash, u32, u32), String>| {
            match looked {
                Err(reason) => survey.unreadable.push(Unreadable { file: sample.path.clone(), reason }),
                Ok((hash, width, height)) => {
                    survey.photos += 1;
                    survey.count(*set, sample.label as usize);
                    same.entry(hash).or_default().push(at);
                    if width.min(height) < size {
                        survey.small.push(Small { file: sample.path.clone(), width, height });
                    }
                }
            }
            at += 1;
            progress.tell(at);
            Ok(())
        };
        let Ok(()) = in_order(&samples, |(_, sample)| Ok::<_, Infallible>(look(&sample.path)), each);
        progress.end();
        let mut groups: Vec<Vec<usize>> = same.into_values().filter(|group| group.len() > 1).collect();
        groups.sort();
        for group in groups {
            let copy = |at: usize| {
                let (set, sample) = &samples[at];
                let index = sample.label as usize;
                let label = photos.train.labels.get(index).cloned().unwrap_or_default();
                Copy { file: sample.path.clone(), index, label, set: *set }
            };
            survey.sort_in(group.into_iter().map(copy).collect());
        }
        survey
    }

    fn count(&mut self, set: Set, index: usize) {
        let Some(class) = self.classes.get_mut(index) else { return };
        match set {
            Set::Train => class.train += 1,
            Set::Val => class.val = class.val.map(|photos| photos + 1),
        }
    }

    fn sort_in(&mut self, copies: Vec<Copy>) {
        let differ = |same: fn(&Copy, &Copy) -> bool| copies.iter().any(|copy| !same(copy, &copies[0]));
        if differ(|a, b| a.index == b.index) {
            self.conflicts.push(copies);
        } else if differ(|a, b| a.set == b.set) {
            self.leaks.push(copies);
        } else {
            self.duplicates.push(copies);
        }
    }

    /// The whole in a line.
    pub fn summary(&self) -> String {
        let sum = |of: fn(&ClassCount) -> Option<usize>| self.classes.iter().filter_map(of).sum::<usize>();
        let train = sum(|class| Some(class.train));
        let classes = self.classes.len();
        match self.classes.iter().any(|class| class.val.is_some()) {
            true => {
                format!("{classes} classes, {train} photos to train on and {} to evaluate on", sum(|c| c.val))
            }
            false => format!("{classes} classes, {train} photos"),
        }
    }
}

/// The classes, of which no photo has been looked at.
fn classes(photos: &Photos) -> Vec<ClassCount> {
    let class = |(index, label): (usize, &String)| ClassCount {
        index,
        label: label.clone(),
        train: 0,
        val: photos.val.as_ref().map(|_| 0),
    };
    photos.train.labels.iter().enumerate().map(class).collect()
}

/// How far it has come, on a terminal alone.
struct Progress {
    all: usize,
    shown: bool,
}

/// Photos between two lines of progress.
const STEP: usize = 50;

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, shown: all > STEP && std::io::stderr().is_terminal() }
    }

    fn tell(&mut self, done: usize) {
        if self.shown && done.is_multiple_of(STEP) {
            eprint!("\r{done} of {} photos", self.all);
        }
    }

    fn end(self) {
        if self.shown {
            // Takes the line away.
            eprint!("\r\x1b[K");
        }
    }
}
