//! What is told of lists of photos and of names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_train::config::Config;
use photonet_train::dataset::{Dataset, DatasetReport, ListOptions, open_config};
use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// A folder with photos, lists of three classes, and their configuration.
fn listed() -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["0.jpg", "1.jpg", "2.jpg"] {
        write(dir.path(), name, "");
    }
    write(dir.path(), "t.txt", "0.jpg 0\n1.jpg 1\n2.jpg 2\n");
    write(dir.path(), "v.txt", "0.jpg 0\n");
    let mut config = Config::defaults();
    config.train.image_root = Some(dir.path().to_owned());
    config.train.cls_label_path = Some(dir.path().join("t.txt"));
    config.eval.cls_label_path = Some(dir.path().join("v.txt"));
    (dir, config)
}

#[test]
fn files_of_names_that_are_absent_off_by_one_or_repeat_a_name_are_told() {
    let (dir, mut config) = listed();
    config.infer.class_id_map_file = Some(dir.path().join("names.txt"));
    let told = |config: &Config| open_config(config).unwrap().train_report.warnings().join("\n");
    let text = told(&config);
    let end = "names.txt does not exist: the classes are called by their numbers";
    assert!(text.starts_with("class_id_map_file ") && text.ends_with(end), "{text}");
    write(dir.path(), "names.txt", "1 a\n2 b\n3 c\n");
    for class_num in [None, Some(3)] {
        config.arch.class_num = class_num;
        let text = told(&config);
        assert!(
            text.contains("names.txt run from 1 to 3 and should begin at 0: the classes are called"),
            "{text}"
        );
    }
    write(dir.path(), "names.txt", "0 crane\n1 b\n2 crane\n");
    let text = told(&config);
    assert!(
        text.ends_with("names.txt gives several classes one name, which tells them apart no more: \"crane\""),
        "{text}"
    );
    write(dir.path(), "names.txt", "0 a\n1 b\n2 c\n");
    assert_eq!(told(&config), "");
}

#[test]
fn wrong_lines_are_told_together_with_their_count() {
    let dir = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        write(dir.path(), "t.txt", text);
        let options = ListOptions { class_num: Some(3), ..ListOptions::default() };
        Dataset::from_list(&dir.path().join("t.txt"), dir.path(), &options).unwrap_err().to_string()
    };
    let text = read("a.jpg 0\nb.jpg\nc.jpg x\nd.jpg 1\ne.jpg 9\n");
    assert!(text.starts_with("3 lines of ") && text.contains("t.txt are wrong:\n  "), "{text}");
    assert!(["line 2", "line 3", "line 5"].iter().all(|line| text.contains(line)), "{text}");
    assert_eq!(text.lines().count(), 4);
    let text = read(&"a.jpg\n".repeat(9));
    assert!(text.starts_with("9 lines of ") && text.ends_with("\n  and 4 more"), "{text}");
    let text = read("a.jpg 0\nb.jpg\n");
    assert!(text.contains("t.txt, line 2: \"b.jpg\" has no label") && text.lines().count() == 1, "{text}");
}

#[test]
fn photos_that_are_not_there_name_the_folder_and_what_says_it() {
    let (dir, config) = listed();
    write(dir.path(), "v.txt", "9.jpg 0\n");
    let folder = dir.path().display().to_string();
    let text = open_config(&config).unwrap_err().to_string();
    assert!(text.contains(&folder) && text.ends_with("check image_root"), "{text}");
    let list = dir.path().join("v.txt");
    let text = Dataset::from_list(&list, Path::new(""), &ListOptions::default()).unwrap_err().to_string();
    let present = std::path::absolute(".").unwrap().display().to_string();
    let end = format!(
        "paths are relative to {present}; correct them, or move the list to the folder that they start from"
    );
    assert!(text.ends_with(&end), "{text}");
    let text = Dataset::from_list(dir.path(), dir.path(), &ListOptions::default()).unwrap_err().to_string();
    assert!(
        text.ends_with("is a folder, and a list is wanted: give a text file with a photo a line"),
        "{text}"
    );
}

#[test]
fn warnings_say_which_photos_they_are_about_and_nothing_twice() {
    let report = |empty: &[&str], names: &[&str]| {
        let [empty_classes, names] = [empty, names].map(|all| all.iter().map(|s| (*s).to_owned()).collect());
        DatasetReport { empty_classes, names, ..DatasetReport::default() }
    };
    let told = DatasetReport::warnings_of(&report(&["a"], &["names"]), &report(&["a", "b"], &[]));
    let expected =
        ["names", "to train on: 1 class without photos: a", "to evaluate on: 2 classes without photos: a, b"];
    assert_eq!(told, expected);
    let told = DatasetReport::warnings_of(&report(&["a"], &[]), &report(&["a"], &[]));
    assert_eq!(told, ["1 class without photos: a"]);
}
