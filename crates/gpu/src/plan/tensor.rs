//! Ranges of buffers that launches are recorded with.

use crate::Format;

/// A range of a buffer inside a plan: a whole transient tensor, or part of an imported buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub(super) id: usize,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) format: Format,
}

impl Tensor {
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How its numbers lie in memory.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The same range, as numbers in `format`.
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    pub(super) fn start(&self) -> u64 {
        self.offset
    }

    /// The smallest range that holds this one and `other`; `None` where they lie in different buffers.
    pub fn span(self, other: Self) -> Option<Self> {
        let offset = self.offset.min(other.offset);
        let end = (self.offset + self.bytes).max(other.offset + other.bytes);
        (self.id == other.id).then_some(Self { offset, bytes: end - offset, ..self })
    }

    /// Whether this range and `other` have bytes in common.
    pub(super) fn overlaps(&self, other: Self) -> bool {
        self.id == other.id
            && self.offset < other.offset + other.bytes
            && other.offset < self.offset + self.bytes
    }

    /// Bytes from the beginning of `whole`, a range of the same buffer, to this one.
    pub fn offset_in(&self, whole: Self) -> u64 {
        self.offset - whole.offset
    }

    /// The part of this tensor from `offset` (a multiple of 256) that is `bytes` long.
    pub fn slice(&self, offset: u64, bytes: u64) -> Self {
        Self { offset: self.offset + offset, bytes, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_buffer_span_one() {
        let whole = Tensor { id: 3, offset: 512, bytes: 4096, format: Format::Single };
        let (a, b) = (whole.slice(256, 100), whole.slice(1024, 64));
        for spanned in [a.span(b), b.span(a)] {
            let spanned = spanned.unwrap();
            assert_eq!((spanned.offset, spanned.bytes), (768, 832));
            assert_eq!((a.offset_in(spanned), b.offset_in(spanned)), (0, 768));
        }
        assert_eq!(a.span(Tensor { id: 4, ..b }), None);
    }
}
