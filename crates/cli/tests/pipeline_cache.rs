//! The pipelines that a driver compiled, kept from run to run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Ran, program, says};
use std::fs;
use std::path::{Path, PathBuf};

const BENCH: &str = "bench --size 32 --width 0.35 --runs 1 --format json";

fn bench(cache: &Path) -> Ran {
    let mut command = program(cache.parent().unwrap());
    let output = command.args(BENCH.split_whitespace()).env("PHOTONET_CACHE", cache).output();
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
