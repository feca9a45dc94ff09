//! Real ImageNet weights on real photos, against timm's logits (`tests/golden/families.py --weights` writes
//! them). Needs the development data (PHOTONET_SHARED).

mod common;

use common::*;
use image::{ImageBuffer, Rgb};
use photonet_weights::{ReadOptions, TensorFile, Values, read};
use std::path::PathBuf;

/// What agreement the product promises, relative to the largest logit.
const TOLERANCE: f64 = 1e-4;
/// What half precision on a GPU adds in the median photo. This network makes much of little: in PyTorch, with the same
/// roundings, the same photos are off by 2.8e-2 in the median and 6.9e-2 at worst.
const HALF: f64 = 4e-2;
/// Two classes nearer than this are a tie to half precision, which is off by more in the median: one of the photos has such.
const NEAR: f64 = 2e-2;
/// What decoding a JPEG adds: its pixels differ from libjpeg's by 4 levels at most, and by 0.25 on average.
const DECODING: f64 = 3e-2;

/// splitmix64's bytes for a name, as `tests/golden/formula.py` draws pixels.
fn drawn(width: u32, height: u32) -> ImageBuffer<Rgb<u8>, Vec<u8>> {
    let start = b"drawn/input"
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3));
    let byte = |index: u64| {
        let mut z = start.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 56) as u8
    };
    ImageBuffer::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| byte(u64::from(y * width + x) * 3 + channel)))
    })
}

fn expected(golden: &TensorFile, name: &str) -> Vec<f64> {
    match &golden.tensors[name].values {
        Values::Floats(values) => values.iter().map(|v| f64::from(*v)).collect(),
        Values::Integers(_) => panic!("{name} holds integers"),
    }
}

fn top5(logits: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    order.truncate(5);
    order
}

fn logits_of(line: &serde_json::Value) -> Vec<f64> {
    line["logits"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()
}

/// The same photos on a GPU in half precision.
fn half_precision_ranks_alike(single: &[Vec<f64>], half: &[Vec<f64>]) {
    let mut errors = Vec::new();
    let (mut same_first, mut same_five) = (0, 0);
    for (single, half) in single.iter().zip(half) {
        let largest = single.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        errors.push(single.iter().zip(half).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest);
        let (own, five) = (top5(half), top5(single));
        // Two classes nearer to each other than half precision is to single are a tie, which rounding decides.
        let margin = (single[five[0]] - single[five[1]]) / largest;
        assert!(own[0] == five[0] || margin < NEAR, "{} for {}, {margin:.1e} apart", own[0], five[0]);
        same_first += usize::from(own[0] == five[0]);
        same_five += usize::from(top5(single) == top5(half));
    }
    errors.sort_by(f64::total_cmp);
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    println!(
        "half precision: {median:.1e} of the largest logit in the median, {worst:.1e} at worst; {same_first} same top-1, \
         {same_five} same top-5"
    );
    assert!(same_first >= single.len() - 1, "{same_first} of {} same top-1", single.len());
    assert!(median < HALF, "half precision is off by {median:.1e}");
}

#[test]
fn timm_weights_give_timms_logits() {
    let Some(shared) = shared() else { return };
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/photos.safetensors");
    let golden = read(&std::fs::read(golden).unwrap(), &ReadOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let weights = shared.join("models/tf_mobilenetv3_small_100.safetensors");
    let said = run(folder.path(), &format!("import {} --out m.safetensors", weights.display())).ok().out;
    says(&said, &["timm-tf MobileNetV3 small x1 with 1000 classes: 210 of 210 tensors matched"]);

    let drawing = folder.path().join("drawn.png");
    drawn(302, 227).save(&drawing).unwrap();
    let names: Vec<&str> = golden.tensors.keys().map(String::as_str).filter(|n| *n != "drawn").collect();
    let photos = shared.join("data/trashnet");
    let infer = |options: &[&str]| {
        let mut command = program(folder.path());
        command.args(["infer", "--model", "m.safetensors", "--format", "json", "--logits"]).arg(&drawing);
        command.args(names.iter().map(|n| photos.join(n))).args(options);
        let lines = Ran::of(command.output().unwrap()).ok().json_lines();
        let logits: Vec<Vec<f64>> = lines.iter().map(logits_of).collect();
        logits
    };
    let lines = infer(&[]);
    assert_eq!((lines.len(), names.len()), (21, 20));
    half_precision_ranks_alike(&lines, &infer(&["--precision", "f16", "--device", "software"]));

    let (mut worst, mut same_first, mut same_five) = (0.0_f64, 0, 0);
    for (found, name) in lines.iter().zip(std::iter::once("drawn").chain(names.iter().copied())) {
        let expected = expected(&golden, name);
        let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let off = found.iter().zip(&expected).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest;
        let (own, theirs) = (top5(found), top5(&expected));
        if name == "drawn" {
            // No decoder between: resize, crop, normalisation and network must agree to rounding.
            println!("drawn: {off:.1e} of the largest logit");
            assert!(off < TOLERANCE && own == theirs, "drawn is off by {off:.1e}: {own:?}, {theirs:?}");
            continue;
        }
        worst = worst.max(off);
        same_first += usize::from(own[0] == theirs[0]);
        same_five += usize::from(own == theirs);
        assert!(off < DECODING, "{name} is off by {off:.1e}");
    }
    println!(
        "20 JPEG photos: {worst:.1e} of the largest logit; {same_first} same top-1, {same_five} same top-5"
    );
    assert_eq!(same_first, 20);
}
