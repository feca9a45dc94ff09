//! Numbers from names: `tests/golden/README.md` states the formulas.

// Each test binary uses a part of this module.
#![allow(dead_code, reason = "shared between test binaries, each of which uses a part")]

use photonet_model::{Architecture, Naming, ParameterLayout, external_name};
use photonet_weights::{Element, Tensor, TensorFile, Values};
use std::collections::BTreeMap;

pub fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

pub fn z(name_hash: u64, index: usize) -> u64 {
    let mut z = name_hash.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn uniform(name_hash: u64, index: usize) -> f64 {
    (z(name_hash, index) >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0
}

/// The bytes of `count` pixels' channels.
pub fn pixels(prefix: &str, count: usize) -> Vec<u8> {
    let h = hash(&format!("{prefix}/input"));
    (0..count).map(|i| (z(h, i) >> 56) as u8).collect()
}

/// The values of a tensor under another project's name and in its shape.
pub fn tensor(prefix: &str, naming: Naming, name: &str, shape: &[usize]) -> Tensor {
    let h = hash(&format!("{prefix}/{name}"));
    let bound = |numerator: f64, fan_in: usize| (numerator / fan_in as f64).sqrt();
    let (offset, scale) = match shape {
        [_, inputs, rows, columns] => (0.0, bound(6.0, inputs * rows * columns)),
        [first, second] => (0.0, bound(3.0, if naming == Naming::Paddle { *first } else { *second })),
        _ if name.ends_with("mean") => (0.0, 0.1),
        _ if name.ends_with("var") || name.ends_with("variance") => (1.0, 0.2),
        _ if name.ends_with("bias") => (0.5, 0.1),
        _ => (0.8, 0.2),
    };
    let count = shape.iter().product();
    let values = (0..count).map(|i| (offset + scale * uniform(h, i)) as f32).collect();
    Tensor { shape: shape.to_vec(), element: Element::F32, values: Values::Floats(values) }
}

/// A file of another project's weights, such as its own tools would write.
pub fn file(prefix: &str, architecture: &Architecture, naming: Naming) -> TensorFile {
    let mut tensors = BTreeMap::new();
    for spec in ParameterLayout::new(architecture).all() {
        let name = external_name(architecture, naming, &spec.name).unwrap();
        let tensor = tensor(prefix, naming, &name, &naming.shape(spec));
        tensors.insert(name, tensor);
    }
    TensorFile { format: "test", tensors, metadata: BTreeMap::new(), dictionary: None, others: Vec::new() }
}
