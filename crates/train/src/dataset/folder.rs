//! A plain folder per class.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, DatasetReport, Nested, Sample, first_few};
use crate::config::nearest;

/// Extensions of the formats that `photonet_vision` decodes.
const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// Extensions of photos that it does not decode.
const UNSUPPORTED: [&str; 3] = ["heic", "heif", "avif"];

/// Whether a file is a photo, by its extension, in any case.
pub fn is_photo(path: &Path) -> bool {
    ends_in(path, &EXTENSIONS)
}

/// What macOS leaves in the zip files that it makes: files beside the photos' names that are no photos.
const MACOS: &str = "__MACOSX";

/// Whether a file or folder is passed over without a word: what systems leave beside photos.
pub(crate) fn is_hidden(path: &Path) -> bool {
    let name = file_name(path);
    name.starts_with('.') || name == MACOS
}

/// Whether a name or a path has a line break, which no list of photos can hold.
fn breaks_lines(path: &Path) -> bool {
    path.to_string_lossy().contains(['\n', '\r'])
}

fn ends_in(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    extension.is_some_and(|e| extensions.contains(&e.as_str()))
}

impl DatasetReport {
    /// Notes a file below `root` that is left out.
    fn leave_out(&mut self, root: &Path, file: &Path) {
        let shown = below(root, file).to_owned();
        if ends_in(file, &UNSUPPORTED) {
            self.unsupported.push(shown);
        } else {
            self.other_files += 1;
            self.first_other.get_or_insert(shown);
        }
    }
}

fn below<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
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

    let mut report = DatasetReport::default();
    entries.files.iter().for_each(|file| report.leave_out(root, file));
    let mut dataset = Dataset { samples: Vec::new(), labels: labels.unwrap_or_default().to_vec() };
    for folder in entries.folders.iter().filter(|folder| !holds_run(folder)) {
        let mut photos = Vec::new();
        let mut leave_out = |file: &Path| report.leave_out(root, file);
        collect(folder, &mut Vec::new(), &mut photos, &mut leave_out)?;
        photos.sort();
        let broken = photos.extract_if(.., |photo| breaks_lines(below(root, photo)));
        report.line_breaks.extend(broken.map(|photo| below(root, &photo).to_owned()));
        if breaks_lines(Path::new(folder.file_name().unwrap_or_default())) {
            // A list of classes cannot hold it.
            continue;
        }
        let name = file_name(folder);
        let label = match labels {
            None => {
                dataset.labels.push(name);
                dataset.labels.len() - 1
            }
            Some(known) => match known.iter().position(|label| *label == name) {
                Some(label) => label,
                None if photos.is_empty() => {
                    report.unknown_folders.push(name);
                    continue;
                }
                None => return Err(unknown_class(folder, &name, known)),
            },
        };
        if labels.is_none() {
            report.nested.extend(nested(folder, &photos));
        }
        dataset.samples.extend(photos.into_iter().map(|path| Sample { path, label: label as u32 }));
    }
    if dataset.samples.is_empty() {
        let known = EXTENSIONS.map(|e| format!(".{e}")).join(" ");
        let (path, classes) = (root.to_owned(), entries.folders.len());
        let hint = report.unsupported().map(|text| format!("; {text}")).unwrap_or_default();
        return Err(DatasetError::NoPhotos { path, classes, known, hint });
    }
    if labels.is_none() {
        dataset.check_classes(root).map_err(|error| advise(error, &report))?;
    }
    report.empty_classes = dataset.empty_classes();
    Ok((dataset, report))
}

/// Whether a folder is one that a run wrote to, and no class: one without a photo.
fn holds_run(folder: &Path) -> bool {
    ["train.log", "config.yaml"].iter().all(|name| folder.join(name).is_file())
        && list(folder).is_ok_and(|entries| !entries.files.iter().any(|file| is_photo(file)))
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

/// Says what may have been meant where there is one class only, or what keeps others from having photos.
fn advise(error: DatasetError, report: &DatasetReport) -> DatasetError {
    let DatasetError::TooFewClasses { path, only, mut hint } = error else { return error };
    if let Some(nested) = report.nested.first().filter(|nested| nested.inner.len() > 1) {
        let inner = first_few(nested.inner.iter().cloned());
        hint += &format!("; if {inner} are the classes, give {}", nested.folder.display());
    }
    if let Some(text) = report.unsupported() {
        hint += &format!("; {text}");
    }
    DatasetError::TooFewClasses { path, only, hint }
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
        if is_hidden(&path) {
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
    leave_out: &mut impl FnMut(&Path),
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
            leave_out(&file);
        }
    }
    above.push(real);
    for folder in entries.folders {
        collect(&folder, above, photos, leave_out)?;
    }
    above.pop();
    Ok(())
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
