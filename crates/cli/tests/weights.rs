//! Weights of other projects in and out, through the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use photonet_model::{Architecture, Family, Model, Naming, Variant, export, initialise};
use photonet_vision::Recipe;
use photonet_weights::safetensors::{Output, write};
use photonet_weights::{ReadOptions, TensorFile, Values, read};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const FLAGS: &str = "--size 32 --out model.safetensors";

/// Weights of a small network as its project publishes them.
fn published(family: Family, width: f64, classes: usize) -> Vec<u8> {
    let architecture = Architecture::new(family, Variant::Small, width, classes).unwrap();
    let model = Model {
        weights: initialise(&architecture, 7),
        labels: (0..classes).map(|n| n.to_string()).collect(),
        recipe: Recipe::eval(32),
        facts: Default::default(),
        test_vectors: Vec::new(),
        architecture,
    };
    export::safetensors(&model, Naming::of(family), false).unwrap()
}

fn opened(path: &Path) -> TensorFile {
    read(&fs::read(path).unwrap(), &ReadOptions::default()).unwrap()
}

/// A file with changes to its tensors, written anew.
fn rewrite(bytes: &[u8], change: impl Fn(&str, &mut Vec<usize>, &mut Vec<f32>) -> bool) -> Vec<u8> {
    let file = read(bytes, &ReadOptions::default()).unwrap();
    let mut tensors = Vec::new();
    for (name, tensor) in file.tensors {
        match tensor.values {
            Values::Integers(count) => tensors.push(Output::counter(name, count[0])),
            Values::Floats(mut values) => {
                let mut shape = tensor.shape;
                if change(&name, &mut shape, &mut values) {
                    tensors.push(Output::floats(name, shape, &values));
                }
            }
        }
    }
    write(&tensors, HashMap::new()).unwrap()
}

#[test]
fn torchvision_weights_come_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("mobilenet_v3_small-047dcff4.safetensors"), published(Family::Torchvision, 0.5, 3)).unwrap();
    fs::write(at("labels.txt"), "0 sky\n1 grass\n2 sea\n").unwrap();
    let said = run(
        folder.path(),
        &format!(
            "import mobilenet_v3_small-047dcff4.safetensors --labels labels.txt --resize-short 40 {FLAGS}"
        ),
    )
    .ok()
    .out;
    says(
        &said,
        &["torchvision MobileNetV3 small x0.5 with 3 classes", "of 210 tensors matched", "1 reshaped"],
    );

    let shown = run(folder.path(), "inspect model").ok().out;
    says(&shown, &["sky, grass, sea", "short side to 40 (pillow bilinear)", "047dcff4", "test vectors   1"]);
    let json = run(folder.path(), "inspect model --format json").ok().json();
    assert_eq!(json["architecture"]["width"], 0.5);
    assert_eq!(json["test_vectors"][0]["logits"].as_array().unwrap().len(), 3);

    let verified = run(folder.path(), "verify model --format json").ok().json();
    assert_eq!((&verified["passed"], verified["errors"].as_array().unwrap().len()), (&true.into(), 1));
    says(&run(folder.path(), "verify model").ok().out, &["works as it should"]);

    run(folder.path(), "export model --format safetensors-torchvision --out back.safetensors").ok();
    assert_eq!(
        fs::read(at("back.safetensors")).unwrap(),
        fs::read(at("mobilenet_v3_small-047dcff4.safetensors")).unwrap()
    );
    // Half the width has other expanded widths in timm: refused, and why.
    let refused =
        run(folder.path(), "export model --format safetensors-timm --out timm.safetensors").failed();
    says(&refused, &["without loss", "expanded width of block", "stem's width is 8 here and 16 there"]);
    let refused = run(folder.path(), "export model --format safetensors-paddle --out p.safetensors").failed();
    says(&refused, &["an expansion in block 0 is no here and yes there", "gate"]);
    assert!(!at("timm.safetensors").exists() && !at("p.safetensors").exists());

    run(folder.path(), "export model --format safetensors-torchvision --half --out half.safetensors").ok();
    let (whole, half) = (opened(&at("back.safetensors")), opened(&at("half.safetensors")));
    assert!(
        fs::metadata(at("half.safetensors")).unwrap().len() * 3
            < fs::metadata(at("back.safetensors")).unwrap().len() * 2
    );
    for (name, tensor) in &whole.tensors {
        let (Values::Floats(a), Values::Floats(b)) = (&tensor.values, &half.tensors[name].values) else {
            continue;
        };
        let close = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= a.abs() / 2000.0 + 1e-7);
        assert!(close && tensor.shape == half.tensors[name].shape, "{name}");
    }
}

#[test]
fn torchvision_and_timm_exchange_weights_at_full_width() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.safetensors"), published(Family::Torchvision, 1.0, 3)).unwrap();
    run(folder.path(), &format!("import a.safetensors {FLAGS}")).ok();
    run(folder.path(), "export model --format safetensors-timm --out mobilenetv3_small_100.safetensors").ok();
    let there =
        "import mobilenetv3_small_100.safetensors --size 32 --interpolation bilinear --out timm.safetensors";
    says(&run(folder.path(), there).ok().out, &["timm MobileNetV3 small x1 with 3 classes"]);
    // Another epsilon, another scale, the same function.
    let draw_in = folder.path().join("photos");
    draw(&draw_in, 2, 2);
    let logits = |model: &str| -> Vec<f64> {
        let lines = run(folder.path(), &format!("infer --model {model} --logits --format json photos")).ok();
        let lines = lines.json_lines();
        lines
            .iter()
            .flat_map(|l| l["logits"].as_array().unwrap().clone())
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    let (a, b) = (logits("model"), logits("timm"));
    let largest = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5 * largest), "{a:?} {b:?}");
}

#[test]
fn paddle_weights_and_onnx() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("p.safetensors"), published(Family::Paddle, 0.35, 3)).unwrap();
    let json = run(folder.path(), &format!("import p.safetensors {FLAGS} --format json")).ok().json();
    assert_eq!((json["naming"].as_str(), json["taken"].as_array().unwrap().len()), (Some("paddle"), 214));
    run(folder.path(), "export model --format safetensors-paddle --out back.safetensors").ok();
    assert_eq!(fs::read(at("back.safetensors")).unwrap(), fs::read(at("p.safetensors")).unwrap());
    let sizes: Vec<u64> = ["", "--unfolded", "--half"]
        .iter()
        .map(|flags| {
            run(folder.path(), &format!("export model --format onnx {flags} --out m.onnx")).ok();
            let bytes = fs::read(at("m.onnx")).unwrap();
            let has = |word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
            for word in ["labels", "preprocessing", "HardSigmoid", "Gemm", "logits", "batch"] {
                assert!(has(word), "{flags}: no {word}");
            }
            assert_eq!(has("BatchNormalization"), *flags == "--unfolded");
            bytes.len() as u64
        })
        .collect();
    assert!(sizes[0] < sizes[1] && sizes[2] * 3 < sizes[0] * 2, "{sizes:?}");
    let wrong = "export model --format safetensors-paddle --folded --out x";
    says(&run(folder.path(), wrong).failed(), &["--folded", "ONNX"]);
}

#[test]
fn embeddings_as_json_and_as_a_matrix() {
    let folder = trained();
    let lines = run(folder, "embed --model out/best_model photos/grass").ok().json_lines();
    assert_eq!(lines.len(), 10);
    let length = |line: &serde_json::Value, key: &str| line[key].as_array().map(Vec::len);
    assert!(lines.iter().all(|l| length(l, "pooled") == Some(200) && length(l, "head") == Some(1280)));
    let only = run(folder, "embed --model out/best_model --features pooled photos/grass/00.png").ok().json();
    assert_eq!((length(&only, "pooled"), only.get("head")), (Some(200), None));
    assert_eq!(only["pooled"], lines[0]["pooled"]);
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("f.npy");
    let matrix = |photos: &str, path: &Path| {
        run(folder, &format!("embed --model out/best_model {photos} --format npy --out {}", path.display()))
    };
    says(&matrix("photos/grass", &path).ok().out, &["10 rows of 1280", "f.txt: the photo of each row"]);
    let names = |path: &Path| fs::read_to_string(path.with_extension("txt")).unwrap();
    let files: Vec<_> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!(names(&path).lines().collect::<Vec<_>>(), files);
    // What cannot be read has no row, and is told at the end.
    let text = out.path().join("text.jpg");
    fs::write(&text, "no photo").unwrap();
    let some = run(folder, &format!("embed --model out/best_model photos/grass/00.png {}", text.display()));
    says(&some.failed(), &["text.jpg", "1 of 2 photos could not be read"]);
    let other = out.path().join("other.npy");
    matrix(&format!("{} photos/grass/01.jpg photos/grass/00.png", text.display()), &other).failed();
    assert_eq!(names(&other), "photos/grass/01.jpg\nphotos/grass/00.png\n");
    // Over an earlier one, but over nothing else.
    matrix("photos/grass/00.png", &other).ok();
    assert_eq!(names(&other), "photos/grass/00.png\n");
    let photo = fs::read(&text).unwrap();
    says(&matrix("photos/grass", &text).failed(), &["text.jpg is not called .npy", "text.npy"]);
    fs::rename(&text, out.path().join("photo.npy")).unwrap();
    says(&matrix("photos/grass", &out.path().join("photo.npy")).failed(), &["a file that is no NumPy file"]);
    fs::write(out.path().join("list.txt"), "mine").unwrap();
    says(&matrix("photos/grass", &out.path().join("list.npy")).failed(), &["list.txt, which is there"]);
    says(&matrix("photos/grass", out.path()).failed(), &["is a folder", "features.npy"]);
    assert_eq!(fs::read(out.path().join("photo.npy")).unwrap(), photo);
    let bytes = fs::read(&path).unwrap();
    let data = bytes.len() - 10 * 1280 * 4;
    assert!(bytes.starts_with(b"\x93NUMPY") && data.is_multiple_of(64));
    let first = f32::from_le_bytes(bytes[data..data + 4].try_into().unwrap());
    // JSON's reader rounds the last digit of a double now and then, which a float does not notice.
    assert_eq!(first, lines[0]["head"][0].as_f64().unwrap() as f32);
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = copy_of_trained();
    let at = |name: &str| folder.path().join(name);
    let run = |command: &str| run(folder.path(), command);
    let model = fs::read(at("out/best_model/model.safetensors")).unwrap();
    for out in ["out/best_model/model.safetensors", "out/latest/../best_model/model.safetensors"] {
        let refused = run(&format!("export out/best_model --format onnx --out {out}")).failed();
        says(&refused, &["would overwrite out/best_model/model.safetensors, which is read"]);
    }
    assert_eq!(fs::read(at("out/best_model/model.safetensors")).unwrap(), model);
    fs::write(at("w.safetensors"), published(Family::Torchvision, 0.5, 3)).unwrap();
    fs::write(at("labels.txt"), "0 sky\n1 grass\n2 sea\n").unwrap();
    for out in ["w.safetensors", "labels.txt"] {
        let refused =
            run(&format!("import w.safetensors --labels labels.txt --size 32 --out {out}")).failed();
        says(&refused, &[&format!("--out {out} would overwrite {out}, which is read: give another name")]);
    }
    assert_eq!(fs::read(at("w.safetensors")).unwrap(), published(Family::Torchvision, 0.5, 3));
}

#[test]
fn what_does_not_fit_is_listed_and_refused_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let whole = published(Family::Torchvision, 0.5, 3);
    let missing = rewrite(&whole, |name, _, _| name != "features.4.block.0.0.weight");
    let misshapen = rewrite(&whole, |name, shape, values| {
        if name == "classifier.0.bias" {
            shape[0] -= 1;
            values.pop();
        }
        true
    });
    let not_finite = rewrite(&whole, |name, _, values| {
        if name == "classifier.0.bias" {
            values[0] = f32::NAN;
        }
        true
    });
    let try_with = |bytes: &[u8], flags: &str| {
        fs::write(folder.path().join("w.safetensors"), bytes).unwrap();
        run(folder.path(), &format!("import w.safetensors {FLAGS} {flags}"))
    };
    says(&try_with(&missing, "").failed(), &["missing", "features.4.block.0.0.weight [", "--allow-partial"]);
    says(&try_with(&misshapen, "").failed(), &["wrong shape classifier.0.bias [511], expected [512]"]);
    says(&try_with(&not_finite, "").failed(), &["classifier.0.bias", "not finite"]);
    says(&try_with(&whole, "--arch mobilenet_v3_large").failed(), &["missing", "unexpected"]);
    says(&try_with(&whole, "--arch resnet50").failed(), &["resnet50", "mobilenetv3_small_050"]);
    says(&try_with(&whole, "--mean 0.5").code.map_or(String::new(), |c| c.to_string()), &["2"]);
    says(&try_with(&whole, "--resize-short 20").failed(), &["--resize-short"]);
    says(&try_with(&whole[..whole.len() / 2], "").failed(), &["truncated"]);
    assert!(!folder.path().join("model.safetensors").exists());
    let said = try_with(&missing, "--allow-partial").ok().out;
    says(&said, &["209 of 210", "missing     features.4.block.0.0.weight", "1 tensors start afresh"]);
}

#[test]
fn files_that_are_no_weights_are_refused_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let tensors: Vec<Output> =
        ["conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "fc.weight"]
            .iter()
            .map(|name| Output::floats(*name, vec![2], &[1.0, 2.0]))
            .collect();
    fs::write(at("resnet.safetensors"), write(&tensors, HashMap::new()).unwrap()).unwrap();
    says(
        &run(folder.path(), &format!("import resnet.safetensors {FLAGS}")).failed(),
        &["ResNet", "conv1.weight"],
    );
    fs::write(at("evil.pth"), b"\x80\x02cos\nsystem\nX\x0a\x00\x00\x00touch gone\x85R.").unwrap();
    says(
        &run(folder.path(), &format!("import evil.pth {FLAGS}")).failed(),
        &["evil.pth", "os.system", "nothing"],
    );
    assert!(!at("gone").exists());
    // Two gigabytes of nothing take no disk, no memory and no time.
    fs::File::create(at("zeros")).unwrap().set_len(2 << 30).unwrap();
    let started = std::time::Instant::now();
    says(&run(folder.path(), &format!("import zeros {FLAGS}")).failed(), &["zeros", "not a weight file"]);
    assert!(started.elapsed().as_secs() < 5);
    says(&run(folder.path(), &format!("import nowhere.pth {FLAGS}")).failed(), &["nowhere.pth"]);
    says(&run(folder.path(), &format!("import . {FLAGS}")).failed(), &["not a regular file"]);
    fs::write(at("own.safetensors"), published(Family::Paddle, 0.35, 3)).unwrap();
    run(folder.path(), &format!("import own.safetensors {FLAGS}")).ok();
    says(&run(folder.path(), "import model.safetensors --out again.safetensors").failed(), &["already"]);
}
