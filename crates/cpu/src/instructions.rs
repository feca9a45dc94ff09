//! Instruction sets.

use std::fmt;

/// An instruction set that the kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// Plain Rust, on every machine.
    Portable,
    /// x86-64 without more: vectors of 4.
    Sse2,
    /// x86-64 with AVX2 and FMA, looked for at run time: vectors of 8.
    Avx2,
    /// x86-64 with AVX-512, looked for at run time: vectors of 16. Of its parts VBMI2 is asked for too, which nothing here uses,
    /// but no processor has that slows its clock down for such vectors (Intel's before Ice Lake do).
    Avx512,
    /// 64-bit ARM: vectors of 4.
    Neon,
    /// WebAssembly built with `-C target-feature=+simd128`: vectors of 4.
    Simd128,
}

impl Instructions {
    /// All, the fastest last among those of one architecture.
    const ALL: [Self; 6] = [Self::Portable, Self::Sse2, Self::Avx2, Self::Avx512, Self::Neon, Self::Simd128];

    /// What this CPU and this build can run, slowest first; never empty.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|instructions| instructions.kernels().is_some())
    }

    /// The fastest that this CPU and this build can run.
    pub fn best() -> Self {
        Self::available().next_back().unwrap_or(Self::Portable)
    }

    /// The available ones for a message, such as `portable, sse2`.
    pub(crate) fn listed() -> String {
        Self::available().map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Sse2 => "sse2",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
            Self::Simd128 => "simd128",
        })
    }
}
