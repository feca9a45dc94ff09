//! Models that the user names: where they lie, and what a file is that is none.

use crate::TrainError;
use crate::checkpoint::{BEST, LATEST, MODEL, OPTIMISER};
use crate::dataset::is_photo;
use photonet_model::{Model, ModelError};
use photonet_weights::{Format, sniff};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How the format of Photonet's own files begins.
const OWN: &str = "photonet-";

/// No header of a model file is longer, in bytes.
const MAX_HEADER: u64 = 16 << 20;

/// A model's file from what users give: the file, its folder, or the name without suffix, as in PaddleClas.
///
/// # Errors
/// A folder without a model, such as that of a whole run; an address in a network.
pub fn find_model(path: &Path) -> Result<PathBuf, TrainError> {
    let text = path.to_string_lossy();
    if ["http://", "https://"].iter().any(|start| text.starts_with(start)) {
        return Err(TrainError::Request(format!(
            "{text} is an address, and nothing is downloaded here: download the file, and make a model of it by `photonet \
             import FILE --out MODEL.safetensors`"
        )));
    }
    if path.is_dir() {
        let file = path.join(MODEL);
        if file.is_file() {
            return Ok(file);
        }
        let inner = [BEST, LATEST].map(|name| path.join(name));
        let advice = match inner.iter().find(|folder| folder.join(MODEL).is_file()) {
            Some(folder) => format!("did you mean {}?", folder.display()),
            None => "give a model file, or a folder with one, such as OUT/best_model".into(),
        };
        return Err(TrainError::Request(format!("{} holds no {MODEL}: {advice}", path.display())));
    }
    if !path.exists() {
        // Weights of PaddleClas are told what they are when they are read.
        let with_suffix = [".safetensors", ".pdparams"].map(|suffix| {
            let mut name = path.as_os_str().to_os_string();
            name.push(suffix);
            PathBuf::from(name)
        });
        if let Some(file) = with_suffix.into_iter().find(|file| file.exists()) {
            return Ok(file);
        }
    }
    Ok(path.to_path_buf())
}

/// Reads the model that `path` names by [`find_model`].
///
/// # Errors
/// As [`find_model`] and [`Model::load`]; a photo, an ONNX file and other projects' weights are called what they are.
pub fn load_model(path: &Path) -> Result<Model, TrainError> {
    let file = find_model(path)?;
    Model::load(&file).map_err(|error| match &error {
        ModelError::Format { .. } => other_file(&file).map_or(error.into(), TrainError::Request),
        _ => error.into(),
    })
}

/// What a file is that is no model, and what to do with it; none where that is not known.
fn other_file(path: &Path) -> Option<String> {
    let shown = path.display();
    if is_photo(path) {
        return Some(format!("{shown} is a photo, not a model: give a model file, or a folder with one"));
    }
    if path.file_name().is_some_and(|name| name == OPTIMISER) {
        return Some(format!(
            "{shown} is what a checkpoint keeps of the optimiser, not a model: give {}",
            path.with_file_name(MODEL).display()
        ));
    }
    let (start, length) = start(path).ok()?;
    // Protobuf: a version of the format in one byte, then a text.
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) || matches!(start[..], [8, _, 18, ..])
    {
        return Some(format!(
            "{shown} is an ONNX file, which is written but not read: give the model that it was made of, or import \
             weights of PaddleClas, torchvision or timm"
        ));
    }
    let foreign = match sniff(&start, length).ok()? {
        Format::Safetensors => !is_own(path).ok()?,
        _ => true,
    };
    foreign.then(|| {
        format!(
            "{shown}: these are another program's weights: run `photonet import {shown} --out MODEL.safetensors` first"
        )
    })
}

/// The first bytes of a file, and its length.
fn start(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut start = Vec::new();
    file.take(16).read_to_end(&mut start)?;
    Ok((start, length))
}

/// Whether the header of a safetensors file says that it is Photonet's.
fn is_own(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length).min(MAX_HEADER)).read_to_end(&mut header)?;
    let header: serde_json::Value = serde_json::from_slice(&header)?;
    Ok(header["__metadata__"]["format"].as_str().is_some_and(|format| format.starts_with(OWN)))
}
