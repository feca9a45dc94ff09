//! One image on one thread: `cargo bench -p photonet-cpu`. Times by layer kind: the example `profile`.

use criterion::{Criterion, criterion_group, criterion_main};
use photonet_cpu::{CpuError, CpuNetwork, Instructions};
use photonet_model::{Architecture, Family, Input, Variant, initialise};

const SIZE: usize = 224;

fn inference(criterion: &mut Criterion) {
    let input = Input { size: SIZE, scale: 1.0 / 255.0, mean: [0.5; 3], std: [0.25; 3] };
    let pixels: Vec<u8> = (0..SIZE * SIZE * 3).map(|at| (at * 31 % 251) as u8).collect();
    for variant in [Variant::Small, Variant::Large] {
        let architecture = Architecture::new(Family::Torchvision, variant, 1.0, 1000);
        let network = architecture
            .map_err(CpuError::from)
            .and_then(|a| CpuNetwork::new(&a, &initialise(&a, 0), &input));
        let mut network = match network {
            Ok(network) => network,
            Err(error) => panic!("{error}"),
        };
        let name = format!("{variant} {SIZE} {}", Instructions::best());
        criterion.bench_function(&name, |bencher| bencher.iter(|| network.run(&pixels).map(|o| o.logits[0])));
    }
}

criterion_group!(benches, inference);
criterion_main!(benches);
