//! The stem: bytes to the first feature map.

use crate::buffer::Buffer;
use crate::kernel::{Kernels, Panels, Product, Rows};
use photonet_model::Input;
use photonet_nn::{Activation, Geometry};

const RGB: usize = 3;
const KERNEL: usize = 3;

/// A 3x3 convolution of an image of bytes, normalised row by row as the filter comes down.
pub(crate) struct Stem {
    geometry: Geometry,
    panels: Panels,
    activation: Activation,
    /// Factor and offset of each value of a row.
    normalise: [Vec<f32>; 2],
    /// The rows under the filter, row `y` at place `y % 3`, and a row of zeros: each is padded with
    /// zeros to the left and right, so that the product needs no border.
    lines: Buffer,
    line: usize,
}

impl Stem {
    /// Packs `weights`, `[outputs][3][3][3]`, for images of `geometry`, batch 1, kernel 3.
    pub fn new(
        kernels: &Kernels,
        geometry: Geometry,
        input: &Input,
        weights: &[f32],
        bias: &[f32],
        activation: Activation,
    ) -> Self {
        // From [kernel][kernel][3] to the file's order.
        let weight = |k: usize, output: usize| {
            let (tap, channel) = (k / RGB, k % RGB);
            weights[(output * RGB + channel) * KERNEL * KERNEL + tap]
        };
        let sizes = [KERNEL * KERNEL * RGB, geometry.outputs];
        let of_row = |value: &dyn Fn(usize) -> f64| {
            (0..geometry.input.width * RGB).map(|at| value(at % RGB) as f32).collect()
        };
        let deviation = |c: usize| f64::from(input.std[c]);
        let factor = of_row(&|c| f64::from(input.scale) / deviation(c));
        let offset = of_row(&|c| -f64::from(input.mean[c]) / deviation(c));
        let columns = (geometry.output().width - 1) * geometry.stride + KERNEL;
        let line = columns.max(geometry.padding_before().1 + geometry.input.width) * RGB;
        Self {
            geometry,
            panels: Panels::new(kernels, Rows::Many, sizes, weight, Some(bias)),
            activation,
            normalise: [factor, offset],
            lines: Buffer::zeros((KERNEL + 1) * line),
            line,
        }
    }

    /// Runs on one image, `[height][width][3]`; `output` is `[height][width][outputs]` with padded channels.
    pub fn run(&mut self, kernels: &Kernels, pixels: &[u8], output: &mut [f32]) {
        let (from, to) = (self.geometry.input, self.geometry.output());
        let (pad_y, pad_x) = self.geometry.padding_before();
        let [factor, offset] = &self.normalise;
        let stride = self.geometry.stride;
        let of_row = to.width * self.panels.width();
        let mut next = 0;
        for (y, output) in output.chunks_exact_mut(of_row).take(to.height).enumerate() {
            let end = (y * stride + KERNEL).saturating_sub(pad_y).min(from.height);
            for row in next..end {
                let bytes = &pixels[row * from.width * RGB..][..from.width * RGB];
                let line = &mut self.lines.as_mut_slice()[(row % KERNEL) * self.line..][..self.line];
                kernels.normalise(bytes, factor, offset, &mut line[pad_x * RGB..]);
            }
            next = end;
            let segments: [usize; KERNEL] = std::array::from_fn(|tap| {
                let row = (y * stride + tap).checked_sub(pad_y).filter(|row| *row < from.height);
                row.map_or(KERNEL, |row| row % KERNEL) * self.line
            });
            kernels.product(Product {
                input: self.lines.as_slice(),
                segments: &segments,
                depth: KERNEL * RGB,
                step: stride * RGB,
                rows: to.width,
                panels: &self.panels,
                activation: self.activation,
                residual: None,
                output,
            });
        }
    }
}
