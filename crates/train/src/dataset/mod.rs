//! Data sets: which photo belongs to which class.
//!
//! A data set comes from PaddleClas list files (`path label` a line, `label_list.txt` with `id name`
//! a line) or from a folder with a sub-folder per class. [`open`] finds out which of them a folder is.

mod configured;
mod error;
mod folder;
mod list;
mod split;
mod unequal;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use configured::{open_config, open_config_eval};
pub use error::DatasetError;
pub(crate) use folder::is_hidden;
pub use folder::is_photo;
pub(crate) use list::lines;
pub use list::{LabelList, ListOptions, read_labels};
pub(crate) use split::for_validation;
pub use unequal::unequal;

/// How many classes are named when a run starts.
const SHOWN_CLASSES: usize = 10;

/// One photo and its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The photo.
    pub path: PathBuf,
    /// The class, an index into [`Dataset::labels`].
    pub label: u32,
}

/// Photos with their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The photos, in the order of the list file, or by class and path for a folder.
    pub samples: Vec<Sample>,
    /// The names of the classes; a class's label is its place here.
    pub labels: Vec<String>,
}

/// What was found beside the photos, for the user to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetReport {
    /// Files that are not photos by their extension, and were left out.
    pub other_files: usize,
    /// The first of them, below the folder.
    pub first_other: Option<PathBuf>,
    /// Photos in formats that are not read, below the folder; they were left out.
    pub unsupported: Vec<PathBuf>,
    /// Photos that a list names but that do not exist, and were left out.
    pub missing: Vec<PathBuf>,
    /// Photos with a line break in their names, which no list can hold, below the folder; they were left out.
    pub line_breaks: Vec<PathBuf>,
    /// Classes without a photo, by name.
    pub empty_classes: Vec<String>,
    /// Folders without a photo that are no class of the model, by name; they were left out.
    pub unknown_folders: Vec<String>,
    /// What is wrong with the files of class names, and what was made of it, a sentence each.
    pub names: Vec<String>,
    /// Class folders whose photos lie in sub-folders only; none where the classes were known before.
    pub nested: Vec<Nested>,
}

/// A class folder whose photos all lie in sub-folders of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// The class folder.
    pub folder: PathBuf,
    /// The names of its sub-folders with photos, in order.
    pub inner: Vec<String>,
}

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `train_list.txt`, and `val_list.txt` if it is there.
    Lists,
    /// `train/` and `val/`, each with a folder per class.
    TrainVal,
    /// A folder per class; validation photos are split off.
    Classes,
}

/// Training and validation photos, with the same labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSplit {
    /// To train on.
    pub train: Dataset,
    /// To evaluate on. Never empty.
    pub val: Dataset,
    /// Where they came from.
    pub layout: Layout,
    /// What was found beside the training photos.
    pub train_report: DatasetReport,
    /// What was found beside the validation photos; empty where these were split off.
    pub val_report: DatasetReport,
}

/// How [`open`] divides a folder that does not say itself what is for validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitOptions {
    /// The share of each class that is set apart, in [0, 1).
    pub fraction: f64,
    /// The seed of the choice.
    pub seed: u64,
}

impl Default for SplitOptions {
    /// A fifth, with seed 0.
    fn default() -> SplitOptions {
        SplitOptions { fraction: 0.2, seed: 0 }
    }
}

impl DatasetReport {
    /// One sentence for each thing that was left out or is unusual.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.names.clone();
        if !self.empty_classes.is_empty() {
            let names = first_few(self.empty_classes.iter().map(String::clone));
            warnings.push(format!(
                "{} without photos: {names}",
                count(self.empty_classes.len(), "class", "classes")
            ));
        }
        if !self.unknown_folders.is_empty() {
            warnings.push(format!(
                "{} without photos left out, of no class of the model: {}",
                count(self.unknown_folders.len(), "folder", "folders"),
                first_few(self.unknown_folders.iter().cloned())
            ));
        }
        if !self.nested.is_empty() {
            let names = |nested: &Nested| {
                let inner = first_few(nested.inner.iter().cloned());
                format!("{} ({inner})", folder::file_name(&nested.folder))
            };
            warnings.push(format!(
                "the photos of {} lie in sub-folders only, which are not told apart: {}",
                count(self.nested.len(), "class", "classes"),
                first_few(self.nested.iter().map(names))
            ));
        }
        if !self.missing.is_empty() {
            let names = first_few(self.missing.iter().map(|p| p.display().to_string()));
            let photos = count(self.missing.len(), "photo", "photos");
            warnings.push(format!("{photos} of the list not found and left out: {names}"));
        }
        warnings.extend(self.unsupported());
        if !self.line_breaks.is_empty() {
            let (them, names) = match self.line_breaks.len() {
                1 => ("it", "its name"),
                _ => ("them", "their names"),
            };
            warnings.push(format!(
                "{} left out with a line break in {names}, which no list of photos can hold: rename {them}: {}",
                count(self.line_breaks.len(), "photo", "photos"),
                first_few(self.line_breaks.iter().map(|path| format!("{path:?}")))
            ));
        }
        if self.other_files > 0 {
            let files = count(self.other_files, "file", "files");
            let first = self.first_other.as_ref().map(|path| format!("; the first is {}", path.display()));
            let first = first.unwrap_or_default();
            warnings
                .push(format!("{files} left out: not a photo by name, or outside the class folders{first}"));
        }
        warnings
    }

    /// Those of photos to train and to evaluate on: which of them each is about, but where both say the same.
    pub fn warnings_of(train: &DatasetReport, val: &DatasetReport) -> Vec<String> {
        let names = &train.names;
        let (train, val) = (train.warnings(), val.warnings());
        // Names are those of the classes of both.
        let about = |set: &str, warning: &String, others: &[String]| match others.contains(warning)
            || names.contains(warning)
        {
            true => warning.clone(),
            false => format!("{set}: {warning}"),
        };
        let of_train = train.iter().map(|warning| about("to train on", warning, &val));
        let of_val = val.iter().filter(|warning| !train.contains(warning));
        of_train.chain(of_val.map(|warning| about("to evaluate on", warning, &train))).collect()
    }

    /// What to do about photos in formats that are not read.
    fn unsupported(&self) -> Option<String> {
        let first = self.unsupported.first()?;
        let formats = self.unsupported.iter().filter_map(|path| path.extension());
        let formats: BTreeSet<String> = formats.map(|e| e.to_string_lossy().to_uppercase()).collect();
        Some(format!(
            "{} left out in formats that are not supported ({}): convert them to JPEG, for example {}",
            count(self.unsupported.len(), "photo", "photos"),
            formats.into_iter().collect::<Vec<_>>().join(", "),
            first.display()
        ))
    }

    /// Refuses a folder that lies a level too high: where class folders have sub-folders of the same names, and no
    /// photos beside them, these are the classes.
    ///
    /// # Errors
    /// [`DatasetError::TooHigh`].
    pub fn check_level(&self) -> Result<(), DatasetError> {
        let shares = |nested: &&Nested| {
            let others = self.nested.iter().filter(|other| other.folder != nested.folder);
            others.flat_map(|other| &other.inner).any(|name| nested.inner.contains(name))
        };
        let alike: Vec<&Nested> = self.nested.iter().filter(shares).collect();
        let is_train =
            |nested: &&&Nested| folder::file_name(&nested.folder).to_lowercase().starts_with("train");
        let trained = alike.iter().find(is_train);
        let Some(wanted) = trained.or_else(|| alike.iter().max_by_key(|nested| nested.inner.len())) else {
            return Ok(());
        };
        let apart = wanted.folder.parent().filter(|_| trained.is_some()).map(|parent| {
            let [train, val] = ["train", "val"].map(|name| parent.join(name).display().to_string());
            let parent = parent.display();
            format!(
                ", or call the folders {train} and {val} and give {parent}, to train on the one and evaluate on the other"
            )
        });
        let names = alike.iter().map(|nested| folder::file_name(&nested.folder));
        Err(DatasetError::TooHigh {
            folders: first_few(names),
            inner: first_few(wanted.inner.iter().cloned()),
            wanted: wanted.folder.clone(),
            apart: apart.unwrap_or_default(),
        })
    }
}

impl DataSplit {
    /// Each class with the number of its photos, those to evaluate on included.
    pub fn classes(&self) -> String {
        let (train, val) = (self.train.class_counts(), self.val.class_counts());
        let shown = self.train.labels.iter().enumerate().map(|(label, name)| {
            let photos = train[label] + val.get(label).copied().unwrap_or(0);
            format!("{name} {photos}")
        });
        format!("classes: {}", first_classes(shown))
    }
}

impl Dataset {
    /// Photos of each class, in the order of the labels.
    pub fn class_counts(&self) -> Vec<usize> {
        class_counts(self.samples.iter().map(|sample| sample.label), self.labels.len())
    }

    /// Reads a folder with a sub-folder per class. Classes are the sub-folders' names in order; photos
    /// are told by their extension and may lie in deeper folders. What begins with a dot is skipped, and so
    /// is `__MACOSX`.
    ///
    /// With `labels`, the classes are these, and a sub-folder of another name with photos is an error: so a data
    /// set is read for a model that exists already.
    ///
    /// # Errors
    /// A folder that is missing, unreadable or not a folder, without class folders or photos; fewer
    /// than two classes with photos, unless `labels` are given; a class that is not in `labels`.
    pub fn from_folder(
        root: &Path,
        labels: Option<&[String]>,
    ) -> Result<(Dataset, DatasetReport), DatasetError> {
        folder::read(root, labels)
    }

    /// Reads a list file: a path relative to `image_root` and a label a line.
    ///
    /// # Errors
    /// A list that is missing, unreadable or empty; a line without a label, or whose label is not a
    /// number or out of range; no photo of the list where it should be.
    pub fn from_list(
        list: &Path,
        image_root: &Path,
        options: &ListOptions,
    ) -> Result<(Dataset, DatasetReport), DatasetError> {
        list::read(list, image_root, options)
    }

    /// Divides the photos into training and validation, class by class.
    ///
    /// Each class gives `fraction` of its photos to validation, rounded, but at least one, and never its
    /// last one. The choice depends on the seed and on the photos' order here, which for a folder is
    /// that of their paths, however the file system lists them. With `fraction` 0 nothing is split off.
    pub fn split(&self, options: SplitOptions) -> (Dataset, Dataset) {
        split::split(self, options)
    }

    /// # Errors
    /// [`DatasetError::TooFewClasses`] with fewer than two classes that have photos.
    fn check_classes(&self, root: &Path) -> Result<(), DatasetError> {
        let mut with_photos =
            self.labels.iter().zip(self.class_counts()).filter(|(_, n)| *n > 0).map(|(name, _)| name);
        match (with_photos.next(), with_photos.next()) {
            (Some(_), Some(_)) => Ok(()),
            (only, _) => Err(DatasetError::TooFewClasses {
                path: root.to_owned(),
                only: only.cloned().unwrap_or_default(),
                hint: String::new(),
            }),
        }
    }

    fn empty_classes(&self) -> Vec<String> {
        let counts = self.class_counts();
        self.labels.iter().zip(counts).filter(|(_, n)| *n == 0).map(|(name, _)| name.clone()).collect()
    }
}

/// Reads a folder of photos in any of the layouts of [`Layout`], and divides it for training.
///
/// # Errors
/// As [`Dataset::from_folder`] and [`Dataset::from_list`]; and if no photo is left for validation.
pub fn open(root: &Path, options: SplitOptions) -> Result<DataSplit, DatasetError> {
    folder::check(root)?;
    let list = root.join("train_list.txt");
    let split = if list.is_file() {
        open_lists(root, &list, options)?
    } else if root.join("train").is_dir() && root.join("val").is_dir() {
        let (train, train_report) = Dataset::from_folder(&root.join("train"), None)?;
        let (val, val_report) = Dataset::from_folder(&root.join("val"), Some(&train.labels))?;
        DataSplit { train, val, layout: Layout::TrainVal, train_report, val_report }
    } else {
        let (whole, train_report) = Dataset::from_folder(root, None)?;
        let (train, val) = whole.split(options);
        DataSplit { train, val, layout: Layout::Classes, train_report, val_report: DatasetReport::default() }
    };
    if split.val.samples.is_empty() {
        return Err(DatasetError::NoValidation { path: root.to_owned() });
    }
    Ok(split)
}

/// Reads one list file, with paths relative to `root`, and the names of its classes from `label_list.txt` there, if it
/// is there.
///
/// # Errors
/// As [`Dataset::from_list`] and [`read_labels`].
pub fn open_list(list: &Path, root: &Path) -> Result<(Dataset, DatasetReport), DatasetError> {
    let label_list = root.join("label_list.txt");
    let labels = if label_list.is_file() { Some(read_labels(&label_list)?) } else { None };
    Dataset::from_list(list, root, &ListOptions { labels, ..ListOptions::default() })
}

fn open_lists(root: &Path, list: &Path, split: SplitOptions) -> Result<DataSplit, DatasetError> {
    let (train, train_report) = open_list(list, root)?;
    train.check_classes(list)?;
    let val_list = root.join("val_list.txt");
    if !val_list.is_file() {
        let (train, val) = train.split(split);
        let val_report = DatasetReport::default();
        return Ok(DataSplit { train, val, layout: Layout::Lists, train_report, val_report });
    }
    let options = ListOptions { labels: Some(train.labels.clone()), ..ListOptions::default() };
    let (val, val_report) = Dataset::from_list(&val_list, root, &options)?;
    Ok(DataSplit { train, val, layout: Layout::Lists, train_report, val_report })
}

/// Photos of each of `classes` classes, by the photos' labels.
pub(crate) fn class_counts(labels: impl Iterator<Item = u32>, classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for label in labels {
        if let Some(n) = counts.get_mut(label as usize) {
            *n += 1;
        }
    }
    counts
}

/// A number with the word for one or for many.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The first three of some names, and how many more there are.
fn first_few(names: impl ExactSizeIterator<Item = String>) -> String {
    first(3, names)
}

/// Words of classes, of many the first.
pub(crate) fn first_classes(words: impl ExactSizeIterator<Item = String>) -> String {
    first(SHOWN_CLASSES, words)
}

/// The first of some names, and how many more there are.
pub fn first(most: usize, names: impl ExactSizeIterator<Item = String>) -> String {
    let total = names.len();
    let shown: Vec<String> = names.take(most).collect();
    let more = total - shown.len();
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
}
