//! Burn's wgpu backend on PaddleClas's MobileNetV3, width 1.0, 1000 classes, at 224 pixels, batch 1: inference with random weights.
//!
//! ```sh
//! cargo run --release --manifest-path benches/burn/Cargo.toml -- small 24
//! ```
//!
//! Every run tunes Burn's kernels: the first for minutes, later ones with most of them in the driver's cache.
//! Batch normalisation is left out, as if folded into the convolutions, which favours Burn: its fusion does not fold. Times are from
//! a tensor on the device to logits on the host; the first runs after tuning are left out.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, DeviceKind, Distribution, Tensor, activation};
use std::time::Instant;

/// Runs after the first that are not counted.
const WARM_UP: usize = 3;

/// Kernel, expanded channels, outputs, squeeze-excite, hardswish, stride.
type Row = (usize, usize, usize, bool, bool, usize);

const LARGE: [Row; 15] = [
    (3, 16, 16, false, false, 1),
    (3, 64, 24, false, false, 2),
    (3, 72, 24, false, false, 1),
    (5, 72, 40, true, false, 2),
    (5, 120, 40, true, false, 1),
    (5, 120, 40, true, false, 1),
    (3, 240, 80, false, true, 2),
    (3, 200, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 480, 112, true, true, 1),
    (3, 672, 112, true, true, 1),
    (5, 672, 160, true, true, 2),
    (5, 960, 160, true, true, 1),
    (5, 960, 160, true, true, 1),
];

const SMALL: [Row; 11] = [
    (3, 16, 16, true, false, 2),
    (3, 72, 24, false, false, 2),
    (3, 88, 24, false, false, 1),
    (5, 96, 40, true, true, 2),
    (5, 240, 40, true, true, 1),
    (5, 240, 40, true, true, 1),
    (5, 120, 48, true, true, 1),
    (5, 144, 48, true, true, 1),
    (5, 288, 96, true, true, 2),
    (5, 576, 96, true, true, 1),
    (5, 576, 96, true, true, 1),
];

struct Block {
    expand: Conv2d,
    depthwise: Conv2d,
    squeeze: Option<[Conv2d; 2]>,
    project: Conv2d,
    hardswish: bool,
    residual: bool,
}

struct Network {
    stem: Conv2d,
    blocks: Vec<Block>,
    last: Conv2d,
    head: Conv2d,
    classifier: Linear,
}

fn convolution(
    device: &Device,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Conv2d {
    let pad = (kernel - 1) / 2;
    Conv2dConfig::new([inputs, outputs], [kernel, kernel])
        .with_stride([stride, stride])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .init(device)
}

fn activate(x: Tensor<4>, hardswish: bool) -> Tensor<4> {
    if hardswish { activation::hard_swish(x) } else { activation::relu(x) }
}

fn pool(x: Tensor<4>) -> Tensor<4> {
    x.mean_dim(3).mean_dim(2)
}

impl Network {
    fn new(device: &Device, rows: &[Row], last: usize) -> Self {
        let pointwise = |inputs, outputs| convolution(device, inputs, outputs, 1, 1, 1);
        let mut channels = 16;
        let mut blocks = Vec::new();
        for &(kernel, wide, outputs, squeeze, hardswish, stride) in rows {
            blocks.push(Block {
                expand: pointwise(channels, wide),
                depthwise: convolution(device, wide, wide, kernel, stride, wide),
                squeeze: squeeze.then(|| [pointwise(wide, wide / 4), pointwise(wide / 4, wide)]),
                project: pointwise(wide, outputs),
                hardswish,
                residual: stride == 1 && channels == outputs,
            });
            channels = outputs;
        }
        Self {
            stem: convolution(device, 3, 16, 3, 2, 1),
            blocks,
            last: pointwise(channels, last),
            head: pointwise(last, 1280),
            classifier: LinearConfig::new(1280, 1000).init(device),
        }
    }

    fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let mut x = activate(self.stem.forward(pixels), true);
        for block in &self.blocks {
            let input = x.clone();
            x = activate(block.expand.forward(x), block.hardswish);
            x = activate(block.depthwise.forward(x), block.hardswish);
            if let Some([reduce, expand]) = &block.squeeze {
                let hidden = activation::relu(reduce.forward(pool(x.clone())));
                x = x * activation::hard_sigmoid(expand.forward(hidden), 0.2, 0.5);
            }
            x = block.project.forward(x);
            if block.residual {
                x = x + input;
            }
        }
        let x = pool(activate(self.last.forward(x), true));
        let x = activate(self.head.forward(x), true);
        self.classifier.forward(x.flatten(1, 3))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(variant), Some(runs)) =
        (arguments.first(), arguments.get(1).and_then(|n| n.parse::<usize>().ok()))
    else {
        eprintln!("usage: burn-bench small|large RUNS");
        std::process::exit(2);
    };
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let start = Instant::now();
    let network = match variant.as_str() {
        "large" => Network::new(&device, &LARGE, 960),
        "small" => Network::new(&device, &SMALL, 576),
        other => {
            eprintln!("no network `{other}`: use small or large");
            std::process::exit(2);
        }
    };
    let mut times = Vec::new();
    for number in 0..=WARM_UP + runs {
        let pixels = Tensor::<4>::random([1, 3, 224, 224], Distribution::Default, &device);
        device.sync().expect("the device works");
        let begun = Instant::now();
        network.forward(pixels).into_data();
        if number == 0 {
            println!("{variant}: first logits after {:.1} s", start.elapsed().as_secs_f64());
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let mut counted = times.split_off(WARM_UP + 1);
    counted.sort_by(f64::total_cmp);
    println!("{variant}: median {:.1} ms of {} runs", counted[counted.len() / 2], counted.len());
}
