//! Writing Protocol Buffers: the wire format of ONNX files.
//!
//! Three of its encodings are enough: variable-length integers, 32-bit floats and length-delimited bytes.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// A message under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    fn variable(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.variable(u64::from(field << 3 | wire));
    }

    /// Adds an integer or an enumeration's value.
    #[must_use]
    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, 0);
        // Negative numbers are written as their 64-bit two's complement.
        self.variable(value as u64);
        self
    }

    /// Adds a 32-bit float.
    #[must_use]
    pub fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.variable(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.bytes)
    }

    /// Adds a message for each of `values`, which makes a list.
    #[must_use]
    pub fn messages<'a>(self, field: u32, values: impl IntoIterator<Item = &'a Self>) -> Self {
        values.into_iter().fold(self, |message, value| message.message(field, value))
    }

    /// Adds a list of integers, unpacked.
    #[must_use]
    pub fn ints(self, field: u32, values: impl IntoIterator<Item = i64>) -> Self {
        values.into_iter().fold(self, |message, value| message.int(field, value))
    }

    /// The finished message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn bytes_are_those_of_the_documentation() {
        assert_eq!(Message::new().int(1, 150).finish(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").finish(), b"\x12\x07testing");
        let inner = Message::new().int(1, 150);
        assert_eq!(Message::new().message(3, &inner).finish(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().int(1, -1).finish().len(), 11);
        assert_eq!(Message::new().float(1, 1.0).finish(), [0x0d, 0, 0, 0x80, 0x3f]);
    }
}
