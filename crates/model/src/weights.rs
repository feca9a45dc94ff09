//! Weights on the host, by name, in the usual OIHW layout.

use std::collections::BTreeMap;

/// A tensor on the host, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub data: Vec<f32>,
}

/// All tensors of a network: parameters and running statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// By name, such as `blocks.3.expand.conv.weight`.
    pub tensors: BTreeMap<String, HostTensor>,
}

impl Weights {
    /// The values of one tensor.
    pub fn get(&self, name: &str) -> Option<&HostTensor> {
        self.tensors.get(name)
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, shape: Vec<usize>, data: Vec<f32>) {
        self.tensors.insert(name.into(), HostTensor { shape, data });
    }

    /// The first tensor with a value that is not finite.
    pub fn first_not_finite(&self) -> Option<&str> {
        self.tensors.iter().find(|(_, t)| t.data.iter().any(|v| !v.is_finite())).map(|(n, _)| n.as_str())
    }
}
