//! What a newcomer does wrong, and what the program says of it.

mod common;

use common::*;
use std::fs;

#[test]
fn the_classes_are_named_and_a_folder_one_level_too_high_is_refused() {
    let log = fs::read_to_string(trained().join("out/train.log")).unwrap();
    says(&log, &["classes: blue sky 10, grass 10, ümlaut 10\n"]);
    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        draw(&folder.path().join("up").join(part), 2, 4);
    }
    let error = train(folder.path(), "up --epochs 1 --out out").failed();
    says(&error, &["the class folders test, train of up", "blue sky, grass", "give up/train", "--nested"]);
    assert!(!folder.path().join("out").exists());
    // What a configuration file names is trained on as ever.
    fs::write(folder.path().join("c.yaml"), "DataLoader: {Train: {dataset: {image_root: up}}}\n").unwrap();
    let said = train(folder.path(), "-c c.yaml --epochs 1 --out out").ok();
    says(&said.err, &["warning: the class folders test, train of up"]);
    says(&said.out, &["classes: test 8, train 8\n", "lie in sub-folders only", "train (blue sky, grass)"]);
    let said = train(folder.path(), "up --nested --epochs 1 --out nested").ok();
    assert!(!said.err.contains("--nested"), "{}", said.err);
    // With these names it is known which is which.
    fs::rename(folder.path().join("up/test"), folder.path().join("up/val")).unwrap();
    says(&train(folder.path(), "up --epochs 1 --out both").ok().out, &["classes: blue sky 8, grass 8\n"]);
    fs::create_dir(folder.path().join("higher")).unwrap();
    fs::rename(folder.path().join("up/train"), folder.path().join("higher/photos")).unwrap();
    says(
        &train(folder.path(), "higher --out one").failed(),
        &["one class only (photos)", "give higher/photos"],
    );
}

#[test]
fn a_run_is_not_written_over_another() {
    let folder = copy_of_trained();
    let at = |path: &str| folder.path().join(path);
    let before = files(&at("out"));
    let choices = ["out holds a run already", "--resume out/latest", "--out", "--overwrite"];
    says(&train(folder.path(), "photos --epochs 1 --out out").failed(), &choices);
    fs::write(at("c.yaml"), "Global: {output_dir: out, epochs: 1}\n").unwrap();
    says(&train(folder.path(), "photos -c c.yaml").failed(), &choices);
    says(
        &train(folder.path(), "photos --out out --overwrite --resume out/latest").failed(),
        &["--overwrite"],
    );
    assert_eq!(files(&at("out")), before);
    // Nor is anything left of a run whose options are refused, however late.
    let refused = |arguments: &str| {
        let mut command = program(folder.path());
        command.env("PHOTONET_BINDING_LIMIT", (3 << 20).to_string()).args(arguments.split_whitespace());
        Ran::of(command.output().unwrap()).failed()
    };
    says(&refused("train photos --size 512 --batch 24 --epochs 1 --out new"), &["bytes in one buffer"]);
    assert!(!at("new").exists());
    fs::write(at("out/notes.txt"), "mine").unwrap();
    train(folder.path(), "photos --epochs 1 --out out --overwrite").ok();
    assert!(at("out/notes.txt").exists() && at("out/epoch_1").exists() && !at("out/epoch_2").exists());
    assert!(!fs::read_to_string(at("out/train.log")).unwrap().contains("Epoch 2"), "the log is a new one");
}

#[test]
fn a_run_that_cannot_learn_says_so() {
    let folder = workplace();
    // Nothing is learned at a rate of nothing: all photos look alike.
    let said = train(folder.path(), "photos --epochs 1 --lr 0 --out out").ok().out;
    let few = "WARNING: 3 steps in all may be too few to learn much: 24 photos in whole batches of 8 make 3 steps an epoch, \
               in 1 epoch. What helps: more --epochs (such as 67) or a model to start from (--from MODEL)\n";
    says(&said, &[few, "is no better than always saying blue sky, the most frequent class"]);
    let said = run(
        folder.path(),
        "train photos --from out/best_model --batch 24 --epochs 200 --stop-after 1 --out more",
    );
    let said = said.ok().said();
    assert!(!said.contains("too few") && !said.contains("no better"), "{said}");
}

#[test]
fn the_processor_only_classifies() {
    let folder = trained();
    for command in [
        "train photos --out other",
        "bench",
        "bench --train",
        "tune",
        "check",
        "verify out/best_model",
        "import out/best_model/model.safetensors --out other",
    ] {
        let error = run(folder, &format!("{command} --device cpu")).failed();
        says(&error, &["--device cpu is for classifying only", "use --device software"]);
    }
    // In a file it is PaddleClas's word for a run without a GPU.
    let said = train(workplace().path(), "photos -o Global.device=cpu --epochs 1 --out out").ok();
    assert!(!said.said().contains("--device"), "{}", said.said());
}

#[test]
fn a_run_says_where_it_stopped_and_a_finished_one_that_it_is() {
    let folder = workplace();
    let ran = |arguments: &str| slashes(&run(folder.path(), &format!("train {arguments}")).ok().out);
    let first = format!("{} photos --epochs 3 --out out", TINY.join(" "));
    let said = ran(&format!("{first} --stop-after 1"));
    says(&said, &["24 photos to train on, 6 to evaluate on, 3 epochs of 3 steps\n"]);
    let last = "stopped after 1 of 3 epochs; go on with: photonet train --resume out/latest\n";
    assert!(said.ends_with(last), "{said}");
    let before = files(&folder.path().join("out"));
    let said = ran("--resume out/latest --stop-after 1");
    says(&said, &["nothing to do up to --stop-after 1: 1 of 3 epochs are done", "best top-1"]);
    assert_eq!(files(&folder.path().join("out")), before);
    let said = ran("--resume out/latest");
    says(&said, &["going on with epoch 2 of 3\n", "best top-1"]);
    assert!(!said.contains("stopped after"), "{said}");
    let before = files(&folder.path().join("out"));
    let said = ran("--resume out/latest");
    assert!(
        said.starts_with("the run is finished (3 of 3 epochs): give --epochs N to go on\nbest top-1 "),
        "{said}"
    );
    says(&said, &["the model is out/best_model/model.safetensors"]);
    says(&ran("--resume out/latest --epochs 2"), &["finished (3 epochs are done, 2 asked for)"]);
    assert_eq!(files(&folder.path().join("out")), before);
    says(&ran("--resume out/latest --epochs 4"), &["going on with epoch 4 of 4\n"]);
    let kept = |epoch: u32| folder.path().join(format!("some/epoch_{epoch}")).is_dir();
    ran(&format!("{} photos --epochs 3 --save-every 2 --out some", TINY.join(" ")));
    assert_eq!([1, 2, 3].map(kept), [false, true, false]);
    assert!(folder.path().join("some/latest").is_dir());
    let refused = run(folder.path(), "train photos --lr -1 --out none").failed();
    says(&refused, &["--lr -1 is not a learning rate: use a number such as 0.05"]);
    let said = ran("photos --size 32 --width 0.35 --batch 24 --epochs 1 --out short");
    says(&said, &["1 epoch of 1 step\n"]);
}

#[test]
fn the_folder_of_a_run_is_not_its_model() {
    let folder = trained();
    let failed = |command: &str| run(folder, command).failed();
    for command in [
        "infer photos --model out",
        "eval --data photos --model out",
        "embed photos --model out",
        "train photos --out other --from out",
        "summary --model out",
        "inspect out",
        "verify out",
        "export out --format onnx --out other.onnx",
    ] {
        says(&failed(command), &["out holds no model.safetensors: did you mean out/best_model?"]);
    }
    says(&failed("inspect photos"), &["photos holds no model.safetensors: give a model file"]);
    let resume = ["--resume out", "photos --out other -o Global.checkpoints=out"];
    for arguments in resume {
        says(&train(folder, arguments).failed(), &["the folder of a whole run: did you mean out/latest?"]);
    }
}

#[test]
fn what_is_no_model_is_called_what_it_is() {
    let folder = copy_of_trained();
    let run = |arguments: &str| run(folder.path(), arguments);
    for (format, file) in [("onnx", "w.onnx"), ("safetensors-paddle", "w.safetensors")] {
        run(&format!("export out/best_model --format {format} --out {file}")).ok();
    }
    fs::write(folder.path().join("w.pdparams"), b"\x80\x02}q\x00.").unwrap();
    fs::write(folder.path().join("w.pth"), b"PK\x03\x04 and so on, as torch.save begins").unwrap();
    for file in ["w.safetensors", "w.pdparams", "w.pth"] {
        let advice = format!(
            "{file}: these are another program's weights: run `photonet import {file} --out MODEL.safetensors` first"
        );
        says(&run(&format!("infer photos --model {file}")).failed(), &[&advice]);
        says(&run(&format!("train photos --out other --from {file}")).failed(), &[&advice]);
        let by_key = format!("train photos --out other -o Arch.pretrained={file}");
        says(&run(&by_key).failed(), &[&advice]);
    }
    says(&run("inspect w.onnx").failed(), &["w.onnx is an ONNX file"]);
    says(&run("inspect photos/grass/00.png").failed(), &["00.png is a photo, not a model"]);
    let bytes = fs::read(folder.path().join("out/best_model/model.safetensors")).unwrap();
    fs::write(folder.path().join("short.safetensors"), &bytes[..bytes.len() - 10]).unwrap();
    says(&run("inspect short.safetensors").failed(), &["short.safetensors", "truncated"]);
}

#[test]
fn files_that_are_left_out_are_named() {
    let folder = workplace();
    for name in ["grass/IMG_1.HEIC", "grass/IMG_2.heic", "grass/notes.txt"] {
        fs::write(folder.path().join("photos").join(name), "x").unwrap();
    }
    let said = train(folder.path(), "photos --epochs 1 --out out").ok().out;
    let apart =
        "2 photos left out in formats that are not supported (HEIC): convert them to JPEG, for example grass";
    says(
        &said,
        &[
            apart,
            "IMG_1.HEIC\n",
            "1 file left out: not a photo by name",
            "; the first is grass",
            "notes.txt\n",
        ],
    );
    let said = run(folder.path(), "eval --model out/latest --data photos").ok().err;
    says(&said, &[apart, "notes.txt"]);
}

#[test]
fn a_photo_is_nothing_to_measure_a_model_on() {
    let error = run(trained(), "eval --model out/best_model --data photos/grass/00.png").failed();
    says(&error, &["00.png is a photo: --data takes a folder", "photonet infer"]);
}
