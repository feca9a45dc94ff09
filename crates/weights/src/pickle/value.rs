//! What a pickle builds.

use super::{Global, MAX_NAME_BYTES};
use crate::tensor::MAX_AXES;
use std::borrow::Cow;
use std::ops::Range;

/// The number of a value in its arena.
pub(crate) type Id = u32;

/// One value. Text and bytes are places in the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian.
    Long(Range<usize>),
    Float,
    Text(Range<usize>),
    Bytes(Range<usize>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// In order; of equal keys the last counts.
    Dictionary(Vec<(Id, Id)>),
    Global(Global),
    /// What was to be called or constructed, and the state that was to be set on the result.
    Call {
        callee: Global,
        arguments: Id,
        state: Option<Id>,
    },
    /// A reference to something outside of the pickle: in PyTorch's files, a storage.
    Persistent(Id),
}

/// A pickle that has been run: its values, and which of them is the result.
pub(crate) struct Pickle<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) values: Vec<Value>,
    pub(crate) root: Id,
    /// Where the pickle ends in `bytes`.
    pub(crate) end: usize,
}

impl<'a> Pickle<'a> {
    pub(crate) fn get(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    /// The pairs of a dictionary.
    pub(crate) fn dictionary(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dictionary(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The members of a tuple or list.
    pub(crate) fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(members) | Value::List(members) => Some(members),
            _ => None,
        }
    }

    /// A name; Python 2 wrote them as bytes.
    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Text(range) | Value::Bytes(range) if range.len() <= MAX_NAME_BYTES => {
                std::str::from_utf8(&self.bytes[range.clone()]).ok()
            }
            _ => None,
        }
    }

    /// A number that counts something.
    pub(crate) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A tuple of a few numbers that count something.
    pub(crate) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        let members = self.sequence(id).filter(|m| m.len() <= MAX_AXES)?;
        members.iter().map(|i| self.size(*i)).collect()
    }

    /// `length` bytes as they are, or as protocol 2 writes them: as text to be encoded in Latin-1.
    pub(crate) fn data(&self, id: Id, length: usize) -> Result<Cow<'a, [u8]>, String> {
        let wrong = |found: usize| format!("has {found} bytes of contents, not {length}");
        match self.get(id) {
            Value::Bytes(range) if range.len() == length => Ok(Cow::Borrowed(&self.bytes[range.clone()])),
            Value::Bytes(range) => Err(wrong(range.len())),
            Value::Call { callee: Global::Encode, arguments, .. } => {
                let arguments = self.sequence(*arguments).unwrap_or_default();
                let codec = arguments.get(1).and_then(|c| self.text(*c));
                let (Some(text), Some("latin1" | "latin-1")) = (arguments.first(), codec) else {
                    return Err("has contents that are written in an unknown way".into());
                };
                let Value::Text(range) = self.get(*text) else {
                    return Err("has contents that are not text".into());
                };
                // Each character beyond ASCII takes two bytes. Checked first: a text that many arrays
                // share must not be decoded for each.
                if range.len() < length || range.len() / 2 > length {
                    return Err(wrong(range.len()));
                }
                let text = std::str::from_utf8(&self.bytes[range.clone()]).map_err(|e| e.to_string())?;
                let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
                let bytes = bytes.map_err(|_| "has contents with characters beyond Latin-1")?;
                if bytes.len() == length { Ok(Cow::Owned(bytes)) } else { Err(wrong(bytes.len())) }
            }
            _ => Err("has contents that are not bytes".into()),
        }
    }
}
