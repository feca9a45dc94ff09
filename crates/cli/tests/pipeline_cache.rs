//! The pipelines that a driver compiled, kept from run to run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Ran, program, says};
use std::fs;
use std::path::{Path, PathBuf};

const BENCH: &str = "bench --size 32 --width 0.35 --runs 1 --format json";

fn bench(cache: &Path, recorded: &str) -> Ran {
    let mut command = program(cache.parent().unwrap());
    let command = command.args(BENCH.split_whitespace()).env("PHOTONET_CACHE", cache);
    let output = command.env("PHOTONET_RECORDED", recorded).output();
    let ran = Ran::of(output.unwrap()).ok();
    assert!(ran.json()["dispatches"].as_u64().unwrap() > 10, "{}", ran.said());
    ran
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_missing_damaged_or_foreign_cache_is_said_and_made_anew() {
    // wgpu's cache, and that of pipelines whose launches are recorded.
    for recorded in ["0", "1"] {
        damage(&|cache| bench(cache, recorded));
    }
}

fn damage(bench: &dyn Fn(&Path) -> Ran) {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert_eq!(bench(&cache).err, "", "the first run has nothing to complain of");
    if !cache.is_dir() {
        println!("this device has no pipeline cache: nothing to test");
        return;
    }
    let file = only_file(&cache);
    let whole = fs::read(&file).unwrap();
    assert_eq!(bench(&cache).err, "");
    for (damage, word) in [
        (whole[..whole.len() / 2].to_vec(), "damaged"),
        (Vec::new(), "damaged"),
        (b"PNG and nothing else".to_vec(), "damaged"),
    ] {
        fs::write(&file, damage).unwrap();
        says(&bench(&cache).err, &["photonet: the pipeline cache", word, "made anew"]);
        assert_eq!(bench(&cache).err, "", "it was not made anew");
    }
    // The name of the adapter follows the magic and a length.
    let mut foreign = whole;
    foreign[20] ^= 1;
    fs::write(&file, foreign).unwrap();
    says(&bench(&cache).err, &["was made for", "made anew"]);
    fs::remove_dir_all(&cache).unwrap();
    // A file where the folder should be: nothing can be kept, and nothing else suffers.
    fs::write(&cache, "a file").unwrap();
    bench(&cache);
    fs::remove_file(&cache).unwrap();
    let mut command = program(folder.path());
    let output = command.args(BENCH.split_whitespace()).env("PHOTONET_CACHE", "off").output();
    Ran::of(output.unwrap()).ok();
    assert!(!cache.exists());
}

const TUNE: &str = "tune --size 32 --width 0.35 --batch 2 --runs 1 --classes 4";

#[test]
fn measured_choices_are_kept_used_and_refused_for_another_device() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let ran = |arguments: &str| {
        let mut command = program(folder.path());
        Ran::of(command.args(arguments.split_whitespace()).env("PHOTONET_CACHE", &cache).output().unwrap())
    };
    let answers = ran(&format!("{TUNE} --format json")).ok().json_lines();
    assert!(answers.len() > 20, "{} shapes", answers.len());
    for answer in &answers {
        assert!(answer["best_us"].as_f64().unwrap() <= answer["rule_us"].as_f64().unwrap(), "{answer}");
    }
    let kept = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with("tuned_");
    let files = || fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let file = files().find(kept).unwrap();
    says(&ran(TUNE).ok().out, &["shapes measured", "by rule", file.to_str().unwrap()]);
    // The other answer to every question changes the kernels that run, and nothing else.
    let text = fs::read_to_string(&file).unwrap();
    let kernels = |text: &str| {
        fs::write(&file, text).unwrap();
        let ran = ran(&format!("{BENCH} --batch 2 --train --classes 4")).ok();
        (ran.json()["dispatches"].clone(), ran.err)
    };
    let other: String = text
        .lines()
        .map(|line| match line.split_once(' ') {
            Some(("0", question)) => format!("1 {question}\n"),
            Some(("1", question)) => format!("0 {question}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(kernels(&text), kernels(&other));
    let (_, said) = kernels(&text.replacen("shaders ", "shaders f", 1));
    says(&said, &["was measured for", "photonet tune"]);
    let (_, said) = kernels("nonsense");
    says(&said, &["is damaged", "photonet tune"]);
    says(&ran("tune --batch 0").failed(), &["--batch"]);
}
