//! Time of one image by layer kind: `cargo run --release -p photonet-cpu --example profile -- 224 100`
//! for images of 224 pixels and 100 runs. Each column is one network on one instruction set; the runs take
//! turns, so that a busy machine disturbs all alike.

use photonet_cpu::{CpuError, CpuNetwork, Instructions, LayerKind};
use photonet_model::{Architecture, Family, Input, Variant, initialise};
use std::time::Instant;

fn main() -> Result<(), CpuError> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>().ok());
    let size = arguments.next().flatten().unwrap_or(224);
    let runs = arguments.next().flatten().unwrap_or(50).max(1);
    let mut columns = Vec::new();
    for variant in [Variant::Small, Variant::Large] {
        let architecture = Architecture::new(Family::Torchvision, variant, 1.0, 1000)?;
        let weights = initialise(&architecture, 0);
        let input = Input { size, scale: 1.0 / 255.0, mean: [0.5; 3], std: [0.25; 3] };
        for instructions in Instructions::available() {
            let network = CpuNetwork::with_instructions(&architecture, &weights, &input, instructions)?;
            columns.push((format!("{variant} {instructions}"), network, Vec::new()));
        }
    }
    let pixels: Vec<u8> = (0..size * size * 3).map(|at| (at * 31 % 251) as u8).collect();
    let start = Instant::now();
    for _ in 0..runs {
        for (_, network, times) in &mut columns {
            let steps = network.profile(&pixels, || start.elapsed().as_secs_f64() * 1e3)?;
            let mut of_run = LayerKind::ALL
                .map(|kind| steps.iter().filter(|step| step.kind == kind).map(|step| step.time).sum::<f64>())
                .to_vec();
            of_run.push(of_run.iter().sum());
            times.push(of_run);
        }
    }
    println!("median (least) of {runs} runs at {size} px in ms");
    print!("{:<20}", "");
    columns.iter().for_each(|(name, ..)| print!("{name:>20}"));
    println!();
    let names = LayerKind::ALL.iter().map(ToString::to_string).chain(["sum".into()]);
    for (row, name) in names.enumerate() {
        print!("{name:<20}");
        for (_, _, times) in &columns {
            let mut of_kind: Vec<f64> = times.iter().map(|run| run[row]).collect();
            of_kind.sort_by(f64::total_cmp);
            print!("{:>20}", format!("{:.3} ({:.3})", of_kind[runs / 2], of_kind[0]));
        }
        println!();
    }
    Ok(())
}
