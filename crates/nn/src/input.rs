//! From photo bytes to the network's input.

use crate::Shape;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Normalises 8-bit RGB: `(byte * scale - mean) / std` for each channel, the fourth channel zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalise {
    /// Shape of the output; 3 channels.
    pub shape: Shape,
    /// Factor on bytes, usually 1/255.
    pub scale: f32,
    /// Mean of each channel after scaling.
    pub mean: [f32; 3],
    /// Standard deviation of each channel after scaling.
    pub std: [f32; 3],
}

/// Pixels of an invocation.
const PIXELS: u64 = 4;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    scale: [f32; 4],
    shift: [f32; 4],
    pixels: u32,
    unused: [u32; 3],
}

impl Normalise {
    /// Bytes of the input: three a pixel, rounded up to whole words.
    pub fn input_bytes(&self) -> u64 {
        (self.shape.rows() as u64 * 3).next_multiple_of(4)
    }

    /// The factor and the addend of each channel.
    pub(crate) fn affine(&self) -> ([f32; 4], [f32; 4]) {
        let mut scale = [0.0; 4];
        let mut shift = [0.0; 4];
        for c in 0..3 {
            scale[c] = (f64::from(self.scale) / f64::from(self.std[c])) as f32;
            shift[c] = (-f64::from(self.mean[c]) / f64::from(self.std[c])) as f32;
        }
        (scale, shift)
    }

    /// Appends the normalisation of `input`, bytes packed into words.
    pub fn forward(&self, plan: &mut PlanBuilder, label: &str, input: Tensor, output: Tensor) {
        let (scale, shift) = self.affine();
        plan.dispatch(
            Dispatch::new(&kernels::INPUT_NORMALISE, label)
                .bind("input", input)
                .bind("output", output)
                .params(&Params { scale, shift, pixels: self.shape.rows() as u32, unused: [0; 3] })
                .threads((self.shape.rows() as u64).div_ceil(PIXELS))
                .cost(0, self.input_bytes() + output.bytes()),
        );
    }
}
