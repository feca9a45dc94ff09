//! `photonet data`, through the program.

mod common;

use common::*;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The files of each group of copies, sorted.
fn groups(found: &Value) -> Vec<Vec<String>> {
    let groups = found.as_array().unwrap_or_else(|| panic!("{found} is no list"));
    let file = |copy: &Value| slashes(copy["file"].as_str().unwrap_or_else(|| panic!("{copy} has no file")));
    let files = |group: &Value| -> Vec<String> {
        let mut files: Vec<_> = group.as_array().into_iter().flatten().map(file).collect();
        files.sort();
        files
    };
    groups.iter().map(files).collect()
}

fn texts(found: &Value) -> Vec<String> {
    let texts = found.as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap_or_else(|| panic!("{text} is no text")).to_owned()).collect()
}

fn copy(folder: &Path, from: &str, to: &str) {
    fs::copy(folder.join(from), folder.join(to)).expect("a photo can be copied");
}

#[test]
fn good_photos_have_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 3, 30);
    let text = run(folder, "data photos --size 32").ok().out;
    says(
        &text,
        &[
            "3 classes, 72 photos to train on and 18 to evaluate on",
            "blue sky     24    6",
            "nothing wrong was found",
        ],
    );
    let json = run(folder, "data photos --size 32 --format json").ok().json();
    assert_eq!((&json["ok"], &json["photos"]), (&Value::from(true), &Value::from(90)));
    assert_eq!(json["classes"][2], serde_json::json!({"index": 2, "label": "ümlaut", "train": 24, "val": 6}));
    for list in ["errors", "warnings", "missing", "unreadable", "small", "conflicts", "leaks", "duplicates"] {
        assert_eq!(json[list], serde_json::json!([]), "{list}");
    }
}

#[test]
fn everything_that_is_wrong_with_a_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 3, 30);
    // Ümlaut becomes rare: its first and its later ones.
    (4..30).for_each(|at| {
        let ending = if at % 2 == 0 { "png" } else { "jpg" };
        fs::remove_file(folder.join(format!("photos/ümlaut/{at:02}.{ending}"))).unwrap();
    });
    // In turn: a conflict; two copies of one in a class; unreadable; not a photo; a format that is not read.
    copy(folder, "photos/grass/00.png", "photos/blue sky/grass.png");
    copy(folder, "photos/grass/02.png", "photos/grass/zz.png");
    copy(folder, "photos/grass/02.png", "photos/grass/zzz.png");
    fs::write(
        folder.join("photos/grass/torn.jpg"),
        &fs::read(folder.join("photos/grass/01.jpg")).unwrap()[..200],
    )
    .unwrap();
    // Two unreadable ones are no copies of each other.
    fs::write(folder.join("photos/grass/empty1.jpg"), "").unwrap();
    fs::write(folder.join("photos/grass/empty2.jpg"), "").unwrap();
    fs::write(folder.join("photos/grass/notes.txt"), "notes").unwrap();
    fs::write(folder.join("photos/grass/phone.heic"), "heic").unwrap();

    let json = run(folder, "data photos --format json");
    assert_eq!(json.code, Some(1), "{}", json.said());
    let json = json.json();
    assert_eq!(json["ok"], false);
    assert_eq!(groups(&json["conflicts"]), [["photos/blue sky/grass.png", "photos/grass/00.png"]]);
    assert_eq!(
        json["conflicts"][0].as_array().unwrap().iter().filter(|copy| copy["label"] == "grass").count(),
        1
    );
    let copies = [groups(&json["leaks"]), groups(&json["duplicates"])].concat();
    assert_eq!(copies, [["photos/grass/02.png", "photos/grass/zz.png", "photos/grass/zzz.png"]]);
    let unreadable: Vec<String> =
        json["unreadable"].as_array().unwrap().iter().map(|u| slashes(u["file"].as_str().unwrap())).collect();
    assert_eq!(unreadable.len(), 3);
    assert!(unreadable.contains(&"photos/grass/torn.jpg".to_owned()), "{unreadable:?}");
    // All are 40 x 40, below 224; none of those that cannot be read is among them.
    assert_eq!(json["small"].as_array().unwrap().len() as u64, json["photos"].as_u64().unwrap());
    assert_eq!((&json["small"][0]["width"], &json["size"]), (&Value::from(40), &Value::from(224)));
    assert_eq!(texts(&json["errors"]).len(), 1);
    let warnings = texts(&json["warnings"]).join("\n");
    says(
        &warnings,
        &[
            "3 files that cannot be read",
            "HEIC",
            "notes.txt",
            "fewer than 20 photos to train on: ümlaut (3)",
            "25 photos to train on show grass, at least 4 times as many as ümlaut (3)",
            "--balance",
        ],
    );

    let text = run(folder, "data photos --size 40");
    assert_eq!(text.code, Some(1));
    says(
        &text.out,
        &[
            "error: 1 photo in more than one class",
            "photos/grass/00.png (grass)",
            "1 error that would spoil a training, ",
        ],
    );
    assert!(!text.out.contains("below the network's input"), "{}", text.out);

    fs::remove_file(folder.join("photos/blue sky/grass.png")).unwrap();
    let text = run(folder, "data photos --size 40").ok().out;
    assert!(!text.contains("error"), "{text}");
}

#[test]
fn what_cannot_be_read_counts_for_no_class() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 3, 5);
    let torn = fs::read(folder.join("photos/grass/01.jpg")).unwrap();
    let write = |name: String| fs::write(folder.join("photos").join(name), &torn[..torn.len() / 2]).unwrap();
    (0..40).for_each(|at| write(format!("grass/torn{at:02}.jpg")));
    // A class of which nothing can be read.
    fs::remove_dir_all(folder.join("photos/ümlaut")).unwrap();
    fs::create_dir(folder.join("photos/ümlaut")).unwrap();
    (0..6).for_each(|at| write(format!("ümlaut/{at}.jpg")));
    let json = run(folder, "data photos --size 32 --format json").ok().json();
    let classes = json["classes"].as_array().unwrap();
    let of = |index: usize| {
        let [train, val] = ["train", "val"].map(|set| classes[index][set].as_u64().unwrap());
        train + val
    };
    assert_eq!([of(0), of(1), of(2)], [5, 5, 0]);
    assert_eq!((&json["photos"], json["unreadable"].as_array().unwrap().len()), (&Value::from(10), 46));
    let warnings = texts(&json["warnings"]).join("\n");
    says(&warnings, &["without one photo to train on that can be read: ümlaut", "blue sky (4), grass ("]);
    assert!(!warnings.contains("times as many"), "{warnings}");
    let text = run(folder, "data photos --size 32").ok().out;
    let line = |class: &str| text.lines().find(|line| line.starts_with(class)).unwrap().to_owned();
    assert_eq!(line("ümlaut").split_whitespace().collect::<Vec<_>>(), ["ümlaut", "0", "0"]);
}

#[test]
fn leavings_of_macos_are_no_class_and_names_with_line_breaks_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 2, 5);
    for place in ["__MACOSX/grass", "grass/__MACOSX"] {
        let place = folder.join("photos").join(place);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("._00.png"), "Mac OS X").unwrap();
        fs::write(place.join("00.png"), "Mac OS X").unwrap();
    }
    let json = run(folder, "data photos --size 32 --format json").ok().json();
    assert_eq!((&json["photos"], json["classes"].as_array().unwrap().len()), (&Value::from(10), 2));
    assert_eq!(json["unreadable"], serde_json::json!([]));
    if cfg!(windows) {
        return;
    }
    copy(folder, "photos/grass/00.png", "photos/grass/two\nlines.png");
    fs::create_dir(folder.join("photos/a\rclass")).unwrap();
    copy(folder, "photos/grass/00.png", "photos/a\rclass/00.png");
    let json = run(folder, "data photos --size 32 --format json").ok().json();
    assert_eq!((&json["photos"], json["classes"].as_array().unwrap().len()), (&Value::from(10), 2));
    let told = texts(&json["warnings"]).join("\n");
    let words =
        "2 photos left out with a line break in their names, which no list of photos can hold: rename them: ";
    says(&told, &[words]);
    assert!(told.contains(r"two\nlines.png") && told.contains(r"a\rclass"), "{told}");
    // What a run writes can be read again.
    says(&train(folder, "photos --epochs 1 --out out").ok().out, &[words]);
    says(&run(folder, "data out/train_list.txt --size 32").ok().out, &["2 classes, 8 photos"]);
}

#[test]
fn lists_are_looked_at_for_leaks_missing_files_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(folder, 3, 4);
    let line = |name: &str, label: usize| format!("{}/{name} {label}\n", CLASSES[label]);
    let lines = |names: &[&str], extra: &str| -> String {
        let each = names.iter().flat_map(|name| (0..3).map(move |label| line(name, label)));
        each.collect::<String>() + extra
    };
    copy(folder, "grass/00.png", "grass/again.png");
    fs::write(folder.join("label_list.txt"), "0 sky\n1 meadow\n2 ü\n").unwrap();
    let train = lines(&["00.png", "01.jpg"], "");
    fs::write(folder.join("train_list.txt"), &train).unwrap();
    fs::write(folder.join("val_list.txt"), lines(&["02.png"], "grass/again.png 1\nblue sky/01.jpg 0\n"))
        .unwrap();

    // Leaks, by a copy and by the same file, are told but spoil nothing.
    let json = run(folder, "data . --size 32 --format json").ok().json();
    assert_eq!(json["classes"][1], serde_json::json!({"index": 1, "label": "meadow", "train": 2, "val": 2}));
    let leaks = groups(&json["leaks"]);
    let ends = |group: &Vec<String>, names: [&str; 2]| {
        group.iter().zip(names).all(|(file, name)| file.ends_with(name))
    };
    assert!(leaks.len() == 2 && ends(&leaks[0], ["grass/00.png", "grass/again.png"]), "{leaks:?}");
    assert!(ends(&leaks[1], ["blue sky/01.jpg", "blue sky/01.jpg"]), "{leaks:?}");
    assert_eq!(
        (&json["leaks"][0][0]["set"], &json["leaks"][0][1]["set"]),
        (&Value::from("train"), &Value::from("val"))
    );

    // One list alone; what it names twice is a duplicate.
    let alone = run(folder, "data val_list.txt --size 32 --format json").ok().json();
    assert!(alone["classes"][1].get("val").is_none() && alone["leaks"] == serde_json::json!([]));
    says(&run(folder, "data val_list.txt --size 32").ok().out, &["3 classes, 5 photos\n", "meadow       2"]);

    // Missing photos, with the lists of a configuration.
    fs::write(folder.join("train_list.txt"), format!("{train}grass/gone.png 1\n")).unwrap();
    let file = "DataLoader:\n  Train:\n    dataset:\n      image_root: .\n      cls_label_path: train_list.txt\n      \
                transform_ops: [{RandCropImage: {size: 48}}, {NormalizeImage: {}}]\n";
    fs::write(folder.join("run.yaml"), file).unwrap();
    let config = "data -c run.yaml -o DataLoader.Eval.dataset.cls_label_path=val_list.txt";
    let missing = run(folder, &format!("{config} --format json"));
    assert_eq!(missing.code, Some(1), "{}", missing.said());
    let json = missing.json();
    assert_eq!(json["size"], 48);
    let gone = texts(&json["missing"]);
    assert!(gone.len() == 1 && slashes(&gone[0]).ends_with("grass/gone.png"), "{gone:?}");
    let told = texts(&json["errors"]).join("\n") + &texts(&json["warnings"]).join("\n");
    assert_eq!(told.matches("of the list").count(), 1, "{told}");
    says(&run(folder, config).out, &["error: 1 photo of the list is not there", "gone.png"]);

    // A label that no class has.
    fs::write(folder.join("val_list.txt"), lines(&["02.png"], "grass/03.jpg 3\n")).unwrap();
    says(
        &run(folder, "data .").failed(),
        &["val_list.txt, line 4: label 3 is out of range", "with 3 classes"],
    );
}

#[test]
fn what_cannot_be_looked_at_is_an_error_that_says_what_to_give() {
    let folder = workplace();
    let folder = folder.path();
    for (command, words) in [
        ("data", "no photos given"),
        ("data nowhere", "nowhere does not exist"),
        ("data photos/grass/00.png", "is a photo"),
        ("data photos --size 0", "--size 0"),
    ] {
        says(&run(folder, command).failed(), &[words]);
    }
    // A level too high, as training says it.
    for set in ["a", "b"] {
        draw(&folder.join("sets").join(set), 2, 3);
    }
    let high = run(folder, "data sets").failed();
    says(&high, &["have sub-folders of the same names", "--nested"]);
    says(&run(folder, "data sets --nested --size 32").out, &["2 classes, 10 photos to train on"]);
}
