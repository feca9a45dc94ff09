//! Little-endian numbers and ranges out of bytes, never beyond their end.

use crate::ReadError;
use std::ops::Range;

/// A place in the bytes of a file.
pub(crate) struct Cursor<'a> {
    format: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(format: &'static str, bytes: &'a [u8], at: usize) -> Self {
        Self { format, bytes, at }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bytes as a place in the file.
    pub(crate) fn range(&mut self, count: u64, what: &str) -> Result<Range<usize>, ReadError> {
        let end = usize::try_from(count).ok().and_then(|n| self.at.checked_add(n));
        match end {
            Some(end) if end <= self.bytes.len() => {
                let start = std::mem::replace(&mut self.at, end);
                Ok(start..end)
            }
            _ => Err(ReadError::Truncated {
                format: self.format,
                what: what.into(),
                at: self.at,
                length: self.bytes.len(),
            }),
        }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: u64, what: &str) -> Result<&'a [u8], ReadError> {
        let range = self.range(count, what)?;
        Ok(&self.bytes[range])
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, ReadError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, ReadError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// What stands before the next line feed, which is consumed too.
    pub(crate) fn line(&mut self, what: &str) -> Result<&'a [u8], ReadError> {
        let length = self.bytes[self.at..].iter().position(|b| *b == b'\n');
        let length = length.unwrap_or(self.bytes.len() - self.at);
        let line = self.take(length as u64, what)?;
        self.u8(what)?;
        Ok(line)
    }
}
