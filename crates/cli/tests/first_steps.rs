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
