//! Runs that end when their accuracy does not improve.

mod common;

use common::*;
use std::fs;
use std::path::Path;

/// A run whose accuracy never changes: of a model that learns nothing and keeps its statistics.
const STUCK: &str = "train photos --from out/best_model --size 32 --batch 8 --freeze-bn --lr 0 --epochs 6";

#[test]
fn a_run_without_improvement_ends_early_and_says_so() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let ran = run(folder, &format!("{STUCK} --out stuck --patience 2")).ok();
    says(
        &ran.out,
        &[
            "has not improved for 2 evaluations, the run's patience, after 3 of 6 epochs",
            "--resume stuck/latest --patience 0",
        ],
    );
    says(
        &fs::read_to_string(folder.join("stuck/train.log")).unwrap(),
        &["top-1 has not risen above", "for 2 evaluations", "ends after 3 of 6 epochs"],
    );
    let state = state(&folder.join("stuck/latest"));
    assert_eq!((&state["stale"], &state["step"]), (&2.into(), &9.into()));
    assert!(!folder.join("stuck/epoch_4").exists());
    // Of models as good as one another the last is kept.
    assert_eq!(state["best"][1], 3);
    says(&fs::read_to_string(folder.join("stuck/config.yaml")).unwrap(), &["patience: 2"]);

    // The configuration says the same; evaluations count, not epochs; the end is the end.
    let by_key =
        run(folder, &format!("{STUCK} --out key -o Global.patience=1 -o Global.eval_interval=2")).ok();
    says(&by_key.out, &["has not improved for 1 evaluation, the run's patience, after 4 of 6 epochs"]);
    let whole = run(folder, &format!("{STUCK} --out whole --patience 5")).ok();
    assert!(!whole.said().contains("has not improved"), "{}", whole.said());
    assert!(folder.join("whole/epoch_6").exists());
}

#[test]
fn patience_is_kept_by_a_resume_and_can_be_changed() {
    let folder = copy_of_trained();
    let folder = folder.path();
    run(folder, &format!("{STUCK} --out whole --patience 3")).ok();
    run(folder, &format!("{STUCK} --out halves --patience 3 --stop-after 2")).ok();
    assert_eq!(state(&folder.join("halves/latest"))["stale"], 1);
    says(&run(folder, "train --resume halves/latest --out halves").ok().out, &["after 4 of 6 epochs"]);
    let ends = ["whole", "halves"].map(|out| folder.join(out).join("latest"));
    same_bits(&ends[0], &ends[1]);
    let [whole, halves] = ends.map(|end| state(&end));
    assert_eq!(
        (&whole["stale"], &whole["best"], &whole["step"]),
        (&halves["stale"], &halves["best"], &halves["step"])
    );

    let again = run(folder, "train --resume halves/latest --out halves").ok();
    says(
        &again.out,
        &["the run is finished, as top-1 has not improved for 3 evaluations", "give a larger --patience"],
    );
    says(
        &run(folder, "train --resume halves/latest --out halves --patience 4").ok().out,
        &["after 5 of 6 epochs"],
    );
    let on = run(folder, "train --resume halves/latest --out halves --patience 0").ok();
    assert!(
        !on.said().contains("has not improved") && folder.join("halves/epoch_6").exists(),
        "{}",
        on.said()
    );
}

#[test]
fn the_counter_is_of_evaluations_since_the_best_one_and_old_states_begin_anew() {
    let folder = workplace();
    let folder = folder.path();
    train(folder, "photos --epochs 5 --out out --patience 100").ok();
    let stale = |latest: &Path| state(latest)["stale"].as_u64().unwrap();
    let mut expected = (0.0, 0);
    for line in fs::read_to_string(folder.join("out/metrics.jsonl")).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["event"] == "eval_epoch" {
            let top1 = event["top1"].as_f64().unwrap();
            expected = if top1 > expected.0 { (top1, 0) } else { (expected.0, expected.1 + 1) };
        }
    }
    assert!(expected.0 > 0.0, "the accuracies are in the metrics");
    assert_eq!(stale(&folder.join("out/latest")), expected.1);

    let path = folder.join("out/epoch_2/state.json");
    let mut old = state(&folder.join("out/epoch_2"));
    old.as_object_mut().unwrap().remove("stale");
    fs::write(&path, old.to_string()).unwrap();
    train(folder, "--resume out/epoch_2 --out again").ok();
    assert!(stale(&folder.join("again/latest")) <= 3);
    same_bits(&folder.join("out/latest"), &folder.join("again/latest"));
}
