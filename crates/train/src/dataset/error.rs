//! What can be wrong with a data set.

use std::io;
use std::path::{Path, PathBuf};

/// Why a data set was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// There is nothing at this path.
    #[error("{} does not exist; check the path", path.display())]
    Missing {
        /// The folder or the list.
        path: PathBuf,
    },
    /// A folder was wanted.
    #[error("{} is not a folder; give the folder that holds one sub-folder of photos per class", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// A list was wanted.
    #[error("{} is a folder, and a list is wanted: give a text file with a photo a line", path.display())]
    NotAList {
        /// What was given.
        path: PathBuf,
    },
    /// The system refuses to read it.
    #[error("cannot read {}: {source}; check its permissions", path.display())]
    Unreadable {
        /// The folder or the list.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder with nothing in it.
    #[error("the folder {} is empty; put one sub-folder of photos per class into it", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Files, but no sub-folders that could be classes.
    #[error(
        "{} has no sub-folders, but {photos} photos and {others} other files of its own; sort the photos into \
         one sub-folder per class", path.display()
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// Photos that lie directly in it.
        photos: usize,
        /// Other files that lie directly in it.
        others: usize,
    },
    /// Class folders, but not one photo in them.
    #[error("no photo found in the {classes} sub-folders of {}; photos are files ending in {known}{hint}", path.display())]
    NoPhotos {
        /// The folder.
        path: PathBuf,
        /// How many sub-folders there are.
        classes: usize,
        /// The extensions that are known, for the message.
        known: String,
        /// What may be wrong, as the end of the sentence.
        hint: String,
    },
    /// Telling apart takes two.
    #[error(
        "{} has photos of one class only ({only}); a classifier needs at least two classes with photos{hint}",
        path.display()
    )]
    TooFewClasses {
        /// The folder or the list.
        path: PathBuf,
        /// The class that has photos.
        only: String,
        /// What may have been meant, as the end of the sentence.
        hint: String,
    },
    /// The classes lie a level deeper.
    #[error(
        "the class folders {folders} of {} have sub-folders of the same names ({inner}), which will be the classes: \
         give {}{apart}. If {folders} are the classes, add --nested",
        wanted.parent().unwrap_or(wanted).display(), wanted.display()
    )]
    TooHigh {
        /// The folders in it that were taken for classes.
        folders: String,
        /// Their sub-folders.
        inner: String,
        /// The folder to give.
        wanted: PathBuf,
        /// What else could be done, as a part of the sentence.
        apart: String,
    },
    /// A sub-folder that is no class of the model or of the training photos.
    #[error(
        "{}: there is no class {name:?}{}; the classes are {known}", path.display(),
        suggestion.as_ref().map(|s| format!(" (did you mean {s:?}?)")).unwrap_or_default()
    )]
    UnknownClass {
        /// The sub-folder.
        path: PathBuf,
        /// Its name.
        name: String,
        /// The nearest class, if one is near.
        suggestion: Option<String>,
        /// The first few classes, for the message.
        known: String,
    },
    /// Every class has one photo only, or the fraction is 0.
    #[error(
        "{} leaves no photo for validation; add photos (at least two of a class), or a validation list", path.display()
    )]
    NoValidation {
        /// The folder.
        path: PathBuf,
    },
    /// Folders of other classes than the model's.
    #[error(
        "the photos' classes are {photos}, the model's are {model}: use photos of the same classes, or name them with --data"
    )]
    OtherClasses {
        /// The photos' classes.
        photos: String,
        /// The model's.
        model: String,
    },
    /// The configuration does not say where the photos are.
    #[error("the configuration does not name the photos: {key} is missing")]
    NotGiven {
        /// The key to set.
        key: &'static str,
    },
    /// A list without a single photo.
    #[error("the list {} names no photos; each line should be `path label`", path.display())]
    EmptyList {
        /// The list.
        path: PathBuf,
    },
    /// A line of a list that is not UTF-8.
    #[error("{}, line {line}: not UTF-8 text; save the list as UTF-8", path.display())]
    NotUtf8 {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line of a list that has no label.
    #[error(
        "{}, line {line}: {text:?} has no label; each line should be {}", path.display(), form(delimiter)
    )]
    NoLabel {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What separates path and label, if the configuration says.
        delimiter: Option<String>,
    },
    /// A label that is not a number.
    #[error(
        "{}, line {line}: the label {label:?} is not a whole number from 0; each line should be {}",
        path.display(), form(delimiter)
    )]
    BadLabel {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands in the label's place.
        label: String,
        /// What separates path and label, if the configuration says.
        delimiter: Option<String>,
    },
    /// A label beyond the number of classes.
    #[error(
        "{}, line {line}: label {label} is out of range: with {classes} classes, labels run from 0 to {}; \
         correct the line, or the number of classes", path.display(), i64::from(*classes) - 1
    )]
    LabelOutOfRange {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The label.
        label: u32,
        /// The number of classes.
        classes: u32,
    },
    /// A line of a list of class names that is not `id name`, or repeats an id.
    #[error("{}, line {line}: {reason}; each line should be `id name`", path.display())]
    BadLabelList {
        /// The list of class names.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// More than one line of a list that is wrong.
    #[error("{count} lines of {} are wrong:\n{}", path.display(), lines(first, *count))]
    Lines {
        /// The list.
        path: PathBuf,
        /// What is wrong with the first of them.
        first: Vec<DatasetError>,
        /// How many there are.
        count: usize,
    },
    /// Not one photo of a list is there.
    #[error(
        "none of the {count} photos of {} exists: {examples}; paths are relative to {}; {}",
        path.display(), absolute(root), if *configured { "check image_root" } else { "correct them, or move the list to the folder that they start from" }
    )]
    AllMissing {
        /// The list.
        path: PathBuf,
        /// The folder its paths are relative to.
        root: PathBuf,
        /// Whether a configuration says which folder that is.
        configured: bool,
        /// How many photos the list names.
        count: usize,
        /// The first few, for the message.
        examples: String,
    },
}

impl DatasetError {
    /// An input/output error at a path, with absence told apart.
    pub(super) fn io(path: &Path, source: io::Error) -> DatasetError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => DatasetError::Missing { path },
            io::ErrorKind::NotADirectory => DatasetError::NotAFolder { path },
            _ => DatasetError::Unreadable { path, source },
        }
    }
}

/// A folder by a path that is never empty.
fn absolute(path: &Path) -> String {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Problems a line, and how many more there are.
fn lines(first: &[DatasetError], count: usize) -> String {
    let more = (count > first.len()).then(|| format!("  and {} more", count - first.len()));
    first.iter().map(|problem| format!("  {problem}")).chain(more).collect::<Vec<_>>().join("\n")
}

/// How a line of a list looks.
fn form(delimiter: &Option<String>) -> String {
    match delimiter {
        None => "`path label`, with blanks or a tab between them".to_owned(),
        Some(delimiter) => format!(
            "path and label with {delimiter:?} between them, which is dataset.delimiter in the configuration: change \
             it there, or leave it out for blanks and tabs"
        ),
    }
}
