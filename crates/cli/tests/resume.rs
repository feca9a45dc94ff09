//! A run that is stopped and resumed ends with the same bits as one that is not; so do runs with
//! different numbers of loader threads.

mod common;

use common::*;

#[test]
fn four_epochs_are_two_and_two_and_threads_change_nothing() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    train(folder.path(), "photos --epochs 4 --out whole --workers 1").ok();
    train(folder.path(), "photos --epochs 4 --out halves --workers 4 --stop-after 2").ok();
    assert_eq!(state(&at("halves/latest"))["step"], 6);
    let best = state(&at("halves/latest"))["best"].clone();
    train(folder.path(), "photos --epochs 4 --out halves --workers 4 --resume halves/latest").ok();
    same_bits(&at("whole/latest"), &at("halves/latest"));
    // Names, numbers and their order as well.
    let model = |run: &str| std::fs::read(at(run).join("latest/model.safetensors")).unwrap();
    assert!(model("whole") == model("halves"), "the files of equal models differ");
    let ends = ["whole/latest", "halves/latest"].map(|folder| state(&at(folder)));
    for key in ["best", "stale"] {
        assert_eq!(ends[0][key], ends[1][key], "{key}");
    }
    assert!(ends[0]["best"][2].is_f64(), "{}", ends[0]);
    assert!(best.is_array(), "the best metric is part of the state");
    // PaddleClas's way of resuming, into another folder.
    train(folder.path(), "photos --epochs 4 --out third -o Global.checkpoints=halves/epoch_2").ok();
    same_bits(&at("whole/latest"), &at("third/latest"));
    // The tensors differ from those of an earlier epoch: the comparison can fail.
    assert_ne!(
        tensors(&at("whole/latest/model.safetensors")),
        tensors(&at("whole/epoch_3/model.safetensors"))
    );
}

#[test]
fn mixed_photos_and_weighted_classes_are_the_same_after_a_resume() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    for number in 2..10 {
        let ending = if number % 2 == 0 { "png" } else { "jpg" };
        std::fs::remove_file(at(&format!("photos/grass/{number:02}.{ending}"))).unwrap();
    }
    let plain = train(folder.path(), "photos --epochs 1 --out plain").ok().out;
    says(
        &plain,
        &[
            "WARNING: 8 photos to train on show",
            "times as many as grass (1)",
            "--balance",
            "[Avg]CELoss: ",
            "top1: ",
        ],
    );
    let flags = "photos --epochs 4 --mixup 0.4 --cutmix 1 --balance --augment rand";
    let said = train(folder.path(), &format!("{flags} --out whole --workers 1")).ok().out;
    assert!(!said.contains("--balance"), "{said}");
    says(
        &said,
        &[
            "classes count in the loss by weights from",
            "photos are mixed with others of their batch: mixup with alpha 0.4 in 50 % of the batches, cutmix with alpha 1 in 50 %",
        ],
    );
    let trained: Vec<&str> = said.lines().filter(|line| line.contains("[Train]")).collect();
    assert!(!trained.is_empty() && trained.iter().all(|line| !line.contains("top1")), "{said}");
    assert!(said.lines().any(|line| line.contains("[Eval]") && line.contains("top1")), "{said}");
    train(folder.path(), &format!("{flags} --out halves --workers 4 --stop-after 2")).ok();
    // With the settings of the run itself.
    run(folder.path(), "train --resume halves/latest").ok();
    same_bits(&at("whole/latest"), &at("halves/latest"));
}

#[test]
fn recorded_launches_train_to_the_bits_of_encoded_ones() {
    let folder = workplace();
    let trained = |name: &str, value: &str| {
        let mut command = program(folder.path());
        command.env("PHOTONET_DEVICE_CLASS", "discrete").env("PHOTONET_RECORDED", "1").env(name, value);
        let words = format!("photos --epochs 2 --out {name}_{value}");
        let output = command.arg("train").args(TINY).args(words.split_whitespace()).output();
        Ran::of(output.unwrap()).ok();
        folder.path().join(format!("{name}_{value}/latest"))
    };
    let encoded = trained("PHOTONET_RECORDED", "0");
    same_bits(&encoded, &trained("PHOTONET_RECORDED", "1"));
    // With the driver's bounds checks; and watched, where the first read of the log's counters fails if anything reached beyond its tensors. On
    // other systems the first device may not run on Vulkan.
    same_bits(&encoded, &trained("PHOTONET_ROBUST", "1"));
    if cfg!(target_os = "linux") {
        same_bits(&encoded, &trained("PHOTONET_WATCHED", "1"));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_in_mid_run_and_the_resumed_run_ends_with_the_same_bits() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    let epochs = "--epochs 30 -o Global.print_batch_step=1 -o Global.save_interval=100";
    let ended =
        interrupted(folder.path(), &format!("photos --out broken {epochs}"), "broken", "Epoch 2/30][Iter: 0");
    assert_eq!(ended.code, Some(130), "{}", ended.said());
    let step = state(&at("broken/latest"))["step"].as_u64().unwrap();
    assert!((4..90).contains(&step), "stopped at step {step}");
    no_leftovers(&at("broken"));
    let rest = "--epochs 30 -o Global.save_interval=100";
    train(folder.path(), &format!("photos --out broken {rest} --resume broken/latest")).ok();
    train(folder.path(), &format!("photos --out whole {rest}")).ok();
    same_bits(&at("whole/latest"), &at("broken/latest"));
}
