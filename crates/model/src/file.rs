//! Model files: one `.safetensors` with weights and, in its metadata, all that using them needs.

use crate::{Architecture, ModelError, Naming, ParameterLayout, Weights};
use photonet_vision::{Purpose, Random, Recipe, RngKey};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// How a model came to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// Epochs of training behind these weights.
    pub epochs: u32,
    /// Top-1 on the validation photos, 0 to 1, where it was measured.
    pub top1: Option<f64>,
    /// Photos trained on.
    pub train_images: usize,
    /// Photos evaluated on.
    pub val_images: usize,
    /// Seed.
    pub seed: u64,
    /// Version of Photonet.
    pub version: String,
    /// Where the weights were imported from, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The file of another project that weights were imported from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The file's name, without folders.
    pub file: String,
    /// Its format, such as `PyTorch (zip)`.
    pub format: String,
    /// Whose names its tensors have.
    pub naming: Naming,
    /// How many batches each normalisation has seen, by the name of its unit; PyTorch counts them, and an
    /// export gives the numbers back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub batches_tracked: BTreeMap<String, i64>,
}

/// An input that every machine can make, and the logits it must give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestVector {
    /// Seed of the noise image.
    pub seed: u64,
    /// Expected logits.
    pub logits: Vec<f32>,
}

impl TestVector {
    /// Seed of the noise image of a new test vector.
    pub const SEED: u64 = 1;

    /// The noise image: `bytes` bytes that every machine makes alike.
    pub fn input(&self, bytes: usize) -> Vec<u8> {
        let mut random = Random::new(RngKey { seed: self.seed, epoch: 0, sample: 0 }, Purpose::Test);
        (0..bytes).map(|_| (random.next_u32() >> 24) as u8).collect()
    }
}

/// A network with weights, labels and preprocessing.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Which network.
    pub architecture: Architecture,
    /// Its weights.
    pub weights: Weights,
    /// The classes' names.
    pub labels: Vec<String>,
    /// From photo to input.
    pub recipe: Recipe,
    /// How it was trained.
    pub facts: TrainingFacts,
    /// Inputs with known logits.
    pub test_vectors: Vec<TestVector>,
}

const FORMAT: &str = "photonet-1";

impl Model {
    /// The whole file as bytes.
    ///
    /// # Errors
    /// Weights that do not fit the architecture, or as many labels as there are not classes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        ParameterLayout::new(&self.architecture).check(&self.weights)?;
        if self.labels.len() != self.architecture.classes {
            return Err(ModelError::Architecture(format!(
                "{} labels for {} classes",
                self.labels.len(),
                self.architecture.classes
            )));
        }
        let metadata = BTreeMap::from([
            ("format".to_string(), FORMAT.to_string()),
            ("architecture".to_string(), json(&self.architecture)?),
            ("labels".to_string(), json(&self.labels)?),
            ("preprocessing".to_string(), json(&self.recipe)?),
            ("training".to_string(), json(&self.facts)?),
            ("test_vectors".to_string(), json(&self.test_vectors)?),
        ]);
        weights_to_bytes(&self.weights, metadata)
    }

    /// Reads a model from the bytes of a file called `path`.
    ///
    /// # Errors
    /// A file that is truncated, damaged or not a model, or weights that do not fit its architecture.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let format = |reason: String| ModelError::Format { path: path.to_path_buf(), reason };
        let (weights, metadata) = weights_from_bytes(bytes, path)?;
        let field = |name: &str| {
            metadata.get(name).map(String::as_str).ok_or_else(|| {
                format(format!("its metadata has no `{name}`: was it written by `photonet train`?"))
            })
        };
        if field("format")? != FORMAT {
            return Err(format(format!(
                "its format is `{}`, this version reads `{FORMAT}`",
                field("format")?
            )));
        }
        let bad = |name: &str, e: serde_json::Error| format(format!("its `{name}` is damaged: {e}"));
        let architecture: Architecture =
            serde_json::from_str(field("architecture")?).map_err(|e| bad("architecture", e))?;
        let model = Self {
            labels: serde_json::from_str(field("labels")?).map_err(|e| bad("labels", e))?,
            recipe: serde_json::from_str(field("preprocessing")?).map_err(|e| bad("preprocessing", e))?,
            facts: serde_json::from_str(field("training")?).map_err(|e| bad("training", e))?,
            test_vectors: serde_json::from_str(field("test_vectors")?).map_err(|e| bad("test_vectors", e))?,
            architecture,
            weights,
        };
        ParameterLayout::new(&model.architecture).check(&model.weights)?;
        if let Some(name) = model.weights.first_not_finite() {
            return Err(format(format!(
                "its weight `{name}` holds values that are not finite, so it is damaged: copy or train it anew"
            )));
        }
        if model.labels.len() != model.architecture.classes {
            return Err(format(format!(
                "it has {} labels for {} classes",
                model.labels.len(),
                model.architecture.classes
            )));
        }
        Ok(model)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], or a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(&read(path)?, path)
    }

    /// Writes a model file: to a temporary name, synced, then renamed.
    ///
    /// # Errors
    /// As [`Model::to_bytes`], or a file that cannot be written; what was there before stays.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        write_atomically(path, &self.to_bytes()?)
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, ModelError> {
    serde_json::to_string(value)
        .map_err(|e| ModelError::Architecture(format!("cannot describe the model: {e}")))
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Io { action: "read", path: path.to_path_buf(), source })
}

impl Weights {
    /// Reads named `f32` tensors from a `.safetensors` file.
    ///
    /// # Errors
    /// A file that cannot be read, is truncated, or holds other types.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Ok(weights_from_bytes(&read(path)?, path)?.0)
    }

    /// Writes the tensors as a `.safetensors` file, atomically.
    ///
    /// # Errors
    /// A file that cannot be written; what was there before stays.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        write_atomically(path, &weights_to_bytes(self, BTreeMap::new())?)
    }
}

fn weights_to_bytes(weights: &Weights, metadata: BTreeMap<String, String>) -> Result<Vec<u8>, ModelError> {
    let fail = |e: SafeTensorError| ModelError::Architecture(format!("cannot write the weights: {e}"));
    let mut views = Vec::with_capacity(weights.tensors.len());
    for (name, tensor) in &weights.tensors {
        let bytes = bytemuck::cast_slice(&tensor.data);
        views.push((name.as_str(), TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(fail)?));
    }
    let plain = safetensors::serialize(views, None).map_err(fail)?;
    if metadata.is_empty() { Ok(plain) } else { with_metadata(&plain, &metadata).map_err(fail) }
}

/// A safetensors file that has no metadata, with these: the crate writes them in the order of a hash map, which is
/// another one each time, and equal contents shall be equal bytes.
fn with_metadata(plain: &[u8], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    let (length, rest) = plain.split_first_chunk().ok_or(SafeTensorError::HeaderTooSmall)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| SafeTensorError::HeaderTooLarge)?;
    let (header, tensors) = rest.split_at_checked(length).ok_or(SafeTensorError::InvalidHeaderLength)?;
    // Without the brace that opens it, and without the blanks at its end.
    let of_tensors = header.get(1..).unwrap_or_default().trim_ascii_end();
    let mut header = format!("{{\"__metadata__\":{}", serde_json::to_string(metadata)?).into_bytes();
    if of_tensors != b"}" {
        header.push(b',');
    }
    header.extend_from_slice(of_tensors);
    // The tensors begin at a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), header.as_slice(), tensors].concat())
}

fn weights_from_bytes(bytes: &[u8], path: &Path) -> Result<(Weights, HashMap<String, String>), ModelError> {
    let format = |reason: String| ModelError::Format { path: path.to_path_buf(), reason };
    let damaged = |e: SafeTensorError| format(format!("truncated or not a safetensors file ({e})"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut weights = Weights::default();
    for (name, view) in tensors.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format(format!("{name} is {:?}, expected F32", view.dtype())));
        }
        // The file's bytes need not be aligned for f32.
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        weights.insert(name, view.shape().to_vec(), values.collect());
    }
    Ok((weights, header.metadata().clone().unwrap_or_default()))
}

/// Writes a file so that a crash or a full disk leaves either the old or the new one, never half.
///
/// # Errors
/// A folder or file that cannot be written; the temporary file is removed again.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let fail = |source: io::Error| ModelError::Io { action: "write", path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        // The first error is the one to report; a leftover temporary file would only confuse.
        let _ = fs::remove_file(&temporary);
        fail(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_are_equal_bytes_that_are_read_back() {
        let mut weights = Weights::default();
        for name in ["b", "a", "c"] {
            weights.insert(name, vec![2, 1], vec![1.0, -0.5]);
        }
        let entry = |n: usize| (format!("key {n}"), format!("\"{n}\" {}", "ü".repeat(n)));
        for entries in 0..12 {
            let metadata: BTreeMap<_, _> = (0..entries).map(entry).collect();
            let write = || weights_to_bytes(&weights, metadata.clone()).unwrap();
            let bytes = write();
            (0..4).for_each(|_| assert!(write() == bytes, "{entries} entries"));
            assert!(u64::from_le_bytes(*bytes.first_chunk().unwrap()).is_multiple_of(8));
            let (read, found) = weights_from_bytes(&bytes, Path::new("test")).unwrap();
            assert_eq!((read, found.into_iter().collect()), (weights.clone(), metadata));
        }
        let metadata: BTreeMap<_, _> = [entry(3)].into();
        let none = weights_to_bytes(&Weights::default(), metadata.clone()).unwrap();
        assert_eq!(
            weights_from_bytes(&none, Path::new("test")).unwrap().1.into_iter().collect::<BTreeMap<_, _>>(),
            metadata
        );
    }
}
