//! Weights of PaddleClas, torchvision and timm into a Photonet model.
//!
//! [`import`] recognises the network from names and shapes, puts every tensor in its place, and reports
//! what it did. Differences between the families stay switches of the [`Architecture`]; no value is changed
//! on the way in, so an export gives back the same bits.

mod known;
mod labels;
mod recipe;
mod recognise;
mod report;

pub use known::Known;
pub use labels::imagenet_labels;
pub use report::{Change, ImportReport, LeftOut, Taken};

use crate::{
    Architecture, HostTensor, Model, ModelError, Naming, Origin, ParameterLayout, ParameterSpec,
    TrainingFacts, Weights, initialise,
};
use photonet_vision::Interpolation;
use photonet_weights::{ReadError, Tensor, TensorFile, Values};
use recognise::Recognised;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What cannot be told from a file, and how to treat what does not fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportOptions {
    /// The file's name, which often names the network.
    pub file_name: String,
    /// A published name, such as `tf_mobilenetv3_small_100`, instead of recognition.
    pub arch: Option<String>,
    /// Names of the classes.
    pub labels: Option<Vec<String>>,
    /// Side of the network's input in pixels.
    pub size: Option<u32>,
    /// Length of the short side before the crop.
    pub resize_short: Option<u32>,
    /// Interpolation of the resize.
    pub interpolation: Option<Interpolation>,
    /// Resize without antialiasing, as OpenCV does.
    pub no_antialias: bool,
    /// Mean of red, green and blue, on the scale of 0 to 1.
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of red, green and blue, on the scale of 0 to 1.
    pub std: Option<[f32; 3]>,
    /// Epsilon of batch normalisation.
    pub bn_epsilon: Option<f32>,
    /// TensorFlow's SAME padding (`true`) or symmetric padding.
    pub same_padding: Option<bool>,
    /// Import what fits and start the rest afresh.
    pub allow_partial: bool,
}

/// Why a file cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read from its disk.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The file's contents.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A network that cannot be.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// `--arch` names nothing that is known.
    #[error(
        "no network is called `{0}`: use a name such as MobileNetV3_small_x1_0 (PaddleClas), mobilenet_v3_large \
         (torchvision), mobilenetv3_small_050, tf_mobilenetv3_large_minimal_100 (timm)"
    )]
    UnknownName(String),
    /// The file holds another network.
    #[error(
        "its {count} tensors ({examples}, ...) are not those of a MobileNetV3 of PaddleClas, torchvision or timm.\
         {looks_like}"
    )]
    AnotherNetwork {
        /// How many tensors the file has.
        count: usize,
        /// The names of some.
        examples: String,
        /// A guess, as a sentence.
        looks_like: &'static str,
    },
    /// Nothing to import.
    #[error("it is a Photonet model already: use it as it is")]
    AlreadyPhotonet,
    /// A backbone without a classifier.
    #[error("it has no classifier: give the classes with --labels, and train it afterwards")]
    NoClassifier,
    /// Some tensors do not fit.
    #[error("not all tensors fit; --allow-partial imports those that do and starts the others afresh\n{0}")]
    Incomplete(Box<ImportReport>),
    /// Values that no network works with.
    #[error("the tensor `{name}` has {what}: the file is damaged, or its training diverged")]
    Values {
        /// Its name in the file.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Options that contradict each other or the file.
    #[error("{0}")]
    Options(String),
}

/// A model, and how it came from its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model, without a test vector yet: that takes a device.
    pub model: Model,
    /// What was taken from the file.
    pub report: ImportReport,
}

/// Makes a model of another project's weights.
///
/// # Errors
/// A file of another network, tensors that do not fit (unless `allow_partial`), values that are not finite,
/// or options that do not fit the file.
pub fn import(file: &TensorFile, options: &ImportOptions) -> Result<Imported, ImportError> {
    let Recognised { mut architecture, naming, notes } = recognise::recognise(file, options)?;
    if let Some(epsilon) = options.bn_epsilon {
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(ImportError::Options(format!("an epsilon must be positive, not {epsilon}")));
        }
        architecture.switches.bn_epsilon = epsilon;
    }
    if let Some(same) = options.same_padding {
        architecture.switches.same_padding = same;
    }
    let placed = place(file, &architecture, naming, notes);
    let Placed { mut weights, mut report, batches_tracked } = placed;
    if !report.is_complete() {
        if !options.allow_partial {
            return Err(ImportError::Incomplete(Box::new(report)));
        }
        fill(&architecture, &mut weights, &mut report);
    }
    let (labels, note) = labels::choose(architecture.classes, options.labels.as_deref())?;
    report.notes.extend(note);
    let origin =
        Origin { file: options.file_name.clone(), format: file.format.into(), naming, batches_tracked };
    let facts = TrainingFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        origin: Some(origin),
        ..TrainingFacts::default()
    };
    let recipe = recipe::recipe(&architecture, options)?;
    check_values(&architecture, naming, &weights)?;
    let model = Model { architecture, weights, labels, recipe, facts, test_vectors: Vec::new() };
    Ok(Imported { model, report })
}

struct Placed {
    weights: Weights,
    report: ImportReport,
    batches_tracked: BTreeMap<String, i64>,
}

/// Puts every tensor that fits in its place.
fn place(file: &TensorFile, architecture: &Architecture, naming: Naming, notes: Vec<String>) -> Placed {
    let mut weights = Weights::default();
    let mut report = ImportReport {
        network: architecture.to_string(),
        naming,
        dictionary: file.dictionary.clone(),
        taken: Vec::new(),
        missing: Vec::new(),
        misshapen: Vec::new(),
        unexpected: Vec::new(),
        counters: 0,
        others: file.others.clone(),
        notes,
    };
    let mut known = BTreeSet::new();
    let mut counters = BTreeMap::new();
    for (spec, name) in recognise::named(architecture, naming) {
        let expected = naming.shape(&spec);
        let left_out = |found| LeftOut { name: name.clone(), found, expected: Some(expected.clone()) };
        match file.tensors.get(&name) {
            None => report.missing.push(left_out(None)),
            Some(Tensor { shape, values: Values::Floats(values), .. }) if *shape == expected => {
                let (data, change) = arrange(naming, &spec, values);
                report.taken.push(Taken {
                    source: name.clone(),
                    source_shape: shape.clone(),
                    target: spec.name.clone(),
                    target_shape: spec.shape.clone(),
                    change,
                });
                weights.tensors.insert(spec.name.clone(), HostTensor { shape: spec.shape.clone(), data });
            }
            Some(tensor) => report.misshapen.push(left_out(Some(tensor.shape.clone()))),
        }
        if let Some(unit) = spec.name.strip_suffix(".bn.running_var") {
            counters.insert(name.replace("running_var", "num_batches_tracked"), unit.to_string());
        }
        known.insert(name);
    }
    let mut batches_tracked = BTreeMap::new();
    for (name, tensor) in file.tensors.iter().filter(|(name, _)| !known.contains(*name)) {
        match (counters.get(name), &tensor.values) {
            (Some(unit), Values::Integers(count)) if count.len() == 1 => {
                batches_tracked.insert(unit.clone(), count[0]);
            }
            // How many models an average is over.
            (None, Values::Integers(_)) if name == "n_averaged" => {}
            _ => report.unexpected.push(LeftOut {
                name: name.clone(),
                found: Some(tensor.shape.clone()),
                expected: None,
            }),
        }
    }
    report.counters = batches_tracked.len();
    Placed { weights, report, batches_tracked }
}

/// A file's values in the order of the model.
fn arrange(naming: Naming, spec: &ParameterSpec, values: &[f32]) -> (Vec<f32>, Change) {
    if naming.transposes(spec) {
        return (transpose(values, spec.shape[1], spec.shape[0]), Change::Transposed);
    }
    let change = if naming.shape(spec) == spec.shape { Change::Renamed } else { Change::Reshaped };
    (values.to_vec(), change)
}

/// `rows` x `columns` values with the axes exchanged.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

/// Starts afresh what the file does not have.
fn fill(architecture: &Architecture, weights: &mut Weights, report: &mut ImportReport) {
    for (name, tensor) in initialise(architecture, 0).tensors {
        weights.tensors.entry(name).or_insert(tensor);
    }
    let fresh = report.missing.len() + report.misshapen.len();
    report.notes.push(format!(
        "partial import as asked: {fresh} tensors start afresh, {} of the file are left out",
        report.misshapen.len() + report.unexpected.len()
    ));
}

/// Refuses values that would only show as nonsense in the results.
fn check_values(architecture: &Architecture, naming: Naming, weights: &Weights) -> Result<(), ImportError> {
    for spec in ParameterLayout::new(architecture).all() {
        let values = weights.get(&spec.name).map(|t| t.data.as_slice()).unwrap_or_default();
        let what = if values.iter().any(|v| !v.is_finite()) {
            "a value that is not finite"
        } else if spec.name.ends_with("running_var") && values.iter().any(|v| *v < 0.0) {
            "a negative variance"
        } else {
            continue;
        };
        let name = crate::external_name(architecture, naming, &spec.name).unwrap_or_default();
        return Err(ImportError::Values { name, what });
    }
    Ok(())
}
