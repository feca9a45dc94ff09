//! PyTorch's `.pth` and `.pt`, in the zip form of 1.6 and later, and in the form before.

use crate::pickle::{self, Global, Id, MAX_OTHERS, Pickle, Value};
use crate::tensor::{Budget, View, gather};
use crate::zip::Archive;
use crate::{Element, ReadError, ReadOptions, Tensor, TensorFile};
use std::collections::{BTreeMap, HashMap};

/// Where checkpoints keep their weights, best first: averaged weights are what is evaluated and published.
const DICTIONARIES: [&str; 4] = ["model_ema", "state_dict_ema", "state_dict", "model"];
/// What wrappers for several devices and for compiling put before every name.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
/// The number that the older form begins with (`torch.serialization.MAGIC_NUMBER`), little-endian.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const FORMAT: &str = "PyTorch";

fn damaged(reason: impl Into<String>) -> ReadError {
    ReadError::Damaged { format: FORMAT, reason: reason.into() }
}

/// Reads the zip form.
pub(crate) fn read_zip(bytes: &[u8], options: &ReadOptions) -> Result<TensorFile, ReadError> {
    let archive = Archive::open(bytes)?;
    let pickle_name = archive.names().find(|n| n.split('/').count() == 2 && n.ends_with("/data.pkl"));
    let Some(pickle_name) = pickle_name else {
        return Err(ReadError::Format("it is a zip archive, but not one that torch.save wrote".into()));
    };
    let folder = pickle_name.trim_end_matches("data.pkl");
    let entry = |name: &str| archive.get(&format!("{folder}{name}"));
    if entry("constants.pkl").is_some() {
        return Err(ReadError::Unsupported {
            what: "a TorchScript program".into(),
            remedy: "save the weights alone, with torch.save(model.state_dict(), FILE)".into(),
        });
    }
    if entry("byteorder").is_some_and(|order| order != b"little") {
        return Err(ReadError::Unsupported {
            what: "a file with big-endian numbers".into(),
            remedy: "save it again on a little-endian machine".into(),
        });
    }
    let pickle = pickle::run(entry("data.pkl").unwrap_or_default(), 0)?;
    let storage = |key: &str| archive.get(&format!("{folder}data/{key}"));
    collect("PyTorch (zip)", &pickle, &storage, Budget::of(bytes), options)
}

/// Whether a pickle is the first of PyTorch's older form.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    let Ok(first) = pickle::run(&bytes[..bytes.len().min(64)], 0) else { return false };
    matches!(first.get(first.root), Value::Long(range) if bytes[range.clone()] == LEGACY_MAGIC)
}

/// Reads the older form: pickles of a magic number, a version, facts of the machine, the checkpoint and the
/// keys of its storages; then each storage, its length before it.
pub(crate) fn read_legacy(bytes: &[u8], options: &ReadOptions) -> Result<TensorFile, ReadError> {
    let mut end = 0;
    for _ in 0..3 {
        end = pickle::run(bytes, end)?.end;
    }
    let pickle = pickle::run(bytes, end)?;
    let keys = pickle::run(bytes, pickle.end)?;
    // Storages follow without a table: to find the next, the size of each one's values must be known.
    let mut sizes = HashMap::new();
    for value in &pickle.values {
        if let Value::Persistent(id) = value
            && let Some((kind, key)) = storage_of(&pickle, *id)
        {
            sizes.insert(key, kind.map_or(0, Element::bytes));
        }
    }
    let order = keys.sequence(keys.root).ok_or_else(|| damaged("it has no list of storages"))?;
    let mut cursor = crate::cursor::Cursor::new(FORMAT, bytes, keys.end);
    let mut storages = HashMap::new();
    for key in order {
        let key = keys.text(*key).ok_or_else(|| damaged("the key of a storage is not text"))?;
        let size = sizes.get(key).copied().unwrap_or(0);
        if size == 0 {
            return Err(damaged(format!("the storage `{key}` is of a type that weights do not have")));
        }
        let count = cursor.u64("the length of a storage")?;
        let length = count.saturating_mul(size as u64);
        storages.insert(key, cursor.take(length, &format!("the storage `{key}`"))?);
    }
    let storage = |key: &str| storages.get(key).copied();
    collect("PyTorch (before 1.6)", &pickle, &storage, Budget::of(bytes), options)
}

/// The type and key of the storage that a persistent id names: `("storage", type, key, device, length)`.
fn storage_of<'a>(pickle: &Pickle<'a>, id: Id) -> Option<(Option<Element>, &'a str)> {
    let [word, kind, key, ..] = pickle.sequence(id)? else { return None };
    match pickle.get(*kind) {
        Value::Global(Global::Storage(element)) if pickle.text(*word) == Some("storage") => {
            Some((*element, pickle.text(*key)?))
        }
        _ => None,
    }
}

/// The arguments of the call that stands for a tensor, through the one that makes it a parameter.
fn tensor_arguments<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<&'p [Id]> {
    match pickle.get(id) {
        Value::Call { callee: Global::Tensor, arguments, .. } => pickle.sequence(*arguments),
        Value::Call { callee: Global::Parameter, arguments, .. } => {
            match pickle.get(*pickle.sequence(*arguments)?.first()?) {
                Value::Call { callee: Global::Tensor, arguments, .. } => pickle.sequence(*arguments),
                _ => None,
            }
        }
        _ => None,
    }
}

fn tensor<'a>(
    pickle: &Pickle<'_>,
    arguments: &[Id],
    storage: &impl Fn(&str) -> Option<&'a [u8]>,
    budget: &mut Budget,
) -> Result<Tensor, String> {
    let [source, offset, shape, strides, ..] = arguments else {
        return Err("is described in an unknown way".into());
    };
    let Value::Persistent(source) = pickle.get(*source) else {
        return Err("has no storage".into());
    };
    let (element, key) =
        storage_of(pickle, *source).ok_or("has a storage that is described in an unknown way")?;
    let element = element.ok_or("has a type that weights do not have: convert it to f32, f16 or bf16")?;
    let view = match (pickle.size(*offset), pickle.sizes(*shape), pickle.sizes(*strides)) {
        (Some(offset), Some(shape), Some(strides)) => View { offset, shape, strides },
        _ => return Err("has a shape that is not made of numbers".into()),
    };
    let data =
        storage(key).ok_or_else(|| format!("is in the storage `{key}`, which the file does not have"))?;
    gather(element, data, view, budget)
}

fn collect<'a>(
    format: &'static str,
    pickle: &Pickle<'_>,
    storage: &impl Fn(&str) -> Option<&'a [u8]>,
    mut budget: Budget,
    options: &ReadOptions,
) -> Result<TensorFile, ReadError> {
    let (dictionary, pairs, mut others) = choose(pickle, options)?;
    let mut tensors = BTreeMap::new();
    for (key, value) in pairs {
        let Some(name) = pickle.text(*key) else { continue };
        let Some(arguments) = tensor_arguments(pickle, *value) else {
            if others.len() < MAX_OTHERS {
                others.push(name.to_string());
            }
            continue;
        };
        let tensor = tensor(pickle, arguments, storage, &mut budget)
            .map_err(|reason| ReadError::Tensor { name: name.into(), reason })?;
        let bare = PREFIXES.iter().fold(name, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
        tensors.insert(bare.to_string(), tensor);
    }
    Ok(TensorFile { format, tensors, metadata: BTreeMap::new(), dictionary, others })
}

type Chosen<'p> = (Option<String>, &'p [(Id, Id)], Vec<String>);

/// Finds the dictionary of weights, and lists what lies beside it.
fn choose<'p>(pickle: &'p Pickle<'_>, options: &ReadOptions) -> Result<Chosen<'p>, ReadError> {
    let is_weights = |id: Id| {
        pickle.dictionary(id).is_some_and(|d| d.iter().any(|(_, v)| tensor_arguments(pickle, *v).is_some()))
    };
    let top = pickle.dictionary(pickle.root).ok_or_else(|| {
        ReadError::NoTensors("its pickle is not a dictionary: save model.state_dict()".into())
    })?;
    if is_weights(pickle.root) && options.dictionary.is_none() {
        return Ok((None, top, Vec::new()));
    }
    // Of equal keys the last counts, as in Python.
    let find = |name: &str| top.iter().rev().find(|(k, _)| pickle.text(*k) == Some(name));
    let names = || top.iter().filter_map(|(k, _)| pickle.text(*k));
    let wanted: Vec<&str> = match &options.dictionary {
        Some(name) => vec![name],
        None => DICTIONARIES.to_vec(),
    };
    let found = wanted.iter().find_map(|name| Some((*name, find(name)?.1)).filter(|(_, id)| is_weights(*id)));
    let (name, id) = found.ok_or_else(|| {
        let listed: Vec<&str> = names().take(8).collect();
        ReadError::NoTensors(format!(
            "there are no weights under {}: the file holds {}. Name another one with --dictionary",
            wanted.join(", "),
            if listed.is_empty() { "nothing that has a name".into() } else { listed.join(", ") }
        ))
    })?;
    let others = names().filter(|n| *n != name).take(MAX_OTHERS).map(String::from).collect();
    Ok((Some(name.into()), pickle.dictionary(id).unwrap_or_default(), others))
}
