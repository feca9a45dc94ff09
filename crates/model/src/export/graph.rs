//! The messages of an ONNX graph. Field numbers: `onnx/onnx.proto` of the ONNX project.

use photonet_weights::ReadError;
use photonet_weights::protobuf::Message;
use photonet_weights::safetensors::half_bytes;

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const FLOAT16: i64 = 10;

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, Vec<i64>),
    Float(&'a str, f32),
}

impl Attribute<'_> {
    fn message(&self) -> Message {
        // The last field is `AttributeProto.type`.
        match self {
            Self::Float(name, value) => Message::new().text(1, name).float(2, *value).int(20, 1),
            Self::Int(name, value) => Message::new().text(1, name).int(3, *value).int(20, 2),
            Self::Ints(name, values) => {
                Message::new().text(1, name).ints(8, values.iter().copied()).int(20, 7)
            }
        }
    }
}

/// A graph under construction.
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    half: bool,
}

impl Graph {
    /// An empty graph; with `half`, constants of more than one axis are stored in 16 bits.
    pub(super) fn new(half: bool) -> Self {
        Self { nodes: Vec::new(), constants: Vec::new(), half }
    }

    /// Adds a node with one output, which has the node's name.
    pub(super) fn node(
        &mut self,
        kind: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        let message = inputs.iter().fold(Message::new(), |m, input| m.text(1, input));
        let attributes: Vec<Message> = attributes.iter().map(Attribute::message).collect();
        self.nodes.push(message.text(2, name).text(3, name).text(4, kind).messages(5, &attributes));
        name.to_string()
    }

    /// Adds a constant. In 16 bits it is followed by a node that widens it: runtimes do that once, when they
    /// load the file, and compute in 32 bits.
    pub(super) fn constant(
        &mut self,
        name: &str,
        shape: &[usize],
        data: &[f32],
    ) -> Result<String, ReadError> {
        let halved = self.half && shape.len() > 1;
        let stored = if halved { format!("{name}.f16") } else { name.to_string() };
        let (kind, bytes) = if halved {
            (FLOAT16, half_bytes(name, data)?)
        } else {
            (FLOAT, data.iter().flat_map(|v| v.to_le_bytes()).collect())
        };
        let dims = Message::new().ints(1, shape.iter().map(|d| *d as i64));
        self.constants.push(dims.int(2, kind).text(8, &stored).bytes(9, &bytes));
        if halved {
            self.node("Cast", name, &[&stored], &[Attribute::Int("to", FLOAT)]);
        }
        Ok(name.to_string())
    }

    /// The finished `GraphProto` with one input and one output, both of a free batch and fixed further axes.
    pub(super) fn finish(self, name: &str, input: (&str, &[usize]), output: (&str, &[usize])) -> Message {
        Message::new()
            .messages(1, &self.nodes)
            .text(2, name)
            .messages(5, &self.constants)
            .message(11, &value(input))
            .message(12, &value(output))
    }
}

/// A `ValueInfoProto` of 32-bit floats.
fn value((name, axes): (&str, &[usize])) -> Message {
    let batch = Message::new().text(2, "batch");
    let fixed = axes.iter().map(|a| Message::new().int(1, *a as i64));
    let axes: Vec<Message> = std::iter::once(batch).chain(fixed).collect();
    let shape = Message::new().messages(1, &axes);
    let tensor = Message::new().int(1, FLOAT).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}
