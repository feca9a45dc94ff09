//! Twin of [`Normalise`].

use crate::Normalise;

/// `(byte * scale - mean) / std` of interleaved RGB bytes; the result has 3 channels.
pub fn forward(layer: &Normalise, bytes: &[u8]) -> Vec<f64> {
    assert_eq!(bytes.len(), layer.shape.rows() * 3);
    let value = |(at, &byte): (usize, &u8)| {
        let c = at % 3;
        (f64::from(byte) * f64::from(layer.scale) - f64::from(layer.mean[c])) / f64::from(layer.std[c])
    };
    bytes.iter().enumerate().map(value).collect()
}
