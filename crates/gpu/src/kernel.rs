//! A kernel as the shader registry describes it.

use crate::kernels::{COMMON, GRADIENTS, MATRICES, VALUES, WEIGHTS};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use std::borrow::Cow;
use std::sync::OnceLock;

/// One expanded WGSL kernel with its reflected interface.
#[derive(Debug)]
pub struct Kernel {
    /// `layer/kernel`, or `layer/kernel@variant`.
    pub name: &'static str,
    /// WGSL text, without comments; the entry point is `main`.
    pub source: Source,
    /// Whether activations, weights and gradients may lie in memory in other formats; their types are then put before the
    /// text.
    pub stored: bool,
    /// Whether it runs on a device's matrix units, whose types are then put before the text; on devices that have none it does not run.
    pub matrix: bool,
    /// Whether subgroups of it exchange values; it runs on devices alone that are said to have [`SUBGROUP`] invocations in each.
    pub subgroups: bool,
    /// Workgroup size; 0 in x where it is the override `WORKGROUP`.
    pub workgroup_size: [u32; 3],
    /// Workgroup memory in bytes.
    pub shared_bytes: u32,
    /// Bindings of group 0 in order of their index.
    pub bindings: &'static [Binding],
    /// Pipeline-overridable constants.
    pub overrides: &'static [Override],
}

/// Invocations of a subgroup where kernels let them exchange values; `LANES` in `shaders/shared/subgroup.wgsl`.
pub const SUBGROUP: u32 = 8;

/// How numbers lie in memory. Kernels compute in single precision all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32 bits.
    #[default]
    Single,
    /// 16 bits: 11 of precision, nothing above 65,504.
    Half,
    /// The upper 16 bits of a single (bfloat16): 8 of precision, and all of its range. Packed into words on every device.
    Brain,
}

impl Format {
    /// Bytes of a number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Single => 4,
            Self::Half | Self::Brain => 2,
        }
    }

    /// A short name.
    #[cfg(recordable)]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Half => "f16",
            Self::Brain => "bf16",
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
    /// Of the gradients of activations.
    pub gradients: Format,
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
    /// `native` or `packed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Packed => "packed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Native, Self::Packed].into_iter().find(|half| half.name().eq_ignore_ascii_case(name))
    }
}

/// Units that multiply square matrices of 16 bits, adding up in 32; those of this size belong to subgroups of `edge * edge / 8` invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatrixUnits {
    /// Rows, and columns, of a matrix: 8 or 16.
    pub edge: u32,
    /// Bytes of workgroup memory that a kernel for them may take.
    pub workgroup_bytes: u32,
    /// Invocations that its workgroups may have.
    pub invocations: u32,
    /// Whether the device has subgroups of other sizes as well, so that pipelines have to ask for these: AMD's, from RDNA 3 on.
    pub one_of_several: bool,
}

impl MatrixUnits {
    /// Edges of those that kernels can have.
    pub fn edges() -> impl Iterator<Item = u32> {
        MATRICES.iter().map(|&(edge, _)| edge)
    }

    /// Whether `kernel`, which is for such units, can run on these.
    pub fn fit(self, kernel: &Kernel) -> bool {
        kernel.shared_bytes <= self.workgroup_bytes && kernel.workgroup_size[0] <= self.invocations
    }

    /// Invocations of a subgroup, which have 8 numbers of a sum each.
    pub fn lanes(self) -> u32 {
        self.edge * self.edge / 8
    }

    fn types(self) -> &'static str {
        MATRICES.iter().find(|(edge, _)| *edge == self.edge).map_or("", |(_, types)| types)
    }
}

impl Kernel {
    /// The complete text for these formats, and for these matrix units where it needs some.
    pub fn text(&self, storage: Storage, half: HalfType, units: Option<MatrixUnits>) -> Cow<'static, str> {
        if !self.stored {
            return self.source.text();
        }
        // A page has none, and need not carry their types.
        let units = units.filter(|_| self.matrix && cfg!(not(target_arch = "wasm32")));
        let number = |format| match (format, half) {
            (Format::Single, _) => 0,
            (Format::Half, HalfType::Native) => 1,
            (Format::Half, HalfType::Packed) => 2,
            (Format::Brain, _) => 3,
        };
        let (values, weights) = (number(storage.values), number(storage.weights));
        let gradients = usize::from(storage.gradients != Format::Single);
        let enable = match units {
            Some(_) => "enable f16;\nenable wgpu_cooperative_matrix;\n",
            None if values == 1 || weights == 1 => "enable f16;\n",
            None => "",
        };
        let matrices = units.map_or("", MatrixUnits::types);
        // A plan with weights in bfloat16 was refused, see `interface`.
        let weights = WEIGHTS[weights.min(2)];
        let (values, gradients) = (VALUES[values], GRADIENTS[gradients]);
        format!("{enable}{values}{weights}{gradients}{matrices}{}", self.source.text()).into()
    }

    /// Its texts in all formats that plans take, each with what to call it by beside the kernel's name, for other compilers. Those for matrix
    /// units are not among them: their types are wgpu's own.
    pub fn texts(&self) -> Vec<(String, Cow<'static, str>)> {
        if self.matrix {
            return Vec::new();
        }
        let of =
            |values, weights, gradients, half| self.text(Storage { values, weights, gradients }, half, None);
        let (single, half, brain) = (Format::Single, Format::Half, Format::Brain);
        let mut all = vec![(String::new(), of(single, single, single, HalfType::Packed))];
        if self.stored {
            for kind in [HalfType::Native, HalfType::Packed] {
                let name = if kind == HalfType::Native { ".half" } else { ".packed" };
                all.push((name.into(), of(half, half, single, kind)));
                all.push((format!("{name}_weights"), of(single, half, single, kind)));
                all.push((format!("{name}_training"), of(half, single, brain, kind)));
            }
            all.push((".brain".into(), of(brain, single, brain, HalfType::Packed)));
        }
        all
    }
}

/// Where a kernel's text is.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Here.
    Text(&'static str),
    /// Here, in the deflate format: unrolled kernels are long and repeat themselves and one another, and a page has to download them.
    Deflated {
        /// What is to be read behind the texts that all kernels have something of.
        bytes: &'static [u8],
        /// Of the text.
        length: usize,
    },
}

impl Source {
    /// The text.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Deflated { bytes, length } => {
                static KNOWN: OnceLock<Vec<u8>> = OnceLock::new();
                let known = KNOWN.get_or_init(|| inflate(&[], COMMON.0, COMMON.1).unwrap_or_default());
                let text = inflate(known, bytes, *length).and_then(|text| String::from_utf8(text).ok());
                Cow::Owned(text.expect("a kernel's text is what the build compressed"))
            }
        }
    }
}

/// The `length` bytes that deflated ones are behind `known`.
fn inflate(known: &[u8], bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut all = known.to_vec();
    all.resize(known.len() + length, 0);
    let mut state = Box::<DecompressorOxide>::default();
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, written) = decompress(&mut state, bytes, &mut all, known.len(), flags);
    (status == TINFLStatus::Done && written == length).then(|| all.split_off(known.len()))
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
    /// That of the gradients.
    Gradients,
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
