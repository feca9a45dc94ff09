//! Training with every optimiser: a run that is stopped and resumed ends with the same bits, and goes on with no other optimiser.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use std::fs;

/// The same run in one go and in two: the bits of both ends.
fn in_one_go_and_in_two(options: &str) {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    train(folder.path(), &format!("photos --epochs 3 --out whole {options}")).ok();
    train(folder.path(), &format!("photos --epochs 3 --out halves --stop-after 1 {options}")).ok();
    train(folder.path(), "photos --epochs 3 --out halves --resume halves/latest").ok();
    if fs::metadata(at("whole/latest/optimiser.safetensors")).unwrap().len() < 1000 {
        // Of an optimiser that keeps nothing.
        let model = |run: &str| tensors(&at(run).join("latest/model.safetensors"));
        assert!(options.contains("sgd") && model("whole") == model("halves"));
    } else {
        same_bits(&at("whole/latest"), &at("halves/latest"));
    }
    let other = train(folder.path(), &format!("photos --epochs 3 --out other --seed 1 {options}"));
    other.ok();
    assert_ne!(
        tensors(&at("whole/latest/model.safetensors")),
        tensors(&at("other/latest/model.safetensors"))
    );
}

#[test]
fn sgd_goes_on_with_the_same_bits() {
    in_one_go_and_in_two("--optimizer sgd");
}

#[test]
fn nesterovs_momentum_goes_on_with_the_same_bits() {
    in_one_go_and_in_two("-o Optimizer.use_nesterov=True -o Optimizer.clip_norm=0.5");
}

#[test]
fn rmsprop_goes_on_with_the_same_bits() {
    in_one_go_and_in_two("--optimizer rmsprop -o Optimizer.momentum=0.9 -o Optimizer.centered=True");
}

#[test]
fn adam_goes_on_with_the_same_bits() {
    in_one_go_and_in_two("--optimizer adam");
}

#[test]
fn adamw_goes_on_with_the_same_bits() {
    in_one_go_and_in_two("--optimizer adamw -o Optimizer.one_dim_param_no_weight_decay=True");
}

#[test]
fn a_checkpoint_goes_on_with_its_own_optimiser_alone() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    let log = train(folder.path(), "photos --epochs 2 --stop-after 1 --out run --optimizer adam").ok();
    says(&log.out, &["Adam with a learning rate of up to 0.00075 and a weight decay of 0.00002"]);
    assert_eq!(state(&at("run/latest"))["optimiser"], "Adam");
    let refused = train(folder.path(), "photos --epochs 2 --out run --resume run/latest --optimizer sgd");
    says(&refused.failed(), &["goes on with Adam", "not with SGD", "--optimizer"]);
    let words = "photos --epochs 2 --out run --resume run/latest -o Optimizer.name=AdamW \
                 -o Optimizer.regularizer=None -o Optimizer.weight_decay=0.01";
    says(
        &train(folder.path(), words).failed(),
        &["was trained with Adam, now it is AdamW", "same Optimizer.name"],
    );
    let words = "photos --epochs 2 --out run --resume run/latest --optimizer adam";
    train(folder.path(), words).ok();
    let refused = train(folder.path(), "-c run/config.yaml --optimizer sgd");
    says(&refused.failed(), &["change what run/config.yaml says by -o Optimizer.name=SGD"]);
    let unknown = train(folder.path(), "photos --optimizer lamb");
    assert_eq!(unknown.code, Some(2));
    says(&unknown.err, &["'lamb'", "there are momentum, sgd, rmsprop, adam, adamw"]);
    // With momentum, the mean of gradients is another slot.
    train(folder.path(), "photos --epochs 2 --stop-after 1 --out rms --optimizer rmsprop").ok();
    let words = "photos --epochs 2 --out rms --resume rms/latest -o Optimizer.momentum=0.5";
    says(&train(folder.path(), words).failed(), &["kept no moment", "settings of the first run"]);
}

#[test]
fn checkpoints_of_older_versions_go_on_with_momentum() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    train(folder.path(), "photos --epochs 2 --out whole").ok();
    train(folder.path(), "photos --epochs 2 --stop-after 1 --out run").ok();
    // They say nothing of their optimiser, and hold its velocity by the names of the parameters.
    let path = at("run/latest/state.json");
    let mut old = state(&at("run/latest"));
    assert_eq!(old.as_object_mut().unwrap().remove("optimiser").unwrap(), "Momentum");
    fs::write(&path, old.to_string()).unwrap();
    let velocity = fs::read(at("run/latest/optimiser.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&velocity).contains("\"stem.conv.weight\""));
    train(folder.path(), "photos --epochs 2 --out run --resume run/latest").ok();
    same_bits(&at("whole/latest"), &at("run/latest"));
}

#[cfg(unix)]
#[test]
fn gradients_on_their_way_to_an_update_are_kept() {
    for optimiser in ["momentum", "adam"] {
        let folder = workplace();
        // Of which 96 are trained on in 12 batches.
        draw(&folder.path().join("photos"), 3, 40);
        let at = |path: &str| folder.path().join(path);
        let options =
            format!("--epochs 8 --optimizer {optimiser} -o Global.update_freq=6 -o Global.save_interval=100");
        let words = format!("photos --out broken {options} -o Global.print_batch_step=1");
        // Where it stops nobody can say: once more if it is at the end of an update.
        let stopped_within = (0..20).any(|_| {
            // Nothing is there the first time.
            let _ = fs::remove_dir_all(at("broken"));
            interrupted(folder.path(), &words, "broken", "Epoch 2/8][Iter: 1");
            !state(&at("broken/latest"))["step"].as_u64().unwrap().is_multiple_of(6)
        });
        assert!(stopped_within);
        train(folder.path(), &format!("photos --out broken {options} --resume broken/latest")).ok();
        train(folder.path(), &format!("photos --out whole {options}")).ok();
        same_bits(&at("whole/latest"), &at("broken/latest"));
    }
}

#[test]
fn several_batches_make_one_update() {
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    let mut command = program(folder.path());
    command.arg("train").args(TINY).args("photos --stop-after 2 --out run".split(' '));
    command.args(["-o", "Global.epochs=4"]);
    command.args(["-o", "Optimizer.lr={name: Cosine, learning_rate: 0.1}"]);
    let output = command.args(["-o", "Global.print_batch_step=1", "-o", "Global.update_freq=3"]).output();
    let log = Ran::of(output.unwrap()).ok().out;
    says(&log, &["3 batches make one update, and the rate changes with the updates"]);
    let metrics = fs::read_to_string(at("run/metrics.jsonl")).unwrap();
    let quarter = 0.05 * (1.0 + (std::f64::consts::PI / 4.0).cos());
    let rates: Vec<f64> = metrics
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["lr"].as_f64())
        .collect();
    let expected = [0.1, 0.1, quarter, quarter, quarter, 0.05];
    assert_eq!(rates.len(), expected.len(), "{rates:?}");
    assert!(rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{rates:?}");
    let words = "photos --out run --resume run/latest -o Global.update_freq=1";
    says(&train(folder.path(), words).failed(), &["an update every 3 batches, now it is every 1"]);
    let refused = train(folder.path(), "photos --epochs 1 --out other -o Global.update_freq=4");
    says(&refused.failed(), &["Global.update_freq is 4, but an epoch has 3 batches", "give at most 3"]);
    let log = train(folder.path(), "photos --epochs 1 --out other -o Global.update_freq=2").ok().out;
    says(&log, &["1 batch is left out of every epoch", "Iter: 1/2]"]);
}

#[test]
fn averaged_weights_are_evaluated_kept_and_gone_on_with() {
    let ema = "-o EMA.decay=0.5";
    in_one_go_and_in_two(ema);
    let folder = workplace();
    let at = |path: &str| folder.path().join(path);
    let log = train(folder.path(), &format!("photos --epochs 3 --out whole {ema}")).ok().out;
    says(
        &log,
        &["[Eval][Epoch 1][EMA][Avg]CELoss", "[Eval][Epoch 3][best metric ema: ", "whole/best_model_ema"],
    );
    let slow = train(folder.path(), "photos --epochs 1 --out slow -o EMA.decay=0.99").ok().out;
    says(&slow, &["EMA.decay is 0.99: after the 3 updates of the run 97 % of its average"]);
    says(&log, &["the averaged weights' best top-1 is", "best_model_ema beside it"]);
    let words = format!("photos --epochs 3 --out halves --stop-after 1 {ema} -o Global.update_freq=2");
    train(folder.path(), &words).ok();
    let old = state(&at("halves/latest"))["best_average"].clone();
    assert!(old.is_array(), "{old}");
    train(folder.path(), "photos --epochs 3 --out halves --resume halves/latest").ok();
    train(folder.path(), &format!("photos --epochs 3 --out twos {ema} -o Global.update_freq=2")).ok();
    let average = |run: &str| tensors(&at(run).join("latest/ema.safetensors"));
    assert_eq!(average("twos"), average("halves"));
    assert_ne!(average("whole"), average("twos"));
    assert_eq!(state(&at("twos/latest"))["best_average"], state(&at("halves/latest"))["best_average"]);
    // It is another model than the one that was trained, and one to be used.
    assert_ne!(average("whole"), tensors(&at("whole/latest/model.safetensors")));
    for model in ["whole/best_model_ema", "whole/latest/ema.safetensors"] {
        run(folder.path(), &format!("verify {model}")).ok();
    }
    // The weights that are trained are what they are without it.
    train(folder.path(), "photos --epochs 3 --out plain").ok();
    same_bits(&at("plain/latest"), &at("whole/latest"));
    let refused = train(folder.path(), &format!("photos --epochs 4 --out plain --resume plain/latest {ema}"));
    says(&refused.failed(), &["holds no moving average of the weights", "resume without EMA"]);
    train(folder.path(), "photos --epochs 4 --out whole --resume whole/latest -o EMA=None").ok();
    assert!(!at("whole/latest/ema.safetensors").exists());
    let overwritten = train(folder.path(), "photos --epochs 1 --out whole --overwrite");
    overwritten.ok();
    assert!(!at("whole/best_model_ema").exists());
}

#[test]
fn recorded_launches_take_the_same_steps() {
    let folder = workplace();
    let trained = |name: &str, value: &str| {
        let mut command = program(folder.path());
        command.env("PHOTONET_DEVICE_CLASS", "discrete").env("PHOTONET_RECORDED", "1").env(name, value);
        let words = format!(
            "photos --epochs 2 --out {name}_{value} --optimizer adam -o EMA.decay=0.5 -o Optimizer.clip_norm=0.1 \
             -o Global.update_freq=2"
        );
        Ran::of(command.arg("train").args(TINY).args(words.split_whitespace()).output().unwrap()).ok();
        folder.path().join(format!("{name}_{value}/latest"))
    };
    let encoded = trained("PHOTONET_RECORDED", "0");
    for (name, value) in [("PHOTONET_RECORDED", "1"), ("PHOTONET_WATCHED", "1")] {
        // On other systems the first device may not run on Vulkan.
        if name != "PHOTONET_WATCHED" || cfg!(target_os = "linux") {
            let recorded = trained(name, value);
            same_bits(&encoded, &recorded);
            let average = |run: &std::path::Path| tensors(&run.join("ema.safetensors"));
            assert!(average(&encoded) == average(&recorded), "{name}");
        }
    }
}
