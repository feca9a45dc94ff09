//! Every layer on every instruction set of this machine, against its `f64` twin over odd shapes.

use super::{Depthwise, Pointwise, SqueezeExcite, Stem};
use crate::Instructions;
use crate::buffer::{Buffer, pad};
use crate::kernel::{Kernels, Rows};
use photonet_model::Input;
use photonet_nn::Activation::{HardSigmoid, HardSwish, Identity, Relu};
use photonet_nn::Padding::{Same, Symmetric};
use photonet_nn::{Geometry, Shape, cpu};

/// Of the norm of the twin's output: some eight roundings to `f32`.
const TOLERANCE: f64 = 1e-6;

/// `count` values from -1 to 1, the same on every machine.
fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// `rows x columns` turned around.
fn transposed(values: &[f32], columns: usize) -> Vec<f64> {
    let rows = values.len() / columns;
    (0..columns).flat_map(|c| (0..rows).map(move |r| f64::from(values[r * columns + c]))).collect()
}

/// Compares padded rows with the twin's, and wants zeros in the padding unless the activation leaves others.
fn assert_equal(what: &str, found: &[f32], channels: usize, expected: &[f64], zeros: bool) {
    let (mut difference, mut norm) = (0.0, 0.0);
    assert_eq!(found.len() / pad(channels), expected.len() / channels, "{what}");
    for (row, of_row) in found.chunks_exact(pad(channels)).zip(expected.chunks_exact(channels)) {
        for (a, b) in row.iter().zip(of_row) {
            difference += (f64::from(*a) - b).powi(2);
            norm += b * b;
        }
        assert!(!zeros || row[channels..].iter().all(|v| *v == 0.0), "{what}: padding in {row:?}");
    }
    let error = (difference / norm).sqrt();
    assert!(error <= TOLERANCE, "{what}: error {error:.2e}");
}

fn on_every_instruction_set(test: impl Fn(Instructions, &Kernels)) {
    let mut tested = 0;
    for instructions in Instructions::available() {
        if let Some(kernels) = instructions.kernels() {
            test(instructions, kernels);
            tested += 1;
        }
    }
    assert!(tested > 0);
}

#[test]
fn products_equal_their_twin() {
    for (rows, inputs, outputs, activation, bias, residual) in [
        (1, 3, 8, Identity, false, false),
        (1, 960, 18, HardSigmoid { slope: 0.2 }, true, false),
        (2, 72, 30, Relu, true, false),
        (7, 18, 72, HardSwish, true, true),
        (49, 8, 960, HardSwish, true, false),
        (49, 960, 30, Identity, true, true),
        (225, 30, 3, Identity, false, true),
        (12_544, 3, 18, Relu, true, false),
    ] {
        let (x, w) = (values(1, rows * inputs), values(2, inputs * outputs));
        let (b, r) = (values(3, outputs), values(4, rows * outputs));
        let twin = photonet_nn::Pointwise { rows, inputs, outputs };
        let (bias_of_twin, residual_of_twin) = (bias.then(|| wide(&b)), residual.then(|| wide(&r)));
        let expected = cpu::pointwise::forward(
            &twin,
            &wide(&x),
            &transposed(&w, inputs),
            bias_of_twin.as_deref(),
            activation,
            residual_of_twin.as_deref(),
        );
        on_every_instruction_set(|instructions, kernels| {
            for packing in [Rows::One, Rows::Many] {
                if matches!(packing, Rows::One) && rows > 1 {
                    continue;
                }
                let bias = bias.then_some(b.as_slice());
                let layer = Pointwise::new(kernels, packing, [inputs, outputs], &w, bias, activation);
                let (input, skip) = (Buffer::padded(&x, inputs), Buffer::padded(&r, outputs));
                let mut output = Buffer::zeros(rows * pad(outputs));
                let skip = residual.then_some(skip.as_slice());
                layer.run(kernels, rows, input.as_slice(), skip, output.as_mut_slice());
                let what = format!("{rows} rows {inputs}->{outputs} {activation:?} {instructions}");
                let zeros = !matches!(activation, HardSigmoid { .. });
                assert_equal(&what, output.as_slice(), outputs, &expected, zeros);
            }
        });
    }
}

#[test]
fn depthwise_convolutions_equal_their_twin() {
    for (size, channels) in [(1, 3), (7, 960), (7, 72), (15, 18), (15, 30), (16, 8), (112, 8), (112, 3)] {
        for (kernel, stride, padding) in [
            (3, 1, Symmetric),
            (3, 2, Symmetric),
            (5, 1, Same),
            (5, 2, Symmetric),
            (3, 2, Same),
            (5, 2, Same),
        ] {
            let input = Shape::new(1, size, size, channels);
            let twin = photonet_nn::Depthwise::new(input, kernel, stride, padding).unwrap();
            let taps = kernel * kernel;
            let (x, w, b) =
                (values(5, input.rows() * channels), values(6, taps * channels), values(7, channels));
            let (by_tap, bias) = (transposed(&w, taps), wide(&b));
            let expected = cpu::depthwise::forward(&twin, &wide(&x), &by_tap, Some(&bias), HardSwish);
            let geometry = Geometry { input, outputs: channels, kernel, stride, padding };
            on_every_instruction_set(|instructions, kernels| {
                let layer = Depthwise::new(geometry, &w, &b, HardSwish);
                let input = Buffer::padded(&x, channels);
                let mut output = Buffer::zeros(twin.output().rows() * pad(channels));
                let mut sums = Buffer::zeros(channels);
                layer.run(kernels, input.as_slice(), output.as_mut_slice(), Some(sums.as_mut_slice()));
                let what = format!("{size}x{size}x{channels} k{kernel} s{stride} {padding:?} {instructions}");
                assert_equal(&what, output.as_slice(), channels, &expected, true);
                let sum = |c: usize| expected.iter().skip(c).step_by(channels).sum::<f64>();
                let of_channels: Vec<f64> = (0..channels).map(sum).collect();
                assert_equal(&format!("{what} sums"), sums.as_slice(), channels, &of_channels, true);
            });
        }
    }
}

#[test]
fn squeeze_excite_equals_its_twin() {
    for (size, channels, hidden) in [(1, 8, 3), (7, 72, 18), (7, 960, 240), (15, 30, 8), (15, 18, 4)] {
        let shape = Shape::new(1, size, size, channels);
        let x = values(8, shape.rows() * channels);
        let (reduce, expand) = (values(9, channels * hidden), values(10, channels * hidden));
        let (of_reduce, of_expand) = (values(11, hidden), values(12, channels));
        let twin = photonet_nn::SqueezeExcite { shape, hidden, slope: 1.0 / 6.0 };
        let parameters = cpu::squeeze_excite::Parameters {
            reduce_weight: transposed(&reduce, channels),
            reduce_bias: wide(&of_reduce),
            expand_weight: transposed(&expand, hidden),
            expand_bias: wide(&of_expand),
        };
        let expected = cpu::squeeze_excite::forward(&twin, &wide(&x), &parameters);
        on_every_instruction_set(|instructions, kernels| {
            let (reduce, expand) = ([&reduce[..], &of_reduce], [&expand[..], &of_expand]);
            let mut layer = SqueezeExcite::new(kernels, [channels, hidden], reduce, expand, 1.0 / 6.0);
            let mut values = Buffer::padded(&x, channels);
            let mut sums = Buffer::zeros(channels);
            kernels.sum_rows(values.as_slice(), sums.as_mut_slice());
            layer.run(kernels, sums.as_mut_slice(), values.as_mut_slice());
            let what = format!("{size}x{size}x{channels} through {hidden}, {instructions}");
            assert_equal(&what, values.as_slice(), channels, &expected, true);
        });
    }
}

#[test]
fn the_stem_equals_its_twin() {
    for (size, outputs, padding) in [(1, 8, Symmetric), (7, 18, Same), (15, 16, Symmetric), (32, 24, Same)] {
        let shape = Shape::new(1, size, size, 3);
        let input =
            Input { size, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
        let pixels: Vec<u8> = (0..size * size * 3).map(|at| (at * 83 % 256) as u8).collect();
        let (w, b) = (values(13, outputs * 27), values(14, outputs));
        let geometry = Geometry { input: shape, outputs, kernel: 3, stride: 2, padding };
        let Input { scale, mean, std, .. } = input;
        let image = cpu::input::forward(&photonet_nn::Normalise { shape, scale, mean, std }, &pixels);
        // [tap][input][output] from [output][input][tap].
        let place = |at: usize| (at % outputs * 3 + at / outputs % 3) * 9 + at / outputs / 3;
        let by_tap: Vec<f64> = (0..w.len()).map(|at| f64::from(w[place(at)])).collect();
        let twin = photonet_nn::Dense { geometry };
        let expected = cpu::dense::forward(&twin, &image, &by_tap, Some(&wide(&b)), HardSwish);
        on_every_instruction_set(|instructions, kernels| {
            let mut layer = Stem::new(kernels, geometry, &input, &w, &b, HardSwish);
            let mut output = Buffer::zeros(geometry.output().rows() * pad(outputs));
            layer.run(kernels, &pixels, output.as_mut_slice());
            let what = format!("{size}x{size} to {outputs}, {padding:?}, {instructions}");
            assert_equal(&what, output.as_slice(), outputs, &expected, true);
        });
    }
}
