//! The time of one image on one thread for a model file, a line of JSON for each file:
//! `cargo run --release -p photonet-cpu --example latency -- 200 MODEL.safetensors`, for 200 runs.
//! From the pixels to the logits, each run timed for itself.

use photonet_cpu::{CpuNetwork, Instructions};
use photonet_model::{Input, Model};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// Runs before those that count.
const WARM_UP: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let runs = arguments.next().and_then(|runs| runs.parse().ok()).filter(|&runs: &usize| runs > 0);
    let runs = runs.ok_or("usage: latency RUNS MODEL.safetensors ...")?;
    for file in arguments {
        let model = Model::load(Path::new(&file))?;
        let input = Input::of(&model.recipe)?;
        let mut network = CpuNetwork::new(&model.architecture, &model.weights, &input)?;
        let pixels: Vec<u8> = (0..input.image_bytes()).map(|at| (at * 31 % 251) as u8).collect();
        let mut times = Vec::new();
        for _ in 0..WARM_UP + runs {
            let begun = Instant::now();
            std::hint::black_box(network.run(&pixels)?);
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let mut counted = times.split_off(WARM_UP);
        counted.sort_by(f64::total_cmp);
        println!(
            r#"{{"peer":"photonet-native","task":"latency","model":"{}","batch":1,"res":{},"adapter":"CPU, {}, 1 thread","median_ms":{:.4},"min_ms":{:.4},"runs":{runs}}}"#,
            model.architecture.variant,
            input.size,
            Instructions::best(),
            counted[counted.len() / 2],
            counted[0],
        );
    }
    Ok(())
}
