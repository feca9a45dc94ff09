//! The networks of every family, imported from files as the projects write them, against the projects'
//! own logits: `tests/golden/families.py` writes them, `tests/golden/README.md` says from which weights.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod formula;

use photonet_gpu::{Gpu, GpuOptions};
use photonet_model::import::{Change, ImportOptions, Known, import};
use photonet_model::{Architecture, InferenceNetwork, InferenceOptions, Input, Naming, Precision};
use safetensors::SafeTensors;
use std::path::PathBuf;

/// What agreement the product promises, relative to the largest logit.
const TOLERANCE: f64 = 1e-4;
const CLASSES: usize = 7;

/// The networks, with the width that torchvision's names do not have.
const NETWORKS: [(&str, f64); 10] = [
    ("MobileNetV3_small_x0_35", 0.35),
    ("MobileNetV3_large_x1_0", 1.0),
    ("MobileNetV3_large_x1_25", 1.25),
    ("mobilenet_v3_small", 1.0),
    ("mobilenet_v3_large", 1.0),
    ("mobilenet_v3_small_x0.75", 0.75),
    ("mobilenetv3_small_050", 0.5),
    ("mobilenetv3_large_075", 0.75),
    ("tf_mobilenetv3_small_100", 1.0),
    ("tf_mobilenetv3_large_minimal_100", 1.0),
];

fn architecture(name: &str, width: f64) -> Architecture {
    let known = Known::parse(name).unwrap();
    let whole = Architecture::new(known.family, known.variant, width, CLASSES).unwrap();
    if known.minimal { whole.minimal() } else { whole }
}

fn expected(file: &SafeTensors<'_>, key: &str) -> Vec<f32> {
    let view = file.tensor(key).unwrap_or_else(|e| panic!("{key}: {e}"));
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn off(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let difference = found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    f64::from(difference) / f64::from(largest)
}

#[test]
fn logits_are_those_of_the_frameworks() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/families.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::portable()).await.unwrap();
        for (name, width) in NETWORKS {
            let architecture = architecture(name, width);
            let file = formula::file(name, &architecture, Naming::of(architecture.family));
            // timm's names alone do not tell its two kinds apart; the file's name does.
            let options = ImportOptions { file_name: format!("{name}.pth"), ..ImportOptions::default() };
            let imported = import(&file, &options).unwrap();
            assert_eq!(imported.model.architecture, architecture, "{name} was not recognised");
            assert!(imported.report.is_complete());
            for size in [224, 160, 97] {
                let input = Input {
                    size,
                    scale: 1.0 / 255.0,
                    mean: [0.485, 0.456, 0.406],
                    std: [0.229, 0.224, 0.225],
                };
                let options =
                    InferenceOptions { batch: 1, input, count_topk: None, precision: Precision::Single };
                let weights = &imported.model.weights;
                let network = InferenceNetwork::new(&gpu, &architecture, weights, &options).await.unwrap();
                network.run(&formula::pixels(name, size * size * 3), &[]).unwrap();
                let logits = network.logits().await.unwrap().swap_remove(0);
                let off = off(&logits, &expected(&golden, &format!("{name}/{size}")));
                println!("{name} at {size}: {off:.1e} of the largest logit");
                assert!(off < TOLERANCE, "{name} at {size} is off by {off:.1e}");
            }
        }
    });
}

/// Every network of the three families' model lists, and widths that only torchvision's `width_mult` makes.
#[test]
fn every_published_network_is_recognised() {
    let widths = |form: &'static str, list: &'static [&'static str]| {
        list.iter()
            .flat_map(move |w| ["large", "small"].map(|v| form.replace("VARIANT", v).replace("WIDTH", w)))
    };
    let paddle = widths("MobileNetV3_VARIANT_xWIDTH", &["0_35", "0_5", "0_75", "1_0", "1_25"]);
    let torchvision =
        widths("mobilenet_v3_VARIANT_xWIDTH", &["0_25", "0_35", "0_5", "0_75", "1_0", "1_3", "1_5", "2_0"]);
    let timm = widths("mobilenetv3_VARIANT_WIDTH", &["050", "075", "100"]);
    let tf = widths("tf_mobilenetv3_VARIANT_WIDTH", &["075", "100"]);
    let minimal = widths("tf_mobilenetv3_VARIANT_minimal_WIDTH", &["100"]);
    for name in paddle.chain(torchvision).chain(timm).chain(tf).chain(minimal) {
        let known = Known::parse(&name).unwrap();
        let architecture = architecture(&name, known.width.unwrap());
        let file = formula::file(&name, &architecture, Naming::of(architecture.family));
        let options = ImportOptions { file_name: name.clone(), ..ImportOptions::default() };
        let imported = import(&file, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(imported.model.architecture, architecture, "{name}");
        let transposed = imported.report.taken.iter().filter(|t| t.change == Change::Transposed).count();
        assert_eq!(transposed, usize::from(name.starts_with("Mobile")), "{name}");
    }
}
