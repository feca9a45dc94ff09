//! The folder that a run writes to: whose it is, and what a run leaves there.

use crate::TrainError;
use crate::checkpoint::{BEST, BEST_AVERAGE, FILES as CHECKPOINT_FILES, LATEST, STATE};
use crate::config::Config;
use crate::dataset::{DataSplit, Layout};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a run writes beside models and checkpoints.
const FILES: [&str; 6] =
    ["config.yaml", "train.log", "metrics.jsonl", "train_list.txt", "val_list.txt", "label_list.txt"];

/// Those of them that are written anew, and that a user may well have by the same names.
const REPLACED: [&str; 4] = ["config.yaml", "train_list.txt", "val_list.txt", "label_list.txt"];

/// A folder that a run may write to.
pub(super) struct Output {
    folder: PathBuf,
    /// Whether another run is to make way.
    replaces: bool,
    /// Whether the run is in there already, up to a checkpoint.
    continues: bool,
    /// What was there before the run; none where there was no folder.
    before: Option<Vec<OsString>>,
}

impl Output {
    /// Looks whether a run may write to `folder`. Nothing is changed yet.
    ///
    /// # Errors
    /// A folder that holds another run than that of the checkpoint `resume`, or files of a user's that the run would replace,
    /// unless it is to be overwritten; a file.
    pub fn claim(folder: &Path, resume: Option<&Path>, overwrite: bool) -> Result<Self, TrainError> {
        if let Some(file) = folder.ancestors().find(|path| path.exists()).filter(|path| path.is_file()) {
            return Err(TrainError::Request(format!(
                "there can be no output folder {}, as {} is a file: give another with --out",
                folder.display(),
                file.display()
            )));
        }
        let continues = resume.is_some_and(|checkpoint| is_in(checkpoint, folder));
        if continues && overwrite {
            return Err(TrainError::Request(format!(
                "--overwrite would remove the run in {} that is to go on: leave it out, or leave --resume out",
                folder.display()
            )));
        }
        let replaces = !continues && holds_run(folder);
        if replaces && !overwrite {
            let latest = folder.join(LATEST);
            let choice = match latest.join(STATE).is_file() {
                true => format!("go on with it by `--resume {}`, ", latest.display()),
                false => String::new(),
            };
            return Err(TrainError::Request(format!(
                "{} holds a run already: {choice}give another folder with --out, or remove that run with --overwrite",
                folder.display()
            )));
        }
        let others: Vec<&str> =
            REPLACED.into_iter().filter(|name| folder.join(name).symlink_metadata().is_ok()).collect();
        if !continues && !replaces && !overwrite && !others.is_empty() {
            return Err(TrainError::Request(format!(
                "{} holds no run, but {}, which a run would replace by its own: give another folder with --out, or let it do so \
                 with --overwrite",
                folder.display(),
                others.join(" and ")
            )));
        }
        Ok(Self { folder: folder.to_owned(), replaces, continues, before: names(folder) })
    }

    /// Refuses a new run in the folder of photos that it is trained on, or in one that would be read as a class with them.
    ///
    /// # Errors
    /// Such a folder.
    pub fn check_apart(&self, config: &Config, split: &DataSplit) -> Result<(), TrainError> {
        let (Some(root), None, false) =
            (&config.train.image_root, &config.train.cls_label_path, self.continues)
        else {
            return Ok(());
        };
        let refuse = |what: String| {
            let (folder, root) = (self.folder.display(), root.display());
            Err(TrainError::Request(format!(
                "the output folder {folder} {what}: give one outside of {root} with --out"
            )))
        };
        let (folder, place) = (real(&self.folder), real(root));
        if folder == place {
            return refuse(
                "is that of the photos, where the lists of a run would be taken for theirs".into(),
            );
        }
        let of_classes = match split.layout {
            Layout::Lists => Vec::new(),
            Layout::Classes => vec![place],
            Layout::TrainVal => ["train", "val"].map(|name| place.join(name)).to_vec(),
        };
        let within = of_classes.iter().find_map(|above| folder.strip_prefix(above).ok());
        let Some(mut parts) = within.map(Path::components) else { return Ok(()) };
        let name =
            parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        let in_class = parts.next().is_some() && split.train.labels.contains(&name);
        match in_class || name.starts_with('.') {
            true => Ok(()),
            false => refuse("lies among the class folders, where it would be taken for one".into()),
        }
    }

    /// Removes the run that is to make way.
    ///
    /// # Errors
    /// What cannot be removed.
    pub fn clear(&mut self) -> Result<(), TrainError> {
        if self.replaces {
            remove_run(&self.folder, &[]).map_err(|source| TrainError::Io {
                action: "remove the run in",
                path: self.folder.clone(),
                source,
            })?;
            self.before = names(&self.folder);
        }
        Ok(())
    }

    /// Takes back what a run has written that ended before its first step.
    pub fn leave_nothing(&self) {
        if self.continues {
            return;
        }
        // The error that ended the run is the one to report.
        let _ = remove_run(&self.folder, self.before.as_deref().unwrap_or_default());
        if self.before.is_none() {
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Whether a checkpoint lies directly in a folder, by whatever names.
fn is_in(checkpoint: &Path, folder: &Path) -> bool {
    let absolute = std::path::absolute(checkpoint).unwrap_or_else(|_| checkpoint.to_owned());
    let real = |path: &Path| fs::canonicalize(path).ok();
    absolute.parent().and_then(real).is_some_and(|parent| real(folder) == Some(parent))
}

/// A path that need not be there yet, without links as far as it is.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    let Some((above, found)) = found else { return path };
    path.strip_prefix(above).map_or(found.clone(), |rest| found.join(rest))
}

/// Other files of a run may be somebody else's in a folder without these.
fn holds_run(folder: &Path) -> bool {
    ["train.log", LATEST].iter().any(|name| folder.join(name).exists())
}

fn names(folder: &Path) -> Option<Vec<OsString>> {
    Some(fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name()).collect())
}

/// Removes what a run writes to a folder, but not what is in `kept`, and nothing else.
fn remove_run(folder: &Path, kept: &[OsString]) -> io::Result<()> {
    for name in names(folder).unwrap_or_default() {
        let Some(text) = name.to_str().filter(|_| !kept.contains(&name)) else { continue };
        if FILES.contains(&text.strip_suffix(".tmp").unwrap_or(text)) {
            unless_gone(fs::remove_file(folder.join(&name)))?;
        } else if is_checkpoint(text) {
            remove_checkpoint(&folder.join(&name))?;
        }
    }
    Ok(())
}

/// Whether a run gives this name to a folder for a model or a checkpoint, while it is written too.
fn is_checkpoint(name: &str) -> bool {
    let name = [".new", ".old"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let epoch = name.strip_prefix("epoch_");
    [BEST, BEST_AVERAGE, LATEST].contains(&name) || epoch.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Removes a checkpoint, and its folder unless somebody has put something else there.
fn remove_checkpoint(folder: &Path) -> io::Result<()> {
    for name in CHECKPOINT_FILES {
        unless_gone(fs::remove_file(folder.join(name)))?;
        unless_gone(fs::remove_file(folder.join(format!("{name}.tmp"))))?;
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => unless_gone(removed),
    }
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }

    fn found(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            match entry.path().is_dir() {
                true => found.extend(found_below(&entry.path(), &name)),
                false => found.push(name),
            }
        }
        found.sort();
        found
    }

    fn found_below(folder: &Path, name: &str) -> Vec<String> {
        found(folder).iter().map(|inner| format!("{name}/{inner}")).collect()
    }

    #[test]
    fn a_run_makes_way_by_request_alone_and_takes_nothing_of_others_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let others = ["best_model/waste.onnx", "epoch_one/state.json", "notes.txt"];
        write(folder, &others);
        let run = ["train.log", "config.yaml", "latest/state.json", "latest.new/model.safetensors.tmp"];
        write(folder, &run);
        write(folder, &["best_model/model.safetensors", "epoch_12/optimiser.safetensors"]);
        let refused = Output::claim(folder, None, false).err().unwrap().to_string();
        assert!(refused.contains("--resume") && refused.contains("--overwrite"), "{refused}");
        let elsewhere = folder.join("other/latest");
        assert!(Output::claim(folder, Some(&elsewhere), false).is_err());
        let own = folder.join("latest");
        assert!(Output::claim(folder, Some(&own), true).is_err());
        let mut going_on = Output::claim(folder, Some(&own), false).unwrap();
        going_on.clear().unwrap();
        going_on.leave_nothing();
        assert_eq!(found(folder).len(), 9);
        Output::claim(folder, None, true).unwrap().clear().unwrap();
        assert_eq!(found(folder), others);
        assert!(!folder.join("latest").exists() && !folder.join("epoch_12").exists());
    }

    #[test]
    fn what_was_there_before_a_run_that_came_to_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, &["train_list.txt", "photo.jpg"]);
        let refused = Output::claim(folder, None, false).err().unwrap().to_string();
        assert!(
            refused.contains("holds no run, but train_list.txt, which") && refused.contains("--out"),
            "{refused}"
        );
        let output = Output::claim(folder, None, true).unwrap();
        write(folder, &["train.log", "config.yaml"]);
        output.leave_nothing();
        assert_eq!(found(folder), ["photo.jpg", "train_list.txt"]);
        let refused = Output::claim(&folder.join("photo.jpg"), None, true).err().unwrap().to_string();
        assert!(refused.contains("photo.jpg is a file"), "{refused}");
        let new = folder.join("new");
        let output = Output::claim(&new, None, false).unwrap();
        write(&new, &["train.log"]);
        output.leave_nothing();
        assert!(!new.exists());
    }
}
