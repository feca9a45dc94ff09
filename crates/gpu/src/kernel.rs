//! A kernel as the shader registry describes it.

use std::borrow::Cow;

/// One expanded WGSL kernel with its reflected interface.
#[derive(Debug)]
pub struct Kernel {
    /// `layer/kernel`, or `layer/kernel@variant`.
    pub name: &'static str,
    /// Complete WGSL text; the entry point is `main`.
    pub source: Source,
    /// Workgroup size; 0 in x where it is the override `WORKGROUP`.
    pub workgroup_size: [u32; 3],
    /// Workgroup memory in bytes.
    pub shared_bytes: u32,
    /// Bindings of group 0 in order of their index.
    pub bindings: &'static [Binding],
    /// Pipeline-overridable constants.
    pub overrides: &'static [Override],
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
    /// Smallest size in bytes that may be bound.
    pub min_bytes: u32,
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
