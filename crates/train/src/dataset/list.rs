//! PaddleClas list files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, DatasetReport, Sample, count, first_few};

/// More classes than any data set has; a label beyond it is a slip, not a request for memory.
const MAX_CLASSES: u32 = 1 << 20;

/// The most wrong lines of a list that are told one by one.
const TOLD_LINES: usize = 5;

/// How a list is read.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// What separates path and label; `None`: the last run of blanks or tabs, so that paths may hold
    /// blanks. The last occurrence counts.
    pub delimiter: Option<String>,
    /// The number of classes; `None`: as many as there are names in `labels`, or without these one
    /// more than the largest label.
    pub class_num: Option<u32>,
    /// Names of the classes; those beyond its end are named by their number.
    pub labels: Option<Vec<String>>,
    /// Whether a configuration says which folder the paths are relative to, which an error then names.
    pub configured: bool,
}

/// The lines of a text file that are not blank, with their numbers from 1.
pub(crate) fn lines(path: &Path) -> Result<Vec<(usize, String)>, DatasetError> {
    if path.is_dir() {
        return Err(DatasetError::NotAList { path: path.to_owned() });
    }
    let bytes = fs::read(path).map_err(|e| DatasetError::io(path, e))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut lines = Vec::new();
    for (at, line) in text.split(|b| *b == b'\n').enumerate() {
        let line = std::str::from_utf8(line)
            .map_err(|_| DatasetError::NotUtf8 { path: path.to_owned(), line: at + 1 })?;
        if !line.trim().is_empty() {
            lines.push((at + 1, line.trim().to_owned()));
        }
    }
    Ok(lines)
}

pub(super) fn read(
    list: &Path,
    image_root: &Path,
    options: &ListOptions,
) -> Result<(Dataset, DatasetReport), DatasetError> {
    let lines = lines(list)?;
    if lines.is_empty() {
        return Err(DatasetError::EmptyList { path: list.to_owned() });
    }
    let named = options.labels.as_ref().map(|l| l.len() as u32);
    let bound = options.class_num.or(named);
    let mut samples = Vec::with_capacity(lines.len());
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut largest = 0;
    let (mut first, mut wrong) = (Vec::new(), 0);
    for (number, line) in &lines {
        let parsed = parse(list, *number, line, options.delimiter.as_deref());
        let classes = bound.unwrap_or(MAX_CLASSES);
        let in_range = parsed.and_then(|(path, label)| match label < classes {
            true => Ok((path, label)),
            false => {
                Err(DatasetError::LabelOutOfRange { path: list.to_owned(), line: *number, label, classes })
            }
        });
        let (path, label) = match in_range {
            Ok(parsed) => parsed,
            Err(problem) => {
                wrong += 1;
                if first.len() < TOLD_LINES {
                    first.push(problem);
                }
                continue;
            }
        };
        if wrong > 0 {
            continue;
        }
        largest = largest.max(label);
        let path = image_root.join(path);
        if path.is_file() {
            samples.push(Sample { path, label });
        } else {
            missing.push(path);
        }
    }
    if wrong > 1 {
        return Err(DatasetError::Lines { path: list.to_owned(), first, count: wrong });
    }
    if let Some(only) = first.pop() {
        return Err(only);
    }
    if samples.is_empty() {
        return Err(DatasetError::AllMissing {
            path: list.to_owned(),
            root: image_root.to_owned(),
            configured: options.configured,
            count: missing.len(),
            examples: first_few(missing.iter().map(|p| p.display().to_string())),
        });
    }
    let classes = bound.unwrap_or(largest + 1);
    let names = options.labels.as_deref().unwrap_or_default();
    let labels =
        (0..classes).map(|i| names.get(i as usize).cloned().unwrap_or_else(|| i.to_string())).collect();
    let dataset = Dataset { samples, labels };
    let empty_classes = dataset.empty_classes();
    let report = DatasetReport { missing, empty_classes, ..DatasetReport::default() };
    Ok((dataset, report))
}

/// Divides a line into path and label.
fn parse<'a>(
    list: &Path,
    number: usize,
    line: &'a str,
    delimiter: Option<&str>,
) -> Result<(&'a str, u32), DatasetError> {
    let parts = match delimiter {
        Some(delimiter) => line.rsplit_once(delimiter),
        None => line.rsplit_once(char::is_whitespace),
    };
    let said = delimiter.map(str::to_owned);
    let no_label = || DatasetError::NoLabel {
        path: list.to_owned(),
        line: number,
        text: line.to_owned(),
        delimiter: said.clone(),
    };
    let (path, label) = parts.ok_or_else(no_label)?;
    let (path, label) = (path.trim(), label.trim());
    if path.is_empty() || label.is_empty() {
        return Err(no_label());
    }
    let bad = |_| DatasetError::BadLabel {
        path: list.to_owned(),
        line: number,
        label: label.to_owned(),
        delimiter: said.clone(),
    };
    Ok((path, label.parse().map_err(bad)?))
}

/// Reads a list of class names, `id name` a line, in any order. Numbers that are left out below the
/// largest id are named by themselves.
///
/// # Errors
/// A file that is missing or unreadable; a line that is not `id name`; an id that comes twice.
pub fn read_labels(path: &Path) -> Result<Vec<String>, DatasetError> {
    Ok(LabelList::read(path)?.names)
}

/// A list of class names, and what is unusual in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelList {
    /// The file.
    path: PathBuf,
    /// The names by their ids; an id that is left out is a name itself.
    pub names: Vec<String>,
    /// The smallest id.
    first: u32,
}

impl LabelList {
    /// # Errors
    /// As [`read_labels`].
    pub fn read(path: &Path) -> Result<LabelList, DatasetError> {
        let (names, first) = read_names(path)?;
        Ok(LabelList { path: path.to_owned(), names, first })
    }

    /// Whether it names so many classes.
    pub fn fits(&self, classes: usize) -> bool {
        self.names.len() == classes
    }

    /// Whether its ids are those of so many classes, but begin at 1.
    pub fn begins_at_one(&self, classes: usize) -> bool {
        self.first == 1 && self.names.len() == classes + 1
    }

    /// How it does not fit so many classes, as the beginning of a sentence.
    pub fn misfit(&self, classes: usize) -> String {
        let (path, last) = (self.path.display(), self.names.len() - 1);
        match self.begins_at_one(classes) {
            true => format!("the ids in {path} run from 1 to {last} and should begin at 0"),
            false => {
                format!(
                    "{path} names {}, but there are {classes}",
                    count(self.names.len(), "class", "classes")
                )
            }
        }
    }

    /// Says so where several classes have one name.
    pub fn repeated(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let again: BTreeSet<&String> = self.names.iter().filter(|name| !seen.insert(*name)).collect();
        (!again.is_empty()).then(|| {
            let names = first_few(again.iter().map(|name| format!("{name:?}")));
            format!(
                "{} gives several classes one name, which tells them apart no more: {names}",
                self.path.display()
            )
        })
    }
}

/// The names, and the smallest id.
fn read_names(path: &Path) -> Result<(Vec<String>, u32), DatasetError> {
    let bad =
        |line: usize, reason: String| DatasetError::BadLabelList { path: path.to_owned(), line, reason };
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    for (number, line) in lines(path)? {
        let (id, name) = line
            .split_once(char::is_whitespace)
            .ok_or_else(|| bad(number, format!("{line:?} is not an id and a name")))?;
        let id: u32 =
            id.parse().map_err(|_| bad(number, format!("the id {id:?} is not a whole number from 0")))?;
        if id >= MAX_CLASSES {
            return Err(bad(number, format!("the id {id} is too large")));
        }
        if names.insert(id, name.trim().to_owned()).is_some() {
            return Err(bad(number, format!("the id {id} comes twice")));
        }
    }
    let classes = names.last_key_value().map_or(0, |(id, _)| id + 1);
    if classes == 0 {
        return Err(bad(1, "the file names no classes".to_owned()));
    }
    let first = names.first_key_value().map_or(0, |(id, _)| *id);
    Ok(((0..classes).map(|i| names.remove(&i).unwrap_or_else(|| i.to_string())).collect(), first))
}
