//! A plain folder per class.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, DatasetReport, Nested, Sample, first_few};
use crate::config::nearest;

/// Extensions of the formats that `photonet_vision` decodes.
const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// Whether a file is a photo, by its extension, in any case.
pub(crate) fn is_photo(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// # Errors
/// If `root` is not a folder that can be looked at.
pub(super) fn check(root: &Path) -> Result<(), DatasetError> {
    let metadata = fs::metadata(root).map_err(|e| DatasetError::io(root, e))?;
    if metadata.is_dir() { Ok(()) } else { Err(DatasetError::NotAFolder { path: root.to_owned() }) }
}

pub(super) fn read(root: &Path, labels: Option<&[String]>) -> Result<(Dataset, DatasetReport), DatasetError> {
    check(root)?;
    let entries = list(root)?;
    let loose_photos = entries.files.iter().filter(|p| is_photo(p)).count();
    if entries.folders.is_empty() {
        if entries.files.is_empty() {
            return Err(DatasetError::Empty { path: root.to_owned() });
        }
        let others = entries.files.len() - loose_photos;
        return Err(DatasetError::NoClasses { path: root.to_owned(), photos: loose_photos, others });
    }

    let mut report = DatasetReport { other_files: entries.files.len(), ..DatasetReport::default() };
    let mut dataset = Dataset { samples: Vec::new(), labels: labels.unwrap_or_default().to_vec() };
    for folder in &entries.folders {
        let name = file_name(folder);
        let label = match labels {
            None => {
                dataset.labels.push(name);
                dataset.labels.len() - 1
            }
            Some(known) => known
                .iter()
                .position(|label| *label == name)
                .ok_or_else(|| unknown_class(folder, &name, known))?,
        };
        let mut photos = Vec::new();
        collect(folder, &mut Vec::new(), &mut photos, &mut report.other_files)?;
        photos.sort();
        if labels.is_none() {
            report.nested.extend(nested(folder, &photos));
        }
        dataset.samples.extend(photos.into_iter().map(|path| Sample { path, label: label as u32 }));
    }
    if dataset.samples.is_empty() {
        let known = EXTENSIONS.map(|e| format!(".{e}")).join(" ");
        return Err(DatasetError::NoPhotos { path: root.to_owned(), classes: entries.folders.len(), known });
    }
    if labels.is_none() {
        dataset.check_classes(root).map_err(|error| advise(error, &report))?;
    }
    report.empty_classes = dataset.empty_classes();
    Ok((dataset, report))
}

/// The sub-folders of a class folder that has all of its photos in such.
fn nested(folder: &Path, photos: &[PathBuf]) -> Option<Nested> {
    let below = |photo: &PathBuf| {
        let mut parts = photo.strip_prefix(folder).ok()?.components();
        let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
        parts.next().map(|_| first)
    };
    let inner: BTreeSet<String> = photos.iter().map(below).collect::<Option<_>>()?;
    (!inner.is_empty()).then(|| Nested { folder: folder.to_owned(), inner: inner.into_iter().collect() })
}

/// Says what folder may have been meant where there is one class only.
fn advise(error: DatasetError, report: &DatasetReport) -> DatasetError {
    match (error, report.nested.first()) {
        (DatasetError::TooFewClasses { path, only, .. }, Some(nested)) if nested.inner.len() > 1 => {
            let inner = first_few(nested.inner.iter().cloned());
            let hint = format!("; if {inner} are the classes, give {}", nested.folder.display());
            DatasetError::TooFewClasses { path, only, hint }
        }
        (error, _) => error,
    }
}

fn unknown_class(folder: &Path, name: &str, known: &[String]) -> DatasetError {
    DatasetError::UnknownClass {
        path: folder.to_owned(),
        name: name.to_owned(),
        suggestion: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
        known: first_few(known.iter().cloned()),
    }
}

struct Entries {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// What lies directly in a folder, hidden things left out, each kind in order of its names.
fn list(folder: &Path) -> Result<Entries, DatasetError> {
    let failed = |e| DatasetError::io(folder, e);
    let mut entries = Entries { folders: Vec::new(), files: Vec::new() };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if file_name(&path).starts_with('.') {
            continue;
        }
        // Follows links. One that leads nowhere counts as a file; the loader names it as unreadable.
        if fs::metadata(&path).is_ok_and(|m| m.is_dir()) {
            entries.folders.push(path);
        } else {
            entries.files.push(path);
        }
    }
    entries.folders.sort();
    entries.files.sort();
    Ok(entries)
}

/// Collects the photos of a class folder and of all folders below it.
///
/// `above` holds the real paths of the folders being read, so that a link to one of them is not
/// followed for ever.
fn collect(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    photos: &mut Vec<PathBuf>,
    other_files: &mut usize,
) -> Result<(), DatasetError> {
    let real = fs::canonicalize(folder).map_err(|e| DatasetError::io(folder, e))?;
    if above.contains(&real) {
        return Ok(());
    }
    let entries = list(folder)?;
    for file in entries.files {
        if is_photo(&file) {
            photos.push(file);
        } else {
            *other_files += 1;
        }
    }
    above.push(real);
    for folder in entries.folders {
        collect(&folder, above, photos, other_files)?;
    }
    above.pop();
    Ok(())
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
