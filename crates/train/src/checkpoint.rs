//! What a run saves: folders with `model.safetensors`, and for resuming `optimiser.safetensors`,
//! `state.json` and, where the weights are averaged, `ema.safetensors`.
//!
//! A folder is written under another name and then put in place by renaming, so that a crash or a
//! full disk leaves a whole checkpoint: the old one or the new one.

use crate::TrainError;
use crate::config::OptimizerMethod;
use crate::shared::scores::Standing;
use photonet_model::{HostTensor, Model, Slots, Weights, write_atomically};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folder of the best model.
pub(crate) const BEST: &str = "best_model";

/// Folder of the best model whose weights are moving averages.
pub const BEST_AVERAGE: &str = "best_model_ema";

/// Folder of the newest checkpoint.
pub(crate) const LATEST: &str = "latest";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps done since the start of the run.
    pub step: u64,
    /// Steps in an epoch; with `step` it gives epoch and place in it.
    pub steps_per_epoch: u64,
    /// The best model so far.
    pub best: Option<Standing>,
    /// Evaluations since the best accuracy last rose.
    #[serde(default)]
    pub stale: u32,
    /// The best so far of the moving average of the weights.
    #[serde(default)]
    pub best_average: Option<Standing>,
    /// The seed of order, augmentation and dropout.
    pub seed: u64,
    /// Photos trained on; the order of an epoch depends on it.
    pub train_images: usize,
    /// Those of them that could not be read, by their places in the data set, as far as the steps have met them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<u32>,
    /// The run's whole configuration.
    pub config: String,
    /// The optimiser's name. Older checkpoints, which are of Momentum, have none.
    #[serde(default = "momentum")]
    pub optimiser: String,
    /// Batches of an update; in older checkpoints one.
    #[serde(default = "one")]
    pub update_freq: u32,
}

fn one() -> u32 {
    1
}

fn momentum() -> String {
    OptimizerMethod::ALL[0].name().into()
}

/// The slot whose tensors have the plain names of parameters; those of others have `SLOT/` before them.
const PLAIN: &str = "velocity";

/// A checkpoint that training can go on from.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Network, labels and preprocessing.
    pub model: Model,
    /// What the optimiser keeps for each parameter.
    pub slots: Slots,
    /// The model with the moving average of the weights, where there is one.
    pub average: Option<Model>,
    /// Where the run stands.
    pub state: State,
}

/// Name of the model in a checkpoint's folder.
pub const MODEL: &str = "model.safetensors";
pub(crate) const OPTIMISER: &str = "optimiser.safetensors";
const AVERAGE: &str = "ema.safetensors";
pub(crate) const STATE: &str = "state.json";

/// All files of a checkpoint.
pub(crate) const FILES: [&str; 4] = [MODEL, OPTIMISER, AVERAGE, STATE];

/// What to do about a damaged checkpoint.
pub(crate) const OTHER_CHECKPOINT: &str = "resume from another one, such as the newest whole OUT/epoch_N";

/// Saves a model alone, as `best_model/` does.
///
/// # Errors
/// A folder that cannot be written; the model that was there before stays.
pub fn save_model(folder: &Path, model: &Model) -> Result<(), TrainError> {
    Ok(model.save(&folder.join(MODEL))?)
}

impl Checkpoint {
    /// Saves the checkpoint as `folder`, replacing one that is there.
    ///
    /// # Errors
    /// A folder that cannot be written; the checkpoint that was there before stays.
    pub fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let fresh = beside(folder, "new");
        let old = beside(folder, "old");
        let io = |source: io::Error| TrainError::Io { action: "write", path: folder.to_path_buf(), source };
        let write = || -> Result<(), TrainError> {
            remove(&fresh).map_err(io)?;
            self.model.save(&fresh.join(MODEL))?;
            as_one(&self.slots).save(&fresh.join(OPTIMISER))?;
            if let Some(average) = &self.average {
                average.save(&fresh.join(AVERAGE))?;
            }
            let state = serde_json::to_string_pretty(&self.state).map_err(|e| io(e.into()))?;
            Ok(write_atomically(&fresh.join(STATE), state.as_bytes())?)
        };
        if let Err(error) = write() {
            // What was written so far is of no use; the error to report is the first one.
            let _ = remove(&fresh);
            return Err(error);
        }
        let swap = || -> io::Result<()> {
            remove(&old)?;
            if folder.exists() {
                fs::rename(folder, &old)?;
            }
            fs::rename(&fresh, folder)?;
            remove(&old)
        };
        swap().map_err(io)
    }

    /// Where the run in `folder` stands. A save that was cut off between its two renames is completed.
    ///
    /// # Errors
    /// A folder that is missing or is no checkpoint.
    pub fn load_state(folder: &Path) -> Result<State, TrainError> {
        let fail = |reason: String| TrainError::Checkpoint { path: folder.to_path_buf(), reason };
        if !folder.exists() && beside(folder, "new").join(STATE).is_file() {
            fs::rename(beside(folder, "new"), folder).map_err(|e| fail(e.to_string()))?;
        }
        if !folder.is_dir() {
            return Err(fail(
                "there is no such folder; give the folder of a checkpoint, such as OUT/latest or OUT/epoch_5"
                    .into(),
            ));
        }
        let newest = folder.join(LATEST);
        if !folder.join(STATE).exists() && newest.join(STATE).is_file() {
            return Err(fail(format!("it is the folder of a whole run: did you mean {}?", newest.display())));
        }
        let state = fs::read_to_string(folder.join(STATE)).map_err(|e| {
            fail(format!(
                "it has no readable {STATE} ({e}); `best_model` holds no optimiser, resume from `latest` or `epoch_N`"
            ))
        })?;
        serde_json::from_str(&state).map_err(|e| fail(format!("{STATE} is damaged: {e}; {OTHER_CHECKPOINT}")))
    }

    /// Reads the checkpoint in `folder`. A save that was cut off between its two renames is completed.
    ///
    /// # Errors
    /// A folder that is missing, is no checkpoint, or is damaged.
    pub fn load(folder: &Path) -> Result<Self, TrainError> {
        let state = Self::load_state(folder)?;
        let damaged = |reason: String| TrainError::Checkpoint {
            path: folder.to_path_buf(),
            reason: format!("{reason}; {OTHER_CHECKPOINT}"),
        };
        let model = Model::load(&folder.join(MODEL)).map_err(|e| damaged(e.to_string()))?;
        let slots = Weights::load(&folder.join(OPTIMISER)).map_err(|e| damaged(e.to_string()))?;
        let average = match folder.join(AVERAGE) {
            path if path.exists() => Some(Model::load(&path).map_err(|e| damaged(e.to_string()))?),
            _ => None,
        };
        Ok(Self { model, slots: apart(slots), average, state })
    }
}

/// All slots as the tensors of one file.
fn as_one(slots: &Slots) -> Weights {
    let mut all = Weights::default();
    for (slot, weights) in slots {
        let named = |(name, tensor): (&String, &_)| {
            let name = if slot == PLAIN { name.clone() } else { format!("{slot}/{name}") };
            (name, HostTensor::clone(tensor))
        };
        all.tensors.extend(weights.tensors.iter().map(named));
    }
    all
}

/// The slots of a file's tensors.
fn apart(all: Weights) -> Slots {
    let mut slots = Slots::new();
    for (name, tensor) in all.tensors {
        let (slot, name) = name.split_once('/').unwrap_or((PLAIN, &name));
        slots.entry(slot.into()).or_default().tensors.insert(name.into(), tensor);
    }
    slots
}

/// `latest` to `latest.new`.
fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(ending);
    folder.with_file_name(name)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
