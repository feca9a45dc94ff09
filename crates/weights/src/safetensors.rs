//! `.safetensors`, both ways.

use crate::tensor::{Budget, View, gather, strides};
use crate::{Element, ReadError, TensorFile};
use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::{BTreeMap, HashMap};

/// Reads a file, its tensors and its metadata.
///
/// # Errors
/// A header that is not right, tensors that overlap or leave gaps, a type that weights do not have.
pub fn read(bytes: &[u8]) -> Result<TensorFile, ReadError> {
    let damaged = |e: safetensors::SafeTensorError| ReadError::Damaged {
        format: "safetensors",
        reason: match e {
            safetensors::SafeTensorError::MetadataIncompleteBuffer => {
                "it is truncated, or has bytes that belong to no tensor".into()
            }
            safetensors::SafeTensorError::InvalidOffset(name) => {
                format!("the tensor `{name}` overlaps another one or leaves a gap")
            }
            other => other.to_string(),
        },
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut budget = Budget::of(bytes);
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let fail = |reason: String| ReadError::Tensor { name: name.clone(), reason };
        let element = match view.dtype() {
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            Dtype::I64 => Element::I64,
            Dtype::I32 => Element::I32,
            other => {
                return Err(fail(format!("has the type {other:?}: weights are F32, F16 or BF16")));
            }
        };
        let shape = view.shape().to_vec();
        let view_of = View { offset: 0, strides: strides(&shape, false), shape };
        tensors.insert(name.clone(), gather(element, view.data(), view_of, &mut budget).map_err(fail)?);
    }
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(TensorFile { format: "safetensors", tensors, metadata, dictionary: None, others: Vec::new() })
}

/// A tensor to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl Output {
    /// A tensor of 32-bit floats.
    pub fn floats(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self { name: name.into(), shape, dtype: Dtype::F32, bytes }
    }

    /// A tensor of 16-bit floats, rounded to nearest.
    ///
    /// # Errors
    /// [`ReadError::Tensor`] with a value that 16 bits cannot hold.
    pub fn halves(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Result<Self, ReadError> {
        let name = name.into();
        let bytes = half_bytes(&name, values)?;
        Ok(Self { name, shape, dtype: Dtype::F16, bytes })
    }

    /// A single 64-bit integer, as frameworks count batches.
    pub fn counter(name: impl Into<String>, value: i64) -> Self {
        let bytes = value.to_le_bytes().to_vec();
        Self { name: name.into(), shape: Vec::new(), dtype: Dtype::I64, bytes }
    }
}

/// Values as 16-bit floats, rounded to nearest, little-endian.
///
/// # Errors
/// [`ReadError::Tensor`] with a value of `name` that 16 bits cannot hold.
pub fn half_bytes(name: &str, values: &[f32]) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::with_capacity(values.len() * 2);
    for value in values {
        let half = f16::from_f32(*value);
        if half.is_infinite() && value.is_finite() {
            return Err(ReadError::Tensor {
                name: name.into(),
                reason: format!("has the value {value}, beyond what 16 bits hold (65504): write 32 bits"),
            });
        }
        bytes.extend_from_slice(&half.to_le_bytes());
    }
    Ok(bytes)
}

/// The bytes of a file with these tensors.
///
/// # Errors
/// [`ReadError::Damaged`] where a shape does not fit its values.
pub fn write(tensors: &[Output], metadata: HashMap<String, String>) -> Result<Vec<u8>, ReadError> {
    let fail = |e: safetensors::SafeTensorError| ReadError::Damaged {
        format: "safetensors",
        reason: format!("it cannot be written: {e}"),
    };
    let mut views = Vec::with_capacity(tensors.len());
    for t in tensors {
        views.push((t.name.as_str(), TensorView::new(t.dtype, t.shape.clone(), &t.bytes).map_err(fail)?));
    }
    let metadata = if metadata.is_empty() { None } else { Some(metadata) };
    safetensors::serialize(views, metadata).map_err(fail)
}
