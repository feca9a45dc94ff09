//! PaddlePaddle's `.pdparams`: a pickled dictionary of numpy arrays.

use crate::pickle::{self, Global, Id, MAX_OTHERS, Pickle, Value};
use crate::tensor::{Budget, View, count, gather, strides};
use crate::{Element, ReadError, Tensor, TensorFile};
use std::collections::BTreeMap;

/// The entry in which `paddle.save` notes its own names of the parameters.
const NAMES: &str = "StructuredToParameterName@@";

/// Reads a `.pdparams` file.
pub(crate) fn read(bytes: &[u8]) -> Result<TensorFile, ReadError> {
    let pickle = pickle::run(bytes, 0)?;
    let pairs = pickle.dictionary(pickle.root).ok_or_else(|| {
        ReadError::NoTensors("its pickle is not a dictionary of arrays: save it with paddle.save".into())
    })?;
    let mut budget = Budget::of(bytes);
    let mut tensors = BTreeMap::new();
    let mut others = Vec::new();
    for (key, value) in pairs {
        let Some(name) = pickle.text(*key) else { continue };
        let Some(state) = array_state(&pickle, *value) else {
            if name != NAMES && others.len() < MAX_OTHERS {
                others.push(name.to_string());
            }
            continue;
        };
        let tensor = array(&pickle, state, &mut budget)
            .map_err(|reason| ReadError::Tensor { name: name.into(), reason })?;
        tensors.insert(name.to_string(), tensor);
    }
    if tensors.is_empty() {
        let listed = others.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        return Err(ReadError::NoTensors(format!(
            "its pickle holds no arrays{}{listed}",
            if listed.is_empty() { "" } else { ", but " }
        )));
    }
    Ok(TensorFile { format: "PaddlePaddle", tensors, metadata: BTreeMap::new(), dictionary: None, others })
}

/// The state of the call that stands for an array, which may be the second of a pair `(name, array)`.
fn array_state(pickle: &Pickle<'_>, id: Id) -> Option<Option<Id>> {
    match pickle.get(id) {
        Value::Call { callee: Global::Array, state, .. } => Some(*state),
        Value::Tuple(pair) => match pair.as_slice() {
            [_, array] => match pickle.get(*array) {
                Value::Call { callee: Global::Array, state, .. } => Some(*state),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// An array from its state: `(version, shape, type, column_major, contents)`.
fn array(pickle: &Pickle<'_>, state: Option<Id>, budget: &mut Budget) -> Result<Tensor, String> {
    let state = state.and_then(|s| pickle.sequence(s)).unwrap_or_default();
    let [_, shape, kind, order, contents] = state else {
        return Err("is missing its contents".into());
    };
    let shape = pickle.sizes(*shape).ok_or("has a shape that is not made of a few numbers")?;
    let element = element(pickle, *kind)?;
    let length = count(&shape)?.checked_mul(element.bytes());
    let data = pickle.data(*contents, length.unwrap_or(usize::MAX))?;
    let column_major = *pickle.get(*order) == Value::Bool(true);
    let view = View { offset: 0, strides: strides(&shape, column_major), shape };
    gather(element, &data, view, budget)
}

/// The type of an array: `numpy.dtype(code, ...)` with its byte order as the second of its state.
fn element(pickle: &Pickle<'_>, id: Id) -> Result<Element, String> {
    let Value::Call { callee: Global::ArrayType, arguments, state } = pickle.get(id) else {
        return Err("has no type".into());
    };
    let code = pickle.sequence(*arguments).and_then(|a| pickle.text(*a.first()?)).unwrap_or("?");
    let order = state.and_then(|s| pickle.text(*pickle.sequence(s)?.get(1)?)).unwrap_or("<");
    if order == ">" || code.starts_with('>') {
        return Err("is big-endian: save it on a little-endian machine".into());
    }
    match code.trim_start_matches(['<', '|', '=']) {
        "f4" => Ok(Element::F32),
        "f2" => Ok(Element::F16),
        // numpy has no bfloat16; Paddle saves its bits as 16-bit integers.
        "u2" => Ok(Element::BF16),
        "i8" => Ok(Element::I64),
        "i4" => Ok(Element::I32),
        other => Err(format!("has the type `{other}`, which weights do not have: convert it to f32")),
    }
}
