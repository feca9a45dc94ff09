//! What a user of PaddleClas expects of `-c FILE.yaml -o Key.Sub=value`.

mod common;

use common::*;
use std::fs;
use std::path::Path;

const PHOTO: &str = "photos/grass/00.png";

/// Runs a command with the configuration of the run in `out/` and its best model.
fn with_file(folder: &Path, command: &str, overrides: &[&str]) -> Ran {
    let mut program = program(folder);
    program.args(command.split_whitespace()).args(["-c", "out/config.yaml"]);
    program.args(["-o", "Global.pretrained_model=out/best_model"]);
    for change in overrides {
        program.args(["-o", *change]);
    }
    Ran::of(program.output().expect("the program can be started"))
}

#[test]
fn a_files_preprocessing_is_followed_and_its_difference_is_told() {
    let folder = trained();
    let infer = format!("infer {PHOTO} --format json --logits --input-hash");
    let line = |overrides: &[&str]| {
        let ran = with_file(folder, &infer, overrides).ok();
        (ran.json(), ran.err)
    };
    let (own, said) = line(&[]);
    assert!(!said.contains("preprocessing"), "{said}");
    let without = run(folder, &format!("{infer} --model out/best_model")).ok().json();
    assert_eq!(own, without);
    for (change, words) in [
        (
            "Infer.transforms.1.ResizeImage.resize_short=50",
            "ResizeImage.resize_short 50 where the model has 37",
        ),
        ("Infer.transforms.2.CropImage.size=36", "CropImage.size 36 where the model has 32"),
    ] {
        let (other, said) = line(&[change]);
        assert_ne!(other["input_sha256"], own["input_sha256"], "{change}");
        says(&said, &["photonet: preprocessing of out/config.yaml: ", words]);
    }
    let plain = "Infer.transforms.3.NormalizeImage.mean=[0, 0, 0]";
    let (other, said) = line(&[plain]);
    says(&said, &["NormalizeImage.mean [0.0, 0.0, 0.0] where the model has [0.485, 0.456, 0.406]"]);
    assert_ne!(other["logits"], own["logits"]);
    assert_eq!(other["input_sha256"], own["input_sha256"]);

    // The processor and the GPU take another size alike.
    let logits = |device: &str| {
        let command = format!("{infer} --device {device}");
        let ran = with_file(folder, &command, &["Infer.transforms.2.CropImage.size=36"]).ok();
        serde_json::from_value::<Vec<f64>>(ran.json()["logits"].clone()).unwrap()
    };
    for (cpu, gpu) in logits("cpu").iter().zip(logits("software")) {
        assert!((cpu - gpu).abs() < 1e-4 * (1.0 + cpu.abs()), "{cpu}, {gpu}");
    }

    let refused = with_file(folder, &infer, &["Infer.transforms.2.CropImage.size=20"]).failed();
    says(&refused, &["image size 20 is out of range"]);
    let refused = with_file(folder, &infer, &["Infer.transforms=[{RandCropImage: {size: 32}}]"]).failed();
    says(&refused, &["Infer.transforms holds steps that draw random numbers"]);
}

#[test]
fn eval_follows_the_operators_of_its_loader() {
    let folder = trained();
    let loss = |overrides: &[&str]| {
        let ran = with_file(folder, "eval --format json", overrides).ok();
        (ran.json()["loss"].as_f64().unwrap(), ran.err)
    };
    let (own, said) = loss(&[]);
    assert!(!said.contains("preprocessing"), "{said}");
    let ops = "DataLoader.Eval.dataset.transform_ops";
    let (other, said) = loss(&[&format!("{ops}.3.NormalizeImage.mean=[0, 0, 0]")]);
    assert_ne!(own, other);
    says(
        &said,
        &["preprocessing of out/config.yaml: NormalizeImage.mean [0.0, 0.0, 0.0] where the model has"],
    );
    // Those of training and of infer are none of its business.
    let (same, said) = loss(&[
        "DataLoader.Train.dataset.transform_ops.1={BlurImage: {}}",
        "Infer.transforms=[{PadImage: {}}]",
    ]);
    assert_eq!((same, said.contains("preprocessing")), (own, false));
}

#[test]
fn eval_needs_no_training_list() {
    let folder = trained();
    let yaml = "Global: {pretrained_model: out/best_model}\n\
                DataLoader: {Eval: {dataset: {image_root: /, cls_label_path: out/val_list.txt}}}\n";
    fs::write(folder.join("eval.yaml"), yaml).unwrap();
    assert_eq!(run(folder, "eval -c eval.yaml --format json").ok().json()["images"], 6);
}

/// Trains an epoch with [`with_file`]'s configuration and overrides in a copy of [`trained`].
fn trained_with(overrides: &[&str]) -> Ran {
    let folder = copy_of_trained();
    with_file(folder.path(), "train --epochs 1 --out again", overrides)
}

#[test]
fn the_global_model_counts_before_that_of_arch() {
    let said = trained_with(&["Arch.pretrained=nowhere"]).ok().said();
    says(
        &said,
        &[
            "starting from out/best_model",
            "Global.pretrained_model counts",
            "Arch.pretrained, nowhere, is not read",
        ],
    );
    let failed = trained_with(&["Global.pretrained_model=None", "Arch.pretrained=nowhere"]).failed();
    says(&failed, &["nowhere"]);
    // A flag counts before the file.
    let folder = copy_of_trained();
    let command = "train -c out/config.yaml --from out/best_model --epochs 1 --out again -o Global.pretrained_model=nowhere";
    run(folder.path(), command).ok();
}

#[test]
fn each_list_of_accuracies_is_reported_and_the_first_of_eval_decides() {
    let folder = copy_of_trained();
    let lists = ["Metric.Train=[{TopkAcc: {topk: [2]}}]", "Metric.Eval=[{TopkAcc: {topk: [2, 1, 3, 5]}}]"];
    let said = with_file(folder.path(), "train --epochs 1 --out again", &lists).ok().said();
    // The first three of three are all there are.
    let left_out = [3, 5].map(|k| format!("top-{k} says nothing with 3 classes and is left out"));
    says(&said, &[&left_out[0], &left_out[1], "best top-2"]);
    let lines = fs::read_to_string(folder.path().join("again/metrics.jsonl")).unwrap();
    let events = lines.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    let (mut of_eval, mut best, mut trained) = (None, None, 0);
    for event in events {
        match event["event"].as_str().unwrap() {
            "train_step" | "train_epoch" => {
                assert!(event["top2"].is_number() && event["top1"].is_null(), "{event}");
                trained += 1;
            }
            "eval_epoch" => of_eval = Some(event),
            "best" => best = event["metric"].as_f64(),
            _ => {}
        }
    }
    let of_eval = of_eval.unwrap();
    assert!(trained > 1 && of_eval["top1"].as_f64() <= of_eval["top2"].as_f64(), "{of_eval}");
    assert_eq!(best, of_eval["top2"].as_f64());
    assert!(of_eval["top3"].is_null(), "{of_eval}");
    let log = fs::read_to_string(folder.path().join("again/train.log")).unwrap();
    says(&log, &["[Eval][Epoch 1][Avg]CELoss: ", ", top2: ", ", top1: "]);

    let ran =
        with_file(folder.path(), "eval --format json", &[lists[1], "Global.pretrained_model=again/latest"]);
    let json = ran.ok().json();
    for k in ["top1", "top2"] {
        assert_eq!(json[k], of_eval[k], "{k}");
    }
    assert!(json["top3"].is_null() && json["top5"].is_null(), "{json}");
}

#[test]
fn a_configuration_of_another_network_than_the_model_is_refused() {
    let folder = trained();
    for (change, words) in [
        ("Arch.name=MobileNetV3_large_x1_0", "Arch.name is MobileNetV3_large_x1_0"),
        ("Arch.name=MobileNetV3_small_x0_5", "Arch.name is MobileNetV3_small_x0_5"),
        ("Arch.class_num=4", "Arch.class_num is 4"),
    ] {
        let infer = format!("infer {PHOTO}");
        for command in ["eval", infer.as_str()] {
            let failed = with_file(folder, command, &[change]).failed();
            says(
                &failed,
                &["out/best_model holds paddle MobileNetV3 small x0.35 with 3 classes, but", words],
            );
        }
    }
}

#[test]
fn a_model_of_another_normalisation_is_told() {
    let same = "mean=[0.4, 0.4, 0.4]";
    let said = trained_with(&[
        &format!("DataLoader.Train.dataset.transform_ops.NormalizeImage.{same}"),
        &format!("DataLoader.Eval.dataset.transform_ops.NormalizeImage.{same}"),
    ]);
    let words =
        "WARNING: DataLoader.Eval has NormalizeImage.mean [0.4, 0.4, 0.4] where that model has [0.485, ";
    says(&said.ok().said(), &[words]);
    assert!(!trained_with(&[]).ok().said().contains("that model has"));
}

#[test]
fn evaluation_begins_where_it_is_asked_to() {
    let folder = copy_of_trained();
    let command = "train --epochs 4 --out again";
    with_file(folder.path(), command, &["Global.start_eval_epoch=3"]).ok();
    let log = fs::read_to_string(folder.path().join("again/train.log")).unwrap();
    let evaluated = |epoch: u32| log.contains(&format!("[Eval][Epoch {epoch}][Avg]"));
    assert_eq!([1, 2, 3, 4].map(evaluated), [false, false, true, true], "{log}");
}

#[test]
fn training_lines_show_the_next_rate_and_means_since_the_epochs_start() {
    let folder = copy_of_trained();
    let lr = "Optimizer.lr={name: Constant, learning_rate: 0.4, warmup_epoch: 1}";
    // A warm-up of one epoch of 3 steps.
    let expected = [0.4 / 3.0, 0.8 / 3.0, 0.4, 0.4, 0.4, 0.4];
    let overrides = [lr, "Global.print_batch_step=1", "Global.pretrained_model=None"];
    with_file(folder.path(), "train --epochs 2 --out again", &overrides).ok();
    let lines = fs::read_to_string(folder.path().join("again/metrics.jsonl")).unwrap();
    let (mut rates, mut last, mut ends) = (Vec::new(), None, 0);
    for line in lines.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["event"] == "train_step" {
            rates.push(event["lr"].as_f64().unwrap());
            last = event["loss"].as_f64();
        } else if event["event"] == "train_epoch" {
            assert_eq!(event["loss"].as_f64(), last);
            ends += 1;
        }
    }
    assert_eq!((rates.len(), ends), (6, 2));
    assert!(rates.iter().zip(expected).all(|(rate, want)| (rate - want).abs() < 1e-12), "{rates:?}");
}

#[test]
fn a_list_of_photos_is_classified() {
    let folder = copy_of_trained();
    fs::write(folder.path().join("list.txt"), "grass/00.png 1\nblue sky/01.jpg 0\nblue sky/00.png\n")
        .unwrap();
    let list = ["Infer.infer_list=list.txt", "Infer.infer_imgs=photos"];
    let lines = with_file(folder.path(), "infer --format json", &list).ok().json_lines();
    let files: Vec<_> = lines.iter().map(|line| slashes(line["file"].as_str().unwrap())).collect();
    assert_eq!(files, ["photos/grass/00.png", "photos/blue sky/01.jpg", "photos/blue sky/00.png"]);
    let failed = with_file(folder.path(), "infer", &["Infer.infer_imgs=list.txt"]).failed();
    says(&failed, &["list.txt is a text, not a photo", "Infer.infer_list"]);
}

#[test]
fn weights_that_are_no_model_yet_are_told_what_to_do_with() {
    let folder = copy_of_trained();
    fs::write(folder.path().join("Y.pdparams"), b"\x80\x04\x95").unwrap();
    let failed = with_file(folder.path(), "eval", &["Global.pretrained_model=Y"]).failed();
    says(&failed, &["Y.pdparams: these are another program's weights: run `photonet import Y.pdparams"]);
    let address = "Arch.pretrained=https://example.org/MobileNetV3_small_x0_35_pretrained.pdparams";
    let failed = trained_with(&["Global.pretrained_model=None", address]).failed();
    says(&failed, &["is an address, and nothing is downloaded here", "photonet import"]);
    let failed = trained_with(&["Global.pretrained_model=None", "Arch.pretrained=True"]).failed();
    says(&failed, &["download them", "photonet import"]);
}

#[test]
fn epochs_alone_are_changed_where_the_warm_up_is_said() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let warmup = |out: &str| {
        let text = fs::read_to_string(folder.join(out).join("config.yaml")).unwrap();
        let line = text.lines().find(|line| line.contains("warmup_epoch")).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(warmup("out"), "warmup_epoch: 0.2");
    let said = "-o Optimizer.lr.warmup_epoch=0.5";
    run(folder, &format!("train -c out/config.yaml {said} --epochs 1 --out file")).ok();
    run(folder, &format!("train -c out/config.yaml --from out/best_model {said} --epochs 1 --out model"))
        .ok();
    let schedule = "-o Optimizer.lr.learning_rate=0.1 -o Optimizer.lr.warmup_epoch=0.5";
    train(folder, &format!("photos {schedule} --epochs 1 --out flags")).ok();
    let from = "train photos --from out/best_model --batch 8 --stop-after 1";
    run(folder, &format!("{from} {schedule} --out tuned")).ok();
    run(folder, "train --resume file/latest --epochs 2").ok();
    for out in ["file", "model", "flags", "tuned"] {
        assert_eq!(warmup(out), "warmup_epoch: 0.5", "{out}");
    }
    // By the defaults it is a tenth.
    run(folder, &format!("{from} --epochs 3 --out usual")).ok();
    assert_eq!(warmup("usual"), "warmup_epoch: 0.3");
}
