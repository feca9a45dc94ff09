//! A kernel as the shader registry describes it.

use crate::kernels::{VALUES, WEIGHTS};
use std::borrow::Cow;

/// One expanded WGSL kernel with its reflected interface.
#[derive(Debug)]
pub struct Kernel {
    /// `layer/kernel`, or `layer/kernel@variant`.
    pub name: &'static str,
    /// WGSL text, without comments; the entry point is `main`.
    pub source: Source,
    /// Whether activations and weights may lie in memory in half precision; their types are then put before the text.
    pub stored: bool,
    /// Workgroup size; 0 in x where it is the override `WORKGROUP`.
    pub workgroup_size: [u32; 3],
    /// Workgroup memory in bytes.
    pub shared_bytes: u32,
    /// Bindings of group 0 in order of their index.
    pub bindings: &'static [Binding],
    /// Pipeline-overridable constants.
    pub overrides: &'static [Override],
}

/// How numbers lie in memory. Kernels compute in single precision all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32 bits.
    #[default]
    Single,
    /// 16 bits: 11 of precision, nothing above 65,504.
    Half,
}

impl Format {
    /// Bytes of a number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// The formats of what a kernel reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Storage {
    /// Of activations.
    pub values: Format,
    /// Of weights.
    pub weights: Format,
}

/// How a device gets at numbers in half precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfType {
    /// By a type of its own (WebGPU's feature `shader-f16`).
    Native,
    /// In pairs packed into a `u32`, which every device can.
    Packed,
}

impl HalfType {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "native" => Some(Self::Native),
            "packed" => Some(Self::Packed),
            _ => None,
        }
    }
}

impl Kernel {
    /// The complete text for these formats.
    pub fn text(&self, storage: Storage, half: HalfType) -> Cow<'static, str> {
        if !self.stored {
            return self.source.text();
        }
        let number = |format| match (format, half) {
            (Format::Single, _) => 0,
            (Format::Half, HalfType::Native) => 1,
            (Format::Half, HalfType::Packed) => 2,
        };
        let (values, weights) = (number(storage.values), number(storage.weights));
        let enable = if values == 1 || weights == 1 { "enable f16;\n" } else { "" };
        format!("{enable}{}{}{}", VALUES[values], WEIGHTS[weights], self.source.text()).into()
    }
}

/// Where a kernel's text is.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Here.
    Text(&'static str),
    /// Here, in the deflate format: unrolled kernels are long and repeat themselves, and a page has to download
    /// them.
    Deflated(&'static [u8]),
}

impl Source {
    /// The text.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Deflated(bytes) => {
                let text = miniz_oxide::inflate::decompress_to_vec(bytes).ok();
                let text = text.and_then(|text| String::from_utf8(text).ok());
                Cow::Owned(text.expect("a kernel's text is what the build compressed"))
            }
        }
    }
}

/// One binding of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Name of the variable in WGSL; what callers bind by.
    pub name: &'static str,
    /// `@binding` number in group 0.
    pub index: u32,
    /// How the kernel uses it.
    pub access: Access,
    /// Whose format decides on its type.
    pub role: Role,
    /// Smallest size in bytes that may be bound, in single precision.
    pub min_bytes: u32,
}

/// Whose format decides on the type of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nobody's: it is always the same.
    Fixed,
    /// That of the activations.
    Values,
    /// That of the weights.
    Weights,
}

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Uniform buffer.
    Uniform,
    /// Read-only storage buffer.
    Read,
    /// Read-write storage buffer.
    ReadWrite,
}

/// One pipeline-overridable constant.
#[derive(Clone, Copy, Debug)]
pub struct Override {
    /// Name in WGSL.
    pub name: &'static str,
    /// Whether the pipeline may leave it out.
    pub has_default: bool,
}
