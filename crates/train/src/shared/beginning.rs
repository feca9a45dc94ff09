//! The network and the weights that a new run begins with.

use crate::TrainError;
use crate::config::Config;
use crate::dataset::count;
use crate::journal::Event;
use photonet_model::{Architecture, Family, Frozen, Layers, Model, Weights, initialise};

/// What a new run begins with.
pub struct Beginning {
    pub architecture: Architecture,
    pub weights: Weights,
    /// What the user should know of it.
    pub notes: Vec<Event>,
}

impl Beginning {
    /// Begins with the `given` model, or with fresh weights for the network that was [`asked_for`].
    ///
    /// # Errors
    /// Parts to freeze that are not there, or whose weights would be random.
    pub fn new(
        config: &Config,
        mut architecture: Architecture,
        labels: &[String],
        given: Option<Model>,
    ) -> Result<Self, TrainError> {
        let from_model = given.is_some();
        let mut notes = Vec::new();
        let weights = match given {
            Some(model) => start_from(model, &mut architecture, labels, config.global.seed, &mut notes),
            None => initialise(&architecture, config.global.seed),
        };
        check_frozen(config, &architecture, from_model)?;
        notes.extend(frozen_notes(config).into_iter().map(Event::note));
        Ok(Self { architecture, weights, notes })
    }
}

/// The network that a configuration names, for so many classes.
///
/// # Errors
/// A width or a number of classes that no network has.
pub fn asked_for(config: &Config, classes: usize) -> Result<Architecture, TrainError> {
    let mut architecture =
        Architecture::new(Family::Paddle, config.arch.variant, config.arch.width, classes)?;
    architecture.switches.dropout = config.arch.dropout as f32;
    Ok(architecture)
}

/// What is drawn at random must learn.
pub fn check_frozen(
    config: &Config,
    architecture: &Architecture,
    from_model: bool,
) -> Result<(), TrainError> {
    if !from_model && (config.arch.freeze_until != Frozen::Nothing || config.arch.freeze_bn) {
        return Err(TrainError::Request(
            "parts of a network that starts from random weights cannot be frozen: give a model to start from \
             with --from MODEL or Arch.pretrained=PATH"
                .into(),
        ));
    }
    check_frozen_place(config, architecture)
}

/// A part to freeze must be there.
pub fn check_frozen_place(config: &Config, architecture: &Architecture) -> Result<(), TrainError> {
    let frozen = config.arch.freeze_until;
    let blocks = Layers::new(architecture).blocks.len();
    if matches!(frozen, Frozen::Blocks(count) if count > blocks) {
        return Err(TrainError::Request(format!(
            "Arch.freeze_until is {frozen}, but {architecture} has {blocks} blocks: give a number up to {blocks}, \
             or `head` to train the classifier alone"
        )));
    }
    Ok(())
}

/// What does not learn, for the log.
pub fn frozen_notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    match config.arch.freeze_until {
        Frozen::Nothing => {}
        Frozen::Blocks(blocks) => {
            notes.push(format!("frozen: the stem and {}", count(blocks, "block", "blocks")));
        }
        Frozen::Backbone => notes.push("frozen: all but the classifier's two layers".into()),
    }
    if config.arch.freeze_bn {
        notes.push("batch normalisation keeps its running statistics".into());
    }
    notes
}

/// The model of another run as a start: its family and switches are kept, and its classifier too
/// where it tells the same classes apart.
fn start_from(
    model: Model,
    architecture: &mut Architecture,
    labels: &[String],
    seed: u64,
    notes: &mut Vec<Event>,
) -> Weights {
    let classes = architecture.classes;
    let dropout = architecture.switches.dropout;
    *architecture = Architecture { classes, ..model.architecture.clone() };
    architecture.switches.dropout = dropout;
    let mut weights = model.weights;
    if model.labels != labels {
        notes.push(Event::note(format!(
            "the model's classifier of {} classes is replaced by a new one of {classes}, as the photos' classes are others",
            model.architecture.classes
        )));
        let fresh = initialise(architecture, seed);
        for name in ["classifier.weight", "classifier.bias"] {
            if let Some(tensor) = fresh.get(name) {
                weights.tensors.insert(name.into(), tensor.clone());
            }
        }
    }
    weights
}

/// One name for each class of the network: those of the data set, then numbers up to `class_num`.
pub fn class_names(config: &Config, labels: &[String]) -> Result<Vec<String>, TrainError> {
    let classes = config.arch.class_num.map_or(labels.len(), |n| n as usize);
    if classes < labels.len() {
        return Err(TrainError::Request(format!(
            "Arch.class_num is {classes}, but the photos have {} classes: raise it or leave it out",
            labels.len()
        )));
    }
    let numbers = labels.len()..classes;
    Ok(labels.iter().cloned().chain(numbers.map(|n| n.to_string())).collect())
}
