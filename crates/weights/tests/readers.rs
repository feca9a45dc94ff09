//! Files that the frameworks wrote (`tests/golden/weight_files.py`), and what a reader must make of them.

use photonet_weights::safetensors::{Output, write};
use photonet_weights::{Element, ReadOptions, TensorFile, Values, read};
use std::collections::HashMap;
use std::path::PathBuf;

fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn opened(name: &str) -> TensorFile {
    read(&bytes(name), &ReadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn floats(file: &TensorFile, name: &str) -> (Vec<usize>, Vec<f32>) {
    let tensor = &file.tensors[name];
    match &tensor.values {
        Values::Floats(values) => (tensor.shape.clone(), values.clone()),
        Values::Integers(_) => panic!("{name} holds integers"),
    }
}

#[track_caller]
fn holds_the_tensors(file: &TensorFile) {
    let weight = vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25];
    assert_eq!(floats(file, "a.weight"), (vec![2, 3], weight));
    assert_eq!(floats(file, "a.turned"), (vec![3, 2], vec![0.0, 0.75, 0.25, 1.0, 0.5, 1.25]));
    assert_eq!(floats(file, "a.half"), (vec![4], vec![1.0, -2.0, 0.5, 65504.0]));
    assert_eq!(file.tensors["a.count"].values, Values::Integers(vec![7]));
    if let Some(brain) = file.tensors.get("a.brain") {
        assert_eq!((brain.element, floats(file, "a.brain").1), (Element::BF16, vec![1.0, -3.0, 0.125]));
    }
}

#[test]
fn pytorch_in_both_forms() {
    for (name, format) in [("torch_zip.pth", "PyTorch (zip)"), ("torch_legacy.pth", "PyTorch (before 1.6)")] {
        let file = opened(name);
        assert_eq!((file.format, file.tensors.len()), (format, 5));
        holds_the_tensors(&file);
    }
}

#[test]
fn checkpoints_give_their_averaged_weights_or_those_asked_for() {
    for name in ["torch_checkpoint.pth", "torch_checkpoint_legacy.pth"] {
        let file = opened(name);
        assert_eq!(file.dictionary.as_deref(), Some("model_ema"));
        assert_eq!(file.others, ["epoch", "args", "model", "metric"]);
        holds_the_tensors(&file);
        let options = ReadOptions { dictionary: Some("model".into()) };
        let other = read(&bytes(name), &options).unwrap();
        assert_eq!(floats(&other, "a.weight").1, [0.0; 6]);
        let options = ReadOptions { dictionary: Some("nowhere".into()) };
        let error = read(&bytes(name), &options).unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("model_ema"), "{error}");
    }
}

#[test]
fn a_pickled_network_is_refused_with_advice() {
    let error = read(&bytes("torch_whole_model.pth"), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("torch.nn.modules.linear.Linear") && error.contains("state_dict"), "{error}");
}

#[test]
fn paddle_in_every_protocol_and_form() {
    for name in [
        "paddle_2.pdparams",
        "paddle_3.pdparams",
        "paddle_4.pdparams",
        "paddle_names.pdparams",
        "paddle_names_2.pdparams",
        "paddle_pairs.pdparams",
    ] {
        let file = opened(name);
        assert_eq!((file.format, file.tensors.len()), ("PaddlePaddle", 4), "{name}");
        assert!(file.others.is_empty(), "{name}: {:?}", file.others);
        holds_the_tensors(&file);
    }
}

#[test]
fn safetensors_both_ways() {
    let file = opened("plain.safetensors");
    assert_eq!(file.metadata["made"], "here");
    holds_the_tensors(&file);
    let tensors = [
        Output::floats("b", vec![2], &[1.5, -0.0]),
        Output::halves("a", vec![1, 2], &[0.5, 1.0 / 3.0]).unwrap(),
        Output::counter("n", -3),
    ];
    let written = write(&tensors, HashMap::from([("k".into(), "v".into())])).unwrap();
    let file = read(&written, &ReadOptions::default()).unwrap();
    assert_eq!(
        floats(&file, "b").1.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
        [0x3fc0_0000, 0x8000_0000]
    );
    assert_eq!(floats(&file, "a"), (vec![1, 2], vec![0.5, 0.333_251_95]));
    assert_eq!(file.tensors["n"].values, Values::Integers(vec![-3]));
    let error = Output::halves("big", vec![1], &[70_000.0]).unwrap_err().to_string();
    assert!(error.contains("big") && error.contains("70000"), "{error}");
}
