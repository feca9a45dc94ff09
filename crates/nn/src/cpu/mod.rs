//! CPU twins: every kernel once more, in plain `f64` on unpadded NHWC slices.
//!
//! They are written from the formulas and are slow on purpose: no tiling, no slabs, no padding of
//! channels. The GPU kernels are compared with them, and their own backward passes are checked by
//! finite differences of their forward passes.
//!
//! Slices whose lengths do not fit the layer's sizes are a mistake of the caller and panic.

pub mod activation;
pub mod batch_norm;
pub mod dense;
pub mod depthwise;
pub mod dropout;
pub mod input;
pub mod loss;
pub mod optimiser;
pub mod pointwise;
pub mod pool;
pub mod residual;
pub mod squeeze_excite;

use crate::{Geometry, Shape};

/// Index of an element of an NHWC tensor.
fn offset(shape: &Shape, [n, y, x, c]: [usize; 4]) -> usize {
    ((n * shape.height + y) * shape.width + x) * shape.channels + c
}

/// Calls `visit(output, input, tap)` for every output position and every tap of the filter that
/// lies inside the image: `[n, y, x]` of the output, `[n, y, x]` of the input, `[i, j]`.
fn each_tap(geometry: &Geometry, mut visit: impl FnMut([usize; 3], [usize; 3], [usize; 2])) {
    let (input, output) = (geometry.input, geometry.output());
    let (pad_y, pad_x) = geometry.padding_before();
    for n in 0..output.batch {
        for y in 0..output.height {
            for x in 0..output.width {
                for i in 0..geometry.kernel {
                    for j in 0..geometry.kernel {
                        let from_y = (y * geometry.stride + i).checked_sub(pad_y);
                        let from_x = (x * geometry.stride + j).checked_sub(pad_x);
                        if let (Some(from_y), Some(from_x)) = (from_y, from_x)
                            && from_y < input.height
                            && from_x < input.width
                        {
                            visit([n, y, x], [n, from_y, from_x], [i, j]);
                        }
                    }
                }
            }
        }
    }
}
