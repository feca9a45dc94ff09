//! Bad input gives a clear error or a counted, named skip, and nothing already saved is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use image::{DynamicImage, ImageBuffer, Luma, Rgb};
use std::fs;
use std::path::Path;

#[test]
fn folders_that_are_missing_empty_or_no_folders() {
    let folder = workplace();
    says(&train(folder.path(), "nowhere --out out").failed(), &["nowhere"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    says(&train(folder.path(), "empty --out out").failed(), &["empty"]);
    fs::write(folder.path().join("file"), "x").unwrap();
    says(&train(folder.path(), "file --out out").failed(), &["file"]);
    says(&train(folder.path(), "--out out").failed(), &["no photos given"]);
    assert!(!folder.path().join("out").exists(), "nothing is made for a run that cannot start");
}

/// A link to itself cannot be read by anybody; permissions would not keep an administrator out.
#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_named() {
    let folder = workplace();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    says(&train(folder.path(), "loop --out out").failed(), &["cannot read", "loop"]);
    fs::create_dir(folder.path().join("half")).unwrap();
    std::os::unix::fs::symlink("glass", folder.path().join("half/glass")).unwrap();
    says(&train(folder.path(), "half --out out").failed(), &["half"]);
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_class_without_photos_is_named_and_one_class_alone_is_refused() {
    let folder = workplace();
    fs::create_dir(folder.path().join("photos/void")).unwrap();
    let said = train(folder.path(), "photos --epochs 1 --out out").ok().said();
    says(&said, &["class without photos", "void"]);
    draw(&folder.path().join("single"), 1, 4);
    says(&train(folder.path(), "single --epochs 1 --out out1").failed(), &["blue sky"]);
}

#[test]
fn labels_out_of_range_name_file_line_and_label() {
    let folder = workplace();
    let photos = folder.path().join("photos");
    fs::write(photos.join("label_list.txt"), "0 a\n1 b\n").unwrap();
    fs::write(photos.join("train_list.txt"), "grass/00.png 0\ngrass/01.jpg 7\n").unwrap();
    fs::write(photos.join("val_list.txt"), "grass/02.png 0\n").unwrap();
    says(&train(folder.path(), "photos --out out").failed(), &["train_list.txt", "7", "2"]);
}

/// A JPEG in four inks, from the golden photos of the decoder's own tests.
fn cmyk_photo() -> Vec<u8> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/tests/golden/photos.txt");
    let text = fs::read_to_string(golden).unwrap();
    let line = text.lines().find(|line| line.starts_with("jpeg-cmyk ")).unwrap();
    let hex = line.split(' ').nth(4).unwrap();
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Photos of every awkward kind, with whether they can be read.
fn awkward(folder: &Path) -> Vec<(&'static str, bool)> {
    let at = |name: &str| folder.join(name);
    fs::create_dir_all(folder).unwrap();
    let whole = folder.join("whole.jpg");
    DynamicImage::from(picture(0, 1)).save(&whole).unwrap();
    let bytes = fs::read(&whole).unwrap();
    fs::write(at("truncated.jpg"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    fs::write(at("nothing.jpg"), b"").unwrap();
    fs::write(at("words.jpg"), b"this is no photo, whatever its name says").unwrap();
    ImageBuffer::from_pixel(1, 1, Rgb([200_u8, 10, 10])).save(at("dot.png")).unwrap();
    ImageBuffer::from_pixel(30_000, 20, Rgb([10_u8, 200, 10])).save(at("wide.png")).unwrap();
    ImageBuffer::from_fn(50, 40, |x, y| Luma([(x * 1000 + y) as u16])).save(at("deep.png")).unwrap();
    let frames = (0..3).map(|n| image::Frame::new(DynamicImage::from(picture(0, n)).to_rgba8()));
    let mut encoder = image::codecs::gif::GifEncoder::new(fs::File::create(at("moving.gif")).unwrap());
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    fs::write(at("cmyk.jpg"), cmyk_photo()).unwrap();
    vec![
        ("cmyk.jpg", true),
        ("deep.png", true),
        ("dot.png", true),
        ("moving.gif", true),
        ("nothing.jpg", false),
        ("truncated.jpg", false),
        ("whole.jpg", true),
        ("wide.png", true),
        ("words.jpg", false),
    ]
}

#[test]
fn awkward_photos_are_classified_or_named() {
    let folder = trained();
    let photos = tempfile::tempdir().unwrap();
    let expected = awkward(photos.path());
    let arguments = format!("infer --model out/best_model --format json {}", photos.path().display());
    let ran = run(folder, &arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    let lines = ran.json_lines();
    assert_eq!(lines.len(), expected.len());
    for (line, (name, readable)) in lines.iter().zip(&expected) {
        assert!(line["file"].as_str().unwrap().ends_with(name));
        assert_eq!(line["top"].is_array(), *readable, "{line}");
        assert_eq!(line["error"].is_string(), !readable, "{line}");
        assert_eq!(ran.err.contains(name), !readable, "{}", ran.err);
    }
    says(&ran.err, &["3 of 9 photos could not be read"]);
    let none =
        run(folder, &format!("infer --model out/best_model {}", photos.path().join("words.jpg").display()));
    assert_eq!(none.code, Some(1));
}

#[test]
fn awkward_photos_in_a_data_set_are_counted_and_named() {
    let folder = workplace();
    let unreadable = awkward(&folder.path().join("photos/grass"));
    let said = train(folder.path(), "photos --epochs 1 --out out").ok().said();
    says(&said, &["photos could not be read", "3 "]);
    for (name, _) in unreadable.iter().filter(|(_, readable)| !readable) {
        says(&said, &[name]);
    }
    let result = run(folder.path(), "eval --model out/best_model --data photos --format json").ok().json();
    assert_eq!(result["skipped"], 3);
    assert_eq!(result["images"], 30 + 9 - 3);
}

/// Spoils the middle of a PNG, so that neither beginning nor end tells that it cannot be read.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 40..middle + 40].fill(0xff);
    fs::write(path, bytes).unwrap();
}

#[test]
fn photos_that_are_seen_to_be_unreadable_are_neither_weighed_nor_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 2, 10);
    let torn = |name: &str| {
        for at in 0..30 {
            let bytes = fs::read(folder.join(format!("photos/{name}"))).unwrap();
            let ending = name.rsplit('.').next().unwrap();
            let file = folder.join(format!("photos/grass/torn{at}.{ending}"));
            fs::write(file, &bytes[..bytes.len() * 2 / 3]).unwrap();
        }
    };
    torn("grass/01.jpg");
    torn("grass/00.png");
    fs::write(folder.join("photos/grass/empty.jpg"), "").unwrap();
    fs::write(folder.join("photos/grass/words.png"), "this is no photo, whatever its name says").unwrap();
    // Cameras write more behind a photo.
    let mut camera = fs::read(folder.join("photos/grass/03.jpg")).unwrap();
    camera.extend_from_slice(b"SEFT and more");
    fs::write(folder.join("photos/grass/03.jpg"), camera).unwrap();
    let said = train(folder, "photos --balance --epochs 2 --out out").ok().out;
    says(&said, &["62 photos could not be read and were left out:", "empty.jpg: ", "words.png: "]);
    says(&said, &["classes: blue sky 10, grass 10\n"]);
    assert_eq!(said.matches("could not be read").count(), 1, "{said}");
    let weights = said.lines().find(|line| line.contains("count in the loss")).unwrap();
    let weight = |class: &str| -> f64 {
        let text = weights.split(&format!(": {class} ")).nth(1);
        let text = text.or_else(|| weights.split(&format!(", {class} ")).nth(1)).unwrap();
        text.split(',').next().unwrap().parse().unwrap()
    };
    // The split had them among the photos of the class.
    let list = fs::read_to_string(folder.join("out/train_list.txt")).unwrap();
    let of = |label: &str| list.lines().filter(|line| line.ends_with(label)).count() as f64;
    assert!(!list.contains("torn"), "{list}");
    assert!((weight("blue sky") * of(" 0") - weight("grass") * of(" 1")).abs() < 0.02, "{weights}\n{list}");
    let facts = &run(folder, "inspect out/latest --format json").ok().json()["training"];
    assert_eq!(facts["train_images"].as_f64().unwrap(), of(" 0") + of(" 1"));
    assert_eq!(facts["train_images"].as_u64().unwrap() + facts["val_images"].as_u64().unwrap(), 20);
}

#[test]
fn photos_that_the_first_epoch_finds_unreadable_are_told_with_what_counted_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 3, 10);
    for name in ["grass/00.png", "grass/06.png", "blue sky/02.png", "ümlaut/04.png"] {
        spoil(&folder.join("photos").join(name));
    }
    draw(&folder.join("val"), 2, 10);
    (3..10).for_each(|at| {
        let ending = if at % 2 == 0 { "png" } else { "jpg" };
        fs::remove_file(folder.join(format!("val/blue sky/{at:02}.{ending}"))).unwrap();
    });
    for name in ["00.png", "02.png"] {
        spoil(&folder.join("val/blue sky").join(name));
    }
    fs::create_dir(folder.join("both")).unwrap();
    fs::rename(folder.join("photos"), folder.join("both/train")).unwrap();
    fs::rename(folder.join("val"), folder.join("both/val")).unwrap();
    let flags = "both --balance --epochs 4 --lr 0 --batch 7";
    let flags = format!("train --size 32 --width 0.35 {flags}");
    let said = run(folder, &format!("{flags} --out whole")).ok().out;
    says(&said, &["6 photos could not be read and were left out:"]);
    let words = "the numbers of photos and the weights of the classes above were made with the 4 of training among these, and \
                 other photos are shown in their places: remove or replace them before the next run; `photonet data` names all";
    says(&said, &[words]);
    // Of ten photos of grass and three of the sky, of which one can be read.
    says(&said, &["no better than always saying grass", "(0.9091)"]);
    let inspected = run(folder, "inspect whole/latest").ok().out;
    says(&inspected, &["on 26 photos, top-1", "% of 11"]);
    // The same in two parts, whose threads may have met other photos.
    run(folder, &format!("{flags} --out halves --stop-after 2 --workers 3")).ok();
    run(folder, "train --resume halves/latest").ok();
    for name in ["latest/model.safetensors", "epoch_3/model.safetensors"] {
        let file = |run: &str| fs::read(folder.join(run).join(name)).unwrap();
        assert!(file("whole") == file("halves"), "{name}");
    }
    assert_eq!(state(&folder.join("whole/latest"))["unreadable"].as_array().unwrap().len(), 4);
}

#[test]
fn a_batch_of_one_trains() {
    let folder = workplace();
    let arguments = "train photos --size 32 --width 0.35 --batch 1 --epochs 1 --out out";
    run(folder.path(), arguments).ok();
    assert!(finite(&folder.path().join("out/latest/model.safetensors")));
}

#[test]
fn a_device_with_a_small_limit_trains_in_parts_and_says_so() {
    let folder = workplace();
    let limited = |arguments: &str| {
        let mut command = program(folder.path());
        command.env("PHOTONET_BINDING_LIMIT", (3 << 20).to_string()).args(arguments.split_whitespace());
        Ran::of(command.output().expect("the program can be started"))
    };
    // The widest tensor has 64x64 positions of 16 channels: 6 MiB for all 24 photos.
    let said = limited("train photos --size 128 --width 0.35 --batch 24 --epochs 1 --out out").ok().said();
    says(&said, &["a batch of 24 is more than the device can take", "the device allows 3145728"]);
    says(&said, &["it goes in 2 parts of up to 12 photos"]);
    let evaluated =
        limited("eval --model out/latest --data photos --batch 30 --device software --format json");
    assert_eq!(evaluated.ok().json()["images"], 30);
    // What needs more for a single photo is refused, by name.
    let error = limited("train photos --size 512 --width 0.35 --batch 24 --epochs 1 --out other").failed();
    says(&error, &["needs", "bytes in one buffer, this device allows 3145728"]);
}

#[test]
fn checkpoints_of_other_networks_or_damaged_ones_are_refused() {
    let folder = copy_of_trained();
    let before = files(&folder.path().join("out"));
    let resume = |more: &str| {
        let arguments = format!("train photos --size 32 --batch 8 --epochs 4 --out other --resume {more}");
        run(folder.path(), &arguments).failed()
    };
    says(&resume("out/latest --width 0.5"), &["out/latest", "x0.35", "x0.5"]);
    says(&resume("out/latest --width 0.35 --arch large"), &["out/latest", "small", "large"]);
    says(&resume("out/latest --width 0.35 --seed 9"), &["seed"]);
    says(&resume("out/best_model --width 0.35"), &["best_model", "latest"]);
    says(&resume("out/nowhere --width 0.35"), &["nowhere"]);
    assert_eq!(files(&folder.path().join("out")), before, "what was saved stays as it is");
    for name in ["model.safetensors", "optimiser.safetensors", "state.json"] {
        let file = folder.path().join("out/epoch_1").join(name);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        says(&resume("out/epoch_1 --width 0.35"), &["epoch_1"]);
        fs::write(&file, &bytes).unwrap();
    }
    let model = folder.path().join("out/best_model/model.safetensors");
    let bytes = fs::read(&model).unwrap();
    fs::write(&model, &bytes[..bytes.len() - 10]).unwrap();
    says(
        &run(folder.path(), "infer --model out/best_model photos").failed(),
        &["model.safetensors", "truncated"],
    );
    let middle = bytes.len() / 2;
    let spoiled = [&bytes[..middle], &[0xff; 64], &bytes[middle + 64..]].concat();
    fs::write(&model, spoiled).unwrap();
    says(
        &run(folder.path(), "infer --model out/best_model photos").failed(),
        &["model.safetensors", "not finite", "damaged"],
    );
    says(&run(folder.path(), "eval --model photos/grass/00.png --data photos").failed(), &["00.png"]);
}

#[test]
fn more_classes_asked_for_than_there_are() {
    let ran = run(trained(), "infer --model out/best_model --topk 10 --format json photos/grass/00.png").ok();
    says(&ran.err, &["10", "3 classes"]);
    assert_eq!(ran.json()["top"].as_array().unwrap().len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_what_was_saved() {
    let folder = copy_of_trained();
    // A first evaluation is always the best so far, and its model is written by way of this name,
    // behind which there is a device without any space left.
    let mut first = state(&folder.path().join("out/latest"));
    first["best"] = serde_json::Value::Null;
    fs::write(folder.path().join("out/latest/state.json"), first.to_string()).unwrap();
    let before = files(&folder.path().join("out/latest"));
    let temporary = folder.path().join("out/best_model/model.safetensors.tmp");
    std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
    let best = fs::read(folder.path().join("out/best_model/model.safetensors")).unwrap();
    // The last epoch waits for what is being saved; an earlier one goes on meanwhile, and the run ends once that fails.
    for epochs in [3, 5] {
        let more = format!("photos --epochs {epochs} --out out --resume out/latest");
        let error = train(folder.path(), &more).failed();
        says(&error, &["write", "best_model/model.safetensors", "No space left"]);
        std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
    }
    fs::remove_file(&temporary).unwrap();
    assert_eq!(files(&folder.path().join("out/latest")), before);
    assert_eq!(fs::read(folder.path().join("out/best_model/model.safetensors")).unwrap(), best);
    no_leftovers(&folder.path().join("out"));
    train(folder.path(), "photos --epochs 3 --out out --resume out/latest").ok();
}

#[test]
fn a_loss_that_is_not_a_number_stops_the_run_with_advice() {
    let folder = copy_of_trained();
    let good = files(&folder.path().join("out/latest"));
    let error = train(folder.path(), "photos --epochs 4 --lr 1e30 --out out --resume out/latest").failed();
    says(
        &error,
        &[
            "step",
            "diverged",
            "a learning rate of 0.0125,",
            "The last checkpoint with finite weights is out/latest",
        ],
    );
    assert_eq!(files(&folder.path().join("out/latest")), good, "the last good checkpoint stays");
    assert!(finite(&folder.path().join("out/latest/model.safetensors")));
}

#[test]
fn unknown_keys_and_impossible_values() {
    let folder = workplace();
    let wrong = |arguments: &str| train(folder.path(), &format!("photos --out out {arguments}"));
    says(&wrong("-o Global.epoch=3").failed(), &["Global.epoch", "Global.epochs"]);
    says(&wrong("-o epochs=3").failed(), &["unknown key epochs (did you mean Global.epochs?)"]);
    says(&wrong("-o Global.epochs=many").failed(), &["Global.epochs"]);
    says(&wrong("--epochs 0").failed(), &["--epochs 0"]);
    says(&run(folder.path(), "train photos --size 31 --out out").failed(), &["31", "32"]);
    says(&wrong("--device nosuchdevice").failed(), &["nosuchdevice", "found"]);
}
