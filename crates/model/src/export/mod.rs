//! Models into files that others read: safetensors under another project's names, and ONNX.

mod convert;
mod graph;
mod onnx;

pub use onnx::{OnnxOptions, onnx};

use crate::import::transpose;
use crate::names::external_names;
use crate::{HostTensor, Model, ModelError, Naming, ParameterLayout};
use photonet_weights::ReadError;
use photonet_weights::safetensors::{Output, write};
use std::collections::HashMap;
use thiserror::Error;

/// Why a model cannot be exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A value that the file's type cannot hold.
    #[error(transparent)]
    Write(#[from] ReadError),
    /// The other project has no network that computes the same.
    #[error(
        "{from} is another network than {to}'s and cannot become a file for it without loss; ONNX takes it as it is, and a model that was \
         trained `--from` one of {to}'s can be given back ({})",
        reasons.join("; ")
    )]
    Lossy {
        /// The network.
        from: String,
        /// The family of networks that the file was asked for.
        to: String,
        /// In what they differ.
        reasons: Vec<String>,
    },
}

/// A `.safetensors` file with the names, shapes and layouts of another project.
///
/// Between torchvision and timm at width 1.0 this changes batch normalisation's scale by the ratio that
/// makes up for their epsilons; within a family every bit stays. `half` stores filters and matrices in 16
/// bits, and leaves vectors (biases and batch normalisation, a few percent of the file) in 32.
///
/// # Errors
/// [`ExportError::Lossy`] where the project has no network that computes the same, or values that 16 bits
/// cannot hold.
pub fn safetensors(model: &Model, naming: Naming, half: bool) -> Result<Vec<u8>, ExportError> {
    let (architecture, weights) = convert::convert(model, naming)?;
    let layout = ParameterLayout::new(&architecture);
    layout.check(&weights)?;
    let names = external_names(&architecture, naming, layout.all());
    let counts = model.facts.origin.as_ref().map(|o| &o.batches_tracked);
    let mut tensors = Vec::with_capacity(names.len());
    for (spec, name) in layout.all().zip(names) {
        let (Some(name), Some(tensor)) = (name, weights.get(&spec.name)) else { continue };
        if let (Some(unit), true) = (spec.name.strip_suffix(".bn.running_var"), naming != Naming::Paddle) {
            let count = counts.and_then(|c| c.get(unit)).copied().unwrap_or(0);
            tensors.push(Output::counter(name.replace("running_var", "num_batches_tracked"), count));
        }
        let data = if naming.transposes(spec) {
            transpose(&tensor.data, spec.shape[0], spec.shape[1])
        } else {
            tensor.data.clone()
        };
        let shape = naming.shape(spec);
        tensors.push(if half && shape.len() > 1 {
            Output::halves(name, shape, &data)?
        } else {
            Output::floats(name, shape, &data)
        });
    }
    // What the frameworks' own writers note.
    let metadata = if naming == Naming::Paddle { HashMap::new() } else { pt_metadata() };
    Ok(write(&tensors, metadata)?)
}

fn pt_metadata() -> HashMap<String, String> {
    HashMap::from([("format".into(), "pt".into())])
}

/// A tensor whose presence [`ParameterLayout::check`] has established.
fn tensor<'a>(weights: &'a crate::Weights, name: &str) -> &'a HostTensor {
    &weights.tensors[name]
}
