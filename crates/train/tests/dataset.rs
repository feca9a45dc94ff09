//! Data sets: list files, plain folders, the split, and every way they can be wrong.

use std::fs;
use std::path::{Path, PathBuf};

use photonet_train::config::Config;
use photonet_train::dataset::{
    Dataset, DatasetError, Layout, ListOptions, Sample, SplitOptions, open, open_config, read_labels,
};
use tempfile::TempDir;

/// A folder with empty files at these paths: a data set does not look into photos.
fn tree(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for file in files {
        write(dir.path(), file, "");
    }
    dir
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a new folder");
    fs::write(path, text).expect("a new file");
}

/// The samples as `class/name`, with `/` on every system.
fn names(root: &Path, dataset: &Dataset) -> Vec<String> {
    let name = |s: &Sample| {
        s.path.strip_prefix(root).expect("a photo below the root").to_string_lossy().replace('\\', "/")
    };
    dataset.samples.iter().map(name).collect()
}

#[test]
fn a_folder_per_class_is_read_in_order() {
    let dir = tree(&[
        "dog/b.JPG",
        "dog/a.jpeg",
        "dog/deep/er/c.png",
        "dog/notes.txt",
        "dog/.hidden.jpg",
        "cat/z.WebP",
        "cat/.git/x.jpg",
        ".cache/y.jpg",
        "readme.md",
        "loose.jpg",
        "cat/y.tif",
    ]);
    let (dataset, report) = Dataset::from_folder(dir.path(), None).unwrap();
    assert_eq!(dataset.labels, ["cat", "dog"]);
    assert_eq!(
        names(dir.path(), &dataset),
        ["cat/y.tif", "cat/z.WebP", "dog/a.jpeg", "dog/b.JPG", "dog/deep/er/c.png"]
    );
    assert_eq!(dataset.samples.iter().map(|s| s.label).collect::<Vec<_>>(), [0, 0, 1, 1, 1]);
    assert_eq!(dataset.class_counts(), [2, 3]);
    // notes.txt, readme.md and loose.jpg
    assert_eq!(report.other_files, 3);
    let expected =
        "3 files left out: not a photo by name, or outside the class folders; the first is loose.jpg";
    assert_eq!(report.warnings(), [expected]);
}

#[test]
fn photos_in_formats_that_are_not_read_are_counted_apart() {
    let (dataset, report) = Dataset::from_folder(
        tree(&["a/1.jpg", "a/IMG_1.HEIC", "a/x.avif", "a/y.heic", "b/2.jpg"]).path(),
        None,
    )
    .unwrap();
    assert_eq!((dataset.samples.len(), report.other_files), (2, 0));
    let first = Path::new("a").join("IMG_1.HEIC");
    let expected = format!(
        "3 photos left out in formats that are not supported (AVIF, HEIC): convert them to JPEG, for example {}",
        first.display()
    );
    assert_eq!(report.warnings(), [expected]);
    for files in
        [&["a/IMG_1.HEIC", "a/x.avif", "b/3.heic"][..], &["a/IMG_1.HEIC", "a/x.avif", "a/z.heif", "b/2.jpg"]]
    {
        let error = Dataset::from_folder(tree(files).path(), None).expect_err("must be refused").to_string();
        assert!(error.contains("; 3 photos left out in formats") && error.ends_with("IMG_1.HEIC"), "{error}");
    }
}

#[test]
fn folders_that_cannot_be_read_are_named() {
    let dir = tree(&["file.jpg"]);
    let error = |path: &Path| Dataset::from_folder(path, None).expect_err("must be refused");
    assert!(matches!(error(&dir.path().join("none")), DatasetError::Missing { .. }));
    assert!(matches!(error(&dir.path().join("file.jpg")), DatasetError::NotAFolder { .. }));
    // A name that is too long is refused by the system whoever runs the test. Windows says of neither what is wrong with the path.
    let (below, unreadable) =
        (error(&dir.path().join("file.jpg/x")), error(&dir.path().join("n".repeat(5000))));
    if !cfg!(windows) {
        assert!(matches!(below, DatasetError::NotAFolder { .. }), "{below}");
        assert!(matches!(unreadable, DatasetError::Unreadable { .. }), "{unreadable}");
    }
    let text = error(&dir.path().join("none")).to_string();
    assert!(text.contains("none does not exist"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_class_folder_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tree(&["a/1.jpg", "b/2.jpg"]);
    let locked = dir.path().join("b");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    // The system's administrator may read it all the same.
    let may_read = fs::read_dir(&locked).is_ok();
    let result = Dataset::from_folder(dir.path(), None);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    match result {
        Ok((dataset, _)) => assert!(may_read && dataset.samples.len() == 2),
        Err(e) => assert!(!may_read && matches!(e, DatasetError::Unreadable { .. }), "{e}"),
    }
}

#[test]
fn folders_without_classes_or_photos_are_refused() {
    let error = |dir: &TempDir| Dataset::from_folder(dir.path(), None).expect_err("must be refused");
    assert!(matches!(error(&tree(&[])), DatasetError::Empty { .. }));
    let flat = error(&tree(&["1.jpg", "2.png", "notes.txt"]));
    assert!(matches!(flat, DatasetError::NoClasses { photos: 2, others: 1, .. }), "{flat}");
    let none = error(&tree(&["a/x.txt", "b/y.txt"]));
    assert!(matches!(none, DatasetError::NoPhotos { classes: 2, .. }) && none.to_string().contains(".jpg"));
    let one = error(&tree(&["a/x.jpg", "b/y.txt"]));
    assert!(matches!(&one, DatasetError::TooFewClasses { only, .. } if only == "a"), "{one}");
}

#[test]
fn a_class_without_photos_is_named() {
    let dir = tree(&["a/x.jpg", "b/y.jpg", "c/z.txt"]);
    let (dataset, report) = Dataset::from_folder(dir.path(), None).unwrap();
    assert_eq!((dataset.labels.len(), report.empty_classes.as_slice()), (3, &["c".to_owned()][..]));
    assert!(report.warnings()[0].contains("1 class without photos: c"), "{:?}", report.warnings());
}

#[test]
fn folders_a_level_too_high_are_told_from_classes_with_sub_folders() {
    let report = |files: &[&str]| {
        let (_, report) = Dataset::from_folder(tree(files).path(), None).unwrap();
        (report.warnings(), report.check_level().map_err(|error| error.to_string()))
    };
    // One of two has photos of its own; or the names differ.
    assert_eq!(report(&["a/x/1.jpg", "a/2.jpg", "b/x/3.jpg"]).1, Ok(()));
    let (warnings, level) = report(&["a/x/1.jpg", "b/y/2.jpg", "c/3.jpg"]);
    assert_eq!(level, Ok(()));
    let expected = "the photos of 2 classes lie in sub-folders only, which are not told apart: a (x), b (y)";
    assert_eq!(warnings, [expected]);
    let error = report(&["a/x/1.jpg", "b/x/2.jpg", "b/y/2.jpg", "c/3.jpg"]).1.expect_err("a and b are alike");
    assert!(error.contains("folders a, b of") && !error.contains("evaluate"), "{error}");
    let error = report(&["test/x/1.jpg", "train/x/2.jpg"]).1.expect_err("test and train are alike");
    assert!(error.contains("to train on the one and evaluate on the other"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_for_ever() {
    let dir = tree(&["a/1.jpg", "b/2.jpg"]);
    std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("a/again")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("b"), dir.path().join("c")).unwrap();
    let (dataset, _) = Dataset::from_folder(dir.path(), None).unwrap();
    assert_eq!(names(dir.path(), &dataset), ["a/1.jpg", "b/2.jpg", "c/2.jpg"]);
}

#[test]
fn a_folder_is_read_with_the_labels_of_a_model() {
    let labels = ["dog", "cat", "cow"].map(str::to_owned);
    let dir = tree(&["cat/1.jpg", "dog/2.jpg"]);
    let (dataset, report) = Dataset::from_folder(dir.path(), Some(&labels)).unwrap();
    assert_eq!(dataset.samples.iter().map(|s| s.label).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((dataset.labels.as_slice(), report.empty_classes), (&labels[..], vec!["cow".to_owned()]));
    let dir = tree(&["cats/1.jpg"]);
    let text = Dataset::from_folder(dir.path(), Some(&labels)).expect_err("cats is no class").to_string();
    assert!(
        text.contains("no class \"cats\" (did you mean \"cat\"?); the classes are dog, cat, cow"),
        "{text}"
    );
}

#[test]
fn the_split_is_stratified_stable_and_seeded() {
    let files: Vec<String> = (0..20)
        .map(|i| format!("a/{i:02}.jpg"))
        .chain((0..7).map(|i| format!("b/{i}.jpg")))
        .chain(["c/0.jpg".to_owned(), "c/1.jpg".to_owned(), "d/0.jpg".to_owned()])
        .collect();
    let forwards: Vec<&str> = files.iter().map(String::as_str).collect();
    let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
    let split = |files: &[&str], seed: u64| {
        let dir = tree(files);
        let split = open(dir.path(), SplitOptions { fraction: 0.2, seed }).unwrap();
        assert_eq!(split.layout, Layout::Classes);
        (names(dir.path(), &split.train), names(dir.path(), &split.val), split.val.class_counts())
    };
    let (train, val, counts) = split(&forwards, 1);
    // A fifth of 20, of 7 and of 2 (at least one), and the only photo of d stays.
    assert_eq!(counts, [4, 1, 1, 0]);
    assert_eq!((train.len(), val.len()), (24, 6));
    let mut all = [train.clone(), val.clone()].concat();
    all.sort();
    assert_eq!(all, files);
    assert_eq!(split(&backwards, 1), (train, val.clone(), counts));
    assert_ne!(split(&forwards, 2).1, val);
}

#[test]
fn a_split_without_validation_photos_is_refused() {
    let dir = tree(&["a/1.jpg", "b/1.jpg"]);
    let error = open(dir.path(), SplitOptions::default()).expect_err("nothing to validate on");
    assert!(matches!(error, DatasetError::NoValidation { .. }));
    let dir = tree(&["a/1.jpg", "a/2.jpg", "b/1.jpg"]);
    assert!(open(dir.path(), SplitOptions { fraction: 0.0, seed: 0 }).is_err());
}

#[test]
fn train_and_val_folders_are_recognised() {
    let dir = tree(&["train/a/1.jpg", "train/b/2.jpg", "train/c/3.jpg", "val/c/4.jpg"]);
    let split = open(dir.path(), SplitOptions::default()).unwrap();
    assert_eq!((split.layout, split.train.samples.len()), (Layout::TrainVal, 3));
    assert_eq!((split.val.samples[0].label, split.val.labels), (2, split.train.labels));
    let dir = tree(&["train/a/1.jpg", "train/b/2.jpg", "val/x/3.jpg"]);
    let error = open(dir.path(), SplitOptions::default()).expect_err("x is no class");
    assert!(matches!(&error, DatasetError::UnknownClass { name, .. } if name == "x"), "{error}");
}

#[test]
fn list_folders_are_recognised() {
    let dir = tree(&["img/1.jpg", "img/2.jpg", "img/3.jpg", "img/4.jpg", "img/5.jpg"]);
    write(dir.path(), "train_list.txt", "img/1.jpg 0\nimg/2.jpg 1\nimg/3.jpg 0\nimg/4.jpg 1\n");
    write(dir.path(), "label_list.txt", "0 tea pot\n1 cup\n");
    let split = open(dir.path(), SplitOptions::default()).unwrap();
    assert_eq!((split.layout, split.train.samples.len(), split.val.samples.len()), (Layout::Lists, 2, 2));
    write(dir.path(), "val_list.txt", "img/5.jpg 1\n");
    let split = open(dir.path(), SplitOptions::default()).unwrap();
    assert_eq!((split.train.samples.len(), split.val.samples.len()), (4, 1));
    assert_eq!(split.val.labels, ["tea pot", "cup"]);
    write(dir.path(), "val_list.txt", "img/5.jpg 2\n");
    let error = open(dir.path(), SplitOptions::default()).expect_err("label 2 of two classes");
    assert!(matches!(error, DatasetError::LabelOutOfRange { label: 2, classes: 2, line: 1, .. }), "{error}");
    write(dir.path(), "train_list.txt", "img/1.jpg 0\nimg/2.jpg 0\n");
    assert!(matches!(open(dir.path(), SplitOptions::default()), Err(DatasetError::TooFewClasses { .. })));
}

/// Paths with labels, names of the classes, and how many photos are missing.
type ListContent = (Vec<(String, u32)>, Vec<String>, usize);

/// Reads a list text against a folder that holds `1.jpg`, `2.jpg` and `my photo 3.jpg`.
fn list(text: &[u8], options: &ListOptions) -> Result<ListContent, DatasetError> {
    let dir = tree(&["1.jpg", "2.jpg", "my photo 3.jpg"]);
    let path = dir.path().join("list.txt");
    fs::write(&path, text).expect("a new file");
    let (dataset, report) = Dataset::from_list(&path, dir.path(), options)?;
    let samples =
        names(dir.path(), &dataset).into_iter().zip(dataset.samples.iter().map(|s| s.label)).collect();
    Ok((samples, dataset.labels, report.missing.len()))
}

#[test]
fn lists_may_have_marks_carriage_returns_blanks_and_paths_with_spaces() {
    let plain = ListOptions::default();
    let text = "\u{feff}1.jpg 0\r\n\r\n  \nmy photo 3.jpg\t 2\r\n2.jpg   1";
    let (samples, labels, missing) = list(text.as_bytes(), &plain).unwrap();
    let expected = [("1.jpg", 0), ("my photo 3.jpg", 2), ("2.jpg", 1)].map(|(p, l)| (p.to_owned(), l));
    assert_eq!((samples.as_slice(), missing), (&expected[..], 0));
    assert_eq!(labels, ["0", "1", "2"]);
    let options = ListOptions { delimiter: Some(",".to_owned()), class_num: Some(4), ..plain };
    let (samples, labels, _) = list(b"1.jpg,3\nmy photo 3.jpg, 0\n", &options).unwrap();
    assert_eq!((samples[0].1, samples[1].0.as_str(), labels.len()), (3, "my photo 3.jpg", 4));
}

#[test]
fn wrong_lines_are_named_by_file_and_line() {
    let plain = ListOptions::default();
    let error = |text: &[u8]| list(text, &plain).expect_err("must be refused");
    let text = error(b"1.jpg 0\n2.jpg\n").to_string();
    assert!(text.contains("list.txt, line 2: \"2.jpg\" has no label"), "{text}");
    let tab = ListOptions { delimiter: Some("\t".to_owned()), ..ListOptions::default() };
    let text = list(b"1.jpg 0\n", &tab).expect_err("no tab").to_string();
    assert!(text.contains("path and label with \"\\t\" between them, which is dataset.delimiter"), "{text}");
    for (line, label) in
        [("1.jpg cat", "cat"), ("1.jpg -1", "-1"), ("1.jpg 1.0", "1.0"), ("1.jpg 99999999999", "99999999999")]
    {
        match error(format!("\n{line}\n").as_bytes()) {
            DatasetError::BadLabel { line: 2, label: found, .. } => assert_eq!(found, label),
            other => panic!("{other}"),
        }
    }
    assert!(matches!(error(b"1.jpg 0\n\xff.jpg 1\n"), DatasetError::NotUtf8 { line: 2, .. }));
    assert!(matches!(error(b" \r\n\n"), DatasetError::EmptyList { .. }));
    assert!(matches!(error(b"1.jpg 4000000000\n"), DatasetError::LabelOutOfRange { .. }));
    let three = ListOptions { class_num: Some(3), ..ListOptions::default() };
    let text = list(b"1.jpg 0\n2.jpg 3\n", &three).expect_err("3 of 3").to_string();
    assert!(
        text.contains("line 2: label 3 is out of range: with 3 classes, labels run from 0 to 2"),
        "{text}"
    );
}

#[test]
fn missing_photos_are_counted_and_all_missing_is_an_error() {
    let plain = ListOptions::default();
    let (samples, _, missing) = list(b"1.jpg 0\ngone.jpg 1\n2.jpg 1\n", &plain).unwrap();
    assert_eq!((samples.len(), missing), (2, 1));
    let error = list(b"w.jpg 0\nx.jpg 1\ny.jpg 1\nz.jpg 0\n", &plain).expect_err("none is there");
    assert!(matches!(error, DatasetError::AllMissing { count: 4, .. }));
    let text = error.to_string();
    assert!(text.contains("w.jpg") && text.contains("and 1 more") && text.contains("correct them"), "{text}");
    let error = Dataset::from_list(Path::new("no/list.txt"), Path::new("."), &plain).expect_err("no list");
    assert!(matches!(error, DatasetError::Missing { .. }));
}

#[test]
fn label_lists_are_read_by_id() {
    let dir = tree(&[]);
    let read = |text: &str| {
        write(dir.path(), "l.txt", text);
        read_labels(&dir.path().join("l.txt"))
    };
    assert_eq!(read("2 tea pot\r\n0 cup\n").unwrap(), ["cup", "1", "tea pot"]);
    for (text, reason) in [
        ("0 a\nb\n", "line 2: \"b\" is not an id and a name"),
        ("x a\n", "the id \"x\""),
        ("0 a\n0 b\n", "line 2: the id 0 comes twice"),
        ("99999999 a\n", "too large"),
        ("\n", "names no classes"),
    ] {
        let found = read(text).expect_err(text).to_string();
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn a_configuration_names_its_data() {
    let dir = tree(&["img/1.jpg", "img/2.jpg", "img/3.jpg"]);
    write(dir.path(), "t.txt", "img/1.jpg 0\nimg/2.jpg 1\n");
    write(dir.path(), "v.txt", "img/3.jpg 1\n");
    write(dir.path(), "names.txt", "0 cup\n1 pot\n");
    let mut config = Config::defaults();
    let missing = |config: &Config| open_config(config).expect_err("incomplete").to_string();
    assert!(missing(&config).contains("DataLoader.Train.dataset.image_root"));
    config.train.image_root = Some(dir.path().to_owned());
    config.train.cls_label_path = Some(dir.path().join("t.txt"));
    assert!(missing(&config).contains("DataLoader.Eval.dataset.cls_label_path"));
    config.eval.cls_label_path = Some(dir.path().join("v.txt"));
    config.infer.class_id_map_file = Some(dir.path().join("names.txt"));
    let split = open_config(&config).unwrap();
    assert_eq!((split.train.samples.len(), split.val.samples.len(), split.layout), (2, 1, Layout::Lists));
    assert_eq!(split.val.labels, ["cup", "pot"]);
    config.arch.class_num = Some(1);
    assert!(matches!(open_config(&config), Err(DatasetError::LabelOutOfRange { classes: 1, .. })));

    config.train.image_root = Some(dir.path().join("img"));
    write(dir.path(), "t.txt", "1.jpg 0\n2.jpg 1\n");
    write(dir.path(), "v.txt", "3.jpg 1\n");
    // A file of another number of names is none of these classes'.
    let others = |names: usize| (0..names).map(|i| format!("{i} other {i}\n")).collect::<String>();
    for class_num in [Some(2), None] {
        config.arch.class_num = class_num;
        let told = |names: usize, wanted: [&str; 2]| {
            write(dir.path(), "names.txt", &others(names));
            let split = open_config(&config).unwrap();
            assert_eq!(split.train.labels, wanted);
            assert_eq!(split.val.labels, wanted);
            split.train_report.warnings().concat()
        };
        let _ = fs::remove_file(dir.path().join("img/label_list.txt"));
        let text = told(1, ["0", "1"]);
        assert!(
            text.ends_with(
                "names.txt names 1 class, but there are 2: the classes are called by their numbers"
            ),
            "{text}"
        );
        write(dir.path(), "img/label_list.txt", "0 tea\n1 milk\n");
        for names in [1, 1000] {
            let text = told(names, ["tea", "milk"]);
            let words = format!("names.txt names {names} class");
            assert!(text.contains(&words) && text.contains("but there are 2: the names of"), "{text}");
        }
        assert_eq!(told(2, ["other 0", "other 1"]), "");
    }

    let dir = tree(&["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]);
    let mut config = Config::defaults();
    config.train.image_root = Some(PathBuf::from(dir.path()));
    config.train.val_fraction = 0.5;
    let split = open_config(&config).unwrap();
    assert_eq!((split.layout, split.train.samples.len(), split.val.samples.len()), (Layout::Classes, 2, 2));
}
