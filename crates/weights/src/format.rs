//! Which format a file has, and reading it.

use crate::{ReadError, Tensor, paddle, safetensors, torch};
use std::collections::BTreeMap;
use std::fmt;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.safetensors`.
    Safetensors,
    /// What `torch.save` writes since 1.6: a zip archive.
    TorchZip,
    /// A bare pickle: what `torch.save` wrote before, and what `paddle.save` writes.
    Pickle,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::TorchZip => "PyTorch zip",
            Self::Pickle => "pickle",
        })
    }
}

/// What a weight file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorFile {
    /// What wrote it, such as `PyTorch (zip)`.
    pub format: &'static str,
    /// Its tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Text beside the tensors (safetensors only).
    pub metadata: BTreeMap<String, String>,
    /// Which dictionary of a checkpoint the tensors are from, if not the whole file.
    pub dictionary: Option<String>,
    /// What else the file holds: entries that are not weights, and other dictionaries.
    pub others: Vec<String>,
}

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Which dictionary of a PyTorch checkpoint to take, instead of the first of `model_ema`,
    /// `state_dict_ema`, `state_dict` and `model`.
    pub dictionary: Option<String>,
}

/// Larger files are refused unread: the largest checkpoint of a MobileNetV3, with optimiser and average,
/// has a tenth of this.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// The format of a file of `length` bytes that begins with `start` (16 bytes, or the whole if it is shorter).
///
/// Call it before reading a file, so that what cannot be weights is never read whole.
///
/// # Errors
/// [`ReadError::Format`] with what the file looks like, [`ReadError::Limit`] for a file that is too large.
pub fn sniff(start: &[u8], length: u64) -> Result<Format, ReadError> {
    let unknown = |what: &str| Err(ReadError::Format(what.into()));
    let format = match start {
        [] => return unknown("it is empty"),
        [b'P', b'K', 3, 4, ..] => Format::TorchZip,
        [0x80, 0..=5, ..] => Format::Pickle,
        [b'P', b'K', ..] => return unknown("it is an empty or split zip archive"),
        [0x89, b'H', b'D', b'F', ..] => return unknown("it is an HDF5 file, such as Keras writes"),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => return unknown("it is a TensorFlow Lite model"),
        [b'{' | b'<' | b'#', ..] => return unknown("it is text"),
        _ => {
            let Some(header) = start.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)) else {
                return unknown("it is only a few bytes long");
            };
            if start[..8].iter().all(|b| *b == 0) {
                return unknown("it begins with zeros");
            }
            if start.get(8).is_none_or(|b| *b != b'{') {
                return unknown("its first bytes are of no known format");
            }
            if header > length - 8 {
                return Err(ReadError::Truncated {
                    format: "safetensors",
                    what: format!("the end of a header of {header} bytes"),
                    at: usize::try_from(header).unwrap_or(usize::MAX).saturating_add(8),
                    length: usize::try_from(length).unwrap_or(usize::MAX),
                });
            }
            Format::Safetensors
        }
    };
    if length > MAX_FILE_BYTES {
        return Err(ReadError::Limit(format!(
            "it has {} MiB; no MobileNetV3 weights come near {} MiB",
            length >> 20,
            MAX_FILE_BYTES >> 20
        )));
    }
    Ok(format)
}

/// Reads a weight file of any format.
///
/// # Errors
/// What is wrong with the file; see [`ReadError`].
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<TensorFile, ReadError> {
    let start = &bytes[..bytes.len().min(16)];
    match sniff(start, bytes.len() as u64)? {
        Format::Safetensors => safetensors::read(bytes),
        Format::TorchZip => torch::read_zip(bytes, options),
        Format::Pickle if torch::is_legacy(bytes) => torch::read_legacy(bytes, options),
        Format::Pickle => paddle::read(bytes),
    }
}
