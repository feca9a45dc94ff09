//! Training that starts from a model, through the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The bytes of a tensor in a `.safetensors` file.
#[track_caller]
fn tensor(file: &Path, name: &str) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let place = |end: usize| header[name]["data_offsets"][end].as_u64().unwrap() as usize;
    bytes[8 + length + place(0)..8 + length + place(1)].to_vec()
}

/// The metadata of a model file.
fn metadata(file: &Path, key: &str) -> serde_json::Value {
    let bytes = fs::read(file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    serde_json::from_str(header["__metadata__"][key].as_str().unwrap()).unwrap()
}

/// Fine-tunes the model of [`trained`] on its own photos; returns the file of the result.
fn tuned(folder: &Path, out: &str, flags: &str) -> PathBuf {
    let command = format!("train photos --from out/best_model --epochs 2 --batch 8 --out {out} {flags}");
    run(folder, &command).ok();
    folder.join(out).join("latest/model.safetensors")
}

/// One of each kind: (part, does it learn with the part frozen).
const PARTS: [&str; 6] = [
    "stem.conv.weight",
    "blocks.2.project.bn.running_var",
    "blocks.3.depthwise.conv.weight",
    "blocks.3.depthwise.bn.running_mean",
    "last.bn.weight",
    "head.weight",
];

#[test]
fn frozen_parts_keep_their_bits_and_the_rest_learns() {
    let folder = copy_of_trained();
    let before = folder.path().join("out/best_model/model.safetensors");
    for (flags, kept) in [
        ("", [false, true, false, true, false, false]),
        ("--freeze-bn=false", [false; 6]),
        ("--freeze-until 3 --freeze-bn=false", [true, true, false, false, false, false]),
        ("--freeze-until head", [true, true, true, true, true, false]),
        ("--freeze-until 3 --optimizer rmsprop", [true, true, false, true, false, false]),
        ("--freeze-until head --optimizer momentum", [true, true, true, true, true, false]),
        ("-c out/config.yaml", [false; 6]),
        ("-c out/config.yaml --freeze-bn", [false, true, false, true, false, false]),
    ] {
        let after = tuned(folder.path(), "tuned", flags);
        for (part, kept) in PARTS.iter().zip(kept) {
            assert_eq!(tensor(&before, part) == tensor(&after, part), kept, "{part} with `{flags}`");
        }
        fs::remove_dir_all(folder.path().join("tuned")).unwrap();
    }
}

#[test]
fn adamw_is_taken_unless_something_is_said_of_the_optimiser() {
    let folder = copy_of_trained();
    for (flags, words) in [
        (
            "",
            "AdamW with a learning rate of up to 0.00005, the classifier's 5 times as high, and a weight decay of 0.01",
        ),
        ("--lr 0.001", "AdamW with a learning rate of up to 0.001, the classifier's 5 times as high,"),
        ("--head-lr 1", "AdamW with a learning rate of up to 0.00005 and a weight decay of 0.01"),
        (
            "--optimizer momentum",
            "Momentum with a learning rate of up to 0.001875 and a weight decay of 0.00002",
        ),
        ("-o Optimizer.momentum=0.8", "Momentum with a learning rate of up to 0.001875"),
        ("-c out/config.yaml", "Momentum with"),
    ] {
        let command = format!(
            "train photos --from out/best_model --epochs 1 --batch 8 --out tuned --overwrite {flags}"
        );
        says(&run(folder.path(), &command).ok().said(), &[words]);
    }
}

#[test]
fn the_head_learns_at_a_rate_of_its_own() {
    let folder = copy_of_trained();
    let change = |file: &Path| -> f64 {
        let values = |file: &Path| -> Vec<f64> {
            let of = |b: &[u8]| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            tensor(file, "classifier.weight").chunks_exact(4).map(of).collect()
        };
        let before = values(&folder.path().join("out/best_model/model.safetensors"));
        values(file).iter().zip(before).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    };
    let flags = "--freeze-until head --optimizer momentum --lr 0.001";
    let usual = change(&tuned(folder.path(), "usual", flags));
    let faster = change(&tuned(folder.path(), "faster", &format!("{flags} --head-lr 10")));
    assert!(usual > 0.0 && faster > 5.0 * usual, "{usual} {faster}");
}

#[test]
fn another_number_of_classes_gets_a_fresh_classifier() {
    let folder = copy_of_trained();
    draw(&folder.path().join("two"), 2, 8);
    let command = "train two --from out/best_model --epochs 1 --batch 8 --out two-out";
    let said = run(folder.path(), command).ok().said();
    let file = folder.path().join("two-out/latest/model.safetensors");
    assert_eq!(metadata(&file, "labels").as_array().unwrap().len(), 2);
    says(&said, &["starting from out/best_model", "classifier of 3 classes is replaced by a new one of 2"]);
}

#[test]
fn what_cannot_be_tuned_is_said() {
    let folder = copy_of_trained();
    let failed = |flags: &str| run(folder.path(), &format!("train photos --out no {flags}")).failed();
    says(&failed("--freeze-until head"), &["random weights", "--from"]);
    says(&failed("--from out/best_model --freeze-until 12"), &["12", "11 blocks"]);
    let misread = run(folder.path(), "train photos --from out/best_model --freeze-until tail");
    assert_eq!(misread.code, Some(2));
    says(&misread.err, &["tail", "head"]);
    says(&failed("--from out/best_model --width 0.5"), &["--from", "--width"]);
    says(&failed("--from nowhere"), &["nowhere"]);
    assert!(!folder.path().join("no").exists());
}

#[test]
fn a_state_that_evaluates_to_no_number_is_not_saved() {
    let folder = copy_of_trained();
    let best = folder.path().join("out/best_model/model.safetensors");
    let mut bytes = fs::read(&best).unwrap();
    let variance = tensor(&best, "blocks.2.project.bn.running_var");
    let at = bytes.windows(variance.len()).position(|window| window == variance).unwrap();
    // Training takes a batch's own variance, so its loss is finite; evaluation takes the root of this.
    for value in bytes[at..at + variance.len()].chunks_exact_mut(4) {
        value.copy_from_slice(&(-1e6_f32).to_le_bytes());
    }
    fs::write(folder.path().join("bad.safetensors"), bytes).unwrap();
    let command = "train photos --from bad.safetensors --epochs 2 --batch 8 --freeze-bn=false --out no";
    let failed = run(folder.path(), command).failed();
    says(
        &failed,
        &[
            "the loss of evaluation at step 2 (epoch 1) is not a finite number",
            "No epoch was finished before",
        ],
    );
    let saved = |name: &str| folder.path().join("no").join(name).exists();
    assert!(saved("train.log") && !["latest", "epoch_1", "best_model"].into_iter().any(saved));
}

/// ImageNet weights, imported once for this test program; none without the development data.
fn imagenet() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<TempDir>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let file = shared()?.join("models/tf_mobilenetv3_small_100.safetensors");
        let folder = workplace();
        run(folder.path(), &format!("import {} --out imagenet.safetensors", file.display())).ok();
        Some(folder)
    });
    folder.as_ref().map(TempDir::path)
}

#[test]
fn imported_weights_are_tuned_in_their_own_family_and_resumed_to_the_same_bits() {
    let Some(folder) = imagenet() else { return };
    let at = |path: &str| folder.join(path);
    let command = "train photos --from imagenet.safetensors --size 32 --batch 8 --epochs 2 --head-lr 5";
    run(folder, &format!("{command} --freeze-until 4 --out whole")).ok();
    let model = at("whole/latest/model.safetensors");
    assert_eq!(metadata(&model, "architecture")["family"], "timm-tf");
    let recipe = metadata(&model, "preprocessing");
    assert_eq!((&recipe["mean"][0], &recipe["std"][0]), (&0.5.into(), &0.5.into()));
    assert_eq!(
        tensor(&model, "blocks.3.project.conv.weight"),
        tensor(&at("imagenet.safetensors"), "blocks.3.project.conv.weight")
    );
    run(folder, &format!("{command} --freeze-until 4 --out halves --stop-after 1")).ok();
    run(folder, "train photos --resume halves/latest --out halves").ok();
    same_bits(&at("whole/latest"), &at("halves/latest"));
}

/// A folder with so many of `trashnet`'s photos of each class to train on, and 20 to evaluate on.
fn some_of(trashnet: &Path, folder: &Path, each: usize) {
    fs::create_dir_all(folder).unwrap();
    fs::copy(trashnet.join("label_list.txt"), folder.join("label_list.txt")).unwrap();
    for (name, each) in [("train_list.txt", each), ("val_list.txt", 20)] {
        let all = fs::read_to_string(trashnet.join(name)).unwrap();
        let mut taken: HashMap<&str, usize> = HashMap::new();
        let some = all.lines().filter(|line| {
            let (_, class) = line.rsplit_once(' ').unwrap();
            let count = taken.entry(class).or_default();
            *count += 1;
            *count <= each
        });
        let some: Vec<&str> = some.collect();
        fs::write(folder.join(name), some.join("\n")).unwrap();
        for (photo, _) in some.iter().filter_map(|line| line.rsplit_once(' ')) {
            fs::create_dir_all(folder.join(photo).parent().unwrap()).unwrap();
            fs::copy(trashnet.join(photo), folder.join(photo)).unwrap();
        }
    }
}

/// By Momentum and the statistics of each batch it was a quarter.
#[test]
fn a_few_photos_of_each_class_and_a_few_epochs_teach_what_imagenet_has_prepared() {
    let (Some(shared), Some(folder)) = (shared(), imagenet()) else { return };
    some_of(&shared.join("data/trashnet"), &folder.join("trashnet"), 25);
    let command = "train trashnet --from imagenet.safetensors --size 96 --batch 16 --epochs 4 --out rubbish";
    let said = run(folder, command).ok().said();
    let (_, best) = said.rsplit_once("best metric: ").unwrap();
    let best: f64 = best.split(']').next().unwrap().parse().unwrap();
    // By chance a sixth are right.
    assert!(best > 0.45, "{best} of the photos are right\n{said}");
}
