//! Geometry shared by the dense and the depthwise convolution.

use crate::slabs::slab_count;
use crate::walk::Walk;
use crate::{Activation, Shape};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::DeviceClass;

/// How a convolution pads its input with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// (kernel - 1) / 2 on every side.
    Symmetric,
    /// TensorFlow's SAME: as little as makes the output ceil(input / stride), the odd one at the end.
    Same,
}

/// Sizes of a square-kernel convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Input shape.
    pub input: Shape,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Padding rule.
    pub padding: Padding,
}

/// The uniform `Convolution` of `shaders/shared/convolution.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct ConvolutionParams {
    pub batch: u32,
    pub in_height: u32,
    pub in_width: u32,
    pub out_height: u32,
    pub out_width: u32,
    pub inputs: u32,
    pub outputs: u32,
    pub pad_y: u32,
    pub pad_x: u32,
    pub stride: u32,
    pub kernel: u32,
    pub slabs: u32,
    activation: u32,
    slope: f32,
    pub width: u32,
    pub down: u32,
}

impl ConvolutionParams {
    pub fn activated(self, activation: Activation) -> Self {
        Self { activation: activation.number(), slope: activation.slope(), ..self }
    }

    /// Spread over workgroups as `walk` says.
    pub fn spread(self, walk: &Walk) -> Self {
        Self { slabs: walk.slabs as u32, width: walk.width as u32, down: walk.down as u32, ..self }
    }
}

impl Geometry {
    fn axis(&self, size: usize) -> (usize, usize) {
        match self.padding {
            Padding::Symmetric => {
                let pad = (self.kernel - 1) / 2;
                ((size + 2 * pad - self.kernel) / self.stride + 1, pad)
            }
            Padding::Same => {
                let out = size.div_ceil(self.stride);
                let total = ((out - 1) * self.stride + self.kernel).saturating_sub(size);
                (out, total / 2)
            }
        }
    }

    /// Shape of the output.
    pub fn output(&self) -> Shape {
        let (height, width) = (self.axis(self.input.height).0, self.axis(self.input.width).0);
        Shape::new(self.input.batch, height, width, self.outputs)
    }

    /// Zeros above and to the left of the input.
    pub fn padding_before(&self) -> (usize, usize) {
        (self.axis(self.input.height).1, self.axis(self.input.width).1)
    }

    pub(crate) fn params(&self, slabs: u32) -> ConvolutionParams {
        let output = self.output();
        let (pad_y, pad_x) = self.padding_before();
        ConvolutionParams {
            batch: self.input.batch as u32,
            in_height: self.input.height as u32,
            in_width: self.input.width as u32,
            out_height: output.height as u32,
            out_width: output.width as u32,
            inputs: self.input.groups() as u32,
            outputs: output.groups() as u32,
            pad_y: pad_y as u32,
            pad_x: pad_x as u32,
            stride: self.stride as u32,
            kernel: self.kernel as u32,
            slabs,
            activation: 0,
            slope: 0.0,
            width: 0,
            down: 0,
        }
    }

    /// Slabs of output rows for a weight gradient in which `invocations` handle one slab and leave `left` bytes of it, of
    /// `read` bytes in all.
    pub(crate) fn slabs(&self, class: DeviceClass, invocations: usize, left: u64, read: u64) -> usize {
        // More would cost more than the work that it spreads.
        slab_count(class, self.input.batch * self.output().height, invocations, left, read / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(size: usize, kernel: usize, stride: usize, padding: Padding) -> Geometry {
        Geometry { input: Shape::new(1, size, size, 8), outputs: 8, kernel, stride, padding }
    }

    #[test]
    fn same_padding_is_tensorflows() {
        // kernel 3, stride 2: (0, 1) on even sizes, (1, 1) on odd; kernel 5, stride 2: (1, 2) on even.
        for (size, kernel, stride, out, before) in [
            (224, 3, 2, 112, 0),
            (15, 3, 2, 8, 1),
            (112, 5, 2, 56, 1),
            (7, 5, 2, 4, 2),
            (7, 5, 1, 7, 2),
            (1, 3, 2, 1, 1),
        ] {
            let g = geometry(size, kernel, stride, Padding::Same);
            assert_eq!((g.output().height, g.padding_before().0), (out, before), "{size} {kernel} {stride}");
        }
    }

    #[test]
    fn symmetric_padding_is_torchs() {
        for (size, kernel, stride, out) in
            [(224, 3, 2, 112), (15, 3, 2, 8), (15, 5, 1, 15), (1, 5, 2, 1), (7, 3, 2, 4)]
        {
            assert_eq!(geometry(size, kernel, stride, Padding::Symmetric).output().width, out);
        }
    }
}
