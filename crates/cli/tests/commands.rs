//! Every command, through the program.

mod common;

use common::*;
use std::fs;

#[test]
fn train_writes_models_lists_logs_and_metrics() {
    let out = trained().join("out");
    for file in
        ["config.yaml", "train.log", "metrics.jsonl", "label_list.txt", "best_model/model.safetensors"]
    {
        assert!(out.join(file).is_file(), "{file}");
    }
    for folder in ["latest", "epoch_1", "epoch_2"] {
        for file in ["model.safetensors", "optimiser.safetensors", "state.json"] {
            assert!(out.join(folder).join(file).is_file(), "{folder}/{file}");
        }
    }
    let log = fs::read_to_string(out.join("train.log")).unwrap();
    says(
        &log,
        &[
            "[Train][Epoch 1/2][Iter: 0/3]lr(",
            "device_idle: ",
            "[Eval][Epoch 2][Avg]CELoss",
            "best metric",
            "Already save model in",
        ],
    );
    for line in fs::read_to_string(out.join("metrics.jsonl")).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["event"].is_string() && event["time"].is_number(), "{line}");
        if event["event"] == "train_epoch" {
            let idle = event["device_idle"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&idle), "{line}");
        }
    }
}

#[test]
fn eval_of_a_folder_a_list_and_a_configuration() {
    let folder = trained();
    let json = run(folder, "eval --model out/best_model --data photos --format json").ok().json();
    assert_eq!((json["images"].as_u64(), json["skipped"].as_u64()), (Some(30), Some(0)));
    assert_eq!(json["classes"].as_array().unwrap().len(), 3);
    let top1 = json["top1"].as_f64().unwrap();
    let correct: u64 =
        json["classes"].as_array().unwrap().iter().map(|c| c["correct"].as_u64().unwrap()).sum();
    assert!((top1 - correct as f64 / 30.0).abs() < 1e-9 && json["top5"].is_null());
    let list = run(folder, "eval --model out/best_model --data out/val_list.txt --format json").ok().json();
    assert_eq!(list["images"], 6);
    let text = run(folder, "eval --model out/best_model --data out/val_list.txt").ok().out;
    says(&text, &["top-1", "recall", "grass"]);
    let config = "eval -c out/config.yaml -o Global.pretrained_model=out/best_model --format json";
    assert_eq!(run(folder, config).ok().json()["top1"], list["top1"]);
}

#[test]
fn infer_in_every_form() {
    let folder = trained();
    let lines =
        run(folder, "infer --model out/best_model --format json --logits photos/grass").ok().json_lines();
    assert_eq!(lines.len(), 10);
    for line in &lines {
        let top = line["top"].as_array().unwrap();
        assert_eq!((top.len(), line["logits"].as_array().unwrap().len()), (3, 3));
        let sum: f64 = top.iter().map(|t| t["probability"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    let short =
        run(folder, "infer --model out/best_model --format json --topk 1 photos/grass/00.png").ok().json();
    assert!(short.get("logits").is_none() && short["top"].as_array().unwrap().len() == 1);
    let csv = run(folder, "infer --model out/best_model --format csv --topk 2 photos/grass/00.png").ok().out;
    assert!(csv.starts_with("file,rank,index,label,probability\n") && csv.lines().count() == 3, "{csv}");
    says(&run(folder, "infer --model out/best_model photos/grass/00.png").ok().out, &["00.png", " %  "]);
    let config = "infer -c out/config.yaml -o Infer.infer_imgs=photos/grass/00.png \
                  -o Global.pretrained_model=out/best_model --format json";
    let by_config = run(folder, config).ok().json();
    assert_eq!(by_config["top"][0]["index"], short["top"][0]["index"]);
}

#[test]
fn the_processor_and_the_shaders_agree() {
    let folder = trained();
    let on = |device: &str| {
        let command = format!("infer --model out/best_model --format json --logits --device {device} photos");
        run(folder, &command).ok().json_lines()
    };
    let logits = |line: &serde_json::Value| -> Vec<f64> {
        line["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (processor, shaders) = (on("cpu"), on("software"));
    assert_eq!(processor.len(), 30);
    for (a, b) in processor.iter().zip(&shaders) {
        assert_eq!(a["file"], b["file"]);
        let (found, expected) = (logits(a), logits(b));
        let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(found.iter().zip(&expected).all(|(x, y)| (x - y).abs() < 1e-4 * largest), "{a} {b}");
    }
    let eval = |device: &str| {
        let command = format!("eval --model out/best_model --data photos --format json --device {device}");
        run(folder, &command).ok().json()
    };
    assert_eq!(eval("cpu")["top1"], eval("software")["top1"]);
}

#[test]
fn half_precision_is_near_and_of_gpus_only() {
    let folder = trained();
    let on = |flags: &str| {
        let ran = run(folder, &format!("infer --model out/best_model --format json --logits {flags} photos"));
        ran.ok()
    };
    let (single, half) = (on("--device software"), on("--device software --precision f16"));
    let (single, half) = (single.json_lines(), half.json_lines());
    assert_ne!(single, half);
    assert_eq!((single.len(), half.len()), (30, 30));
    for (a, b) in single.iter().zip(&half) {
        let [(a, first), (b, second)] = [a, b].map(|line| (&line["top"], line["top"][0]["index"].as_u64()));
        let probability = |top: &serde_json::Value| top[0]["probability"].as_f64().unwrap();
        assert!(first == second && (probability(a) - probability(b)).abs() < 0.02, "{a} {b}");
    }
    let processor = on("--device cpu --precision f16");
    says(&processor.err, &["--precision f16 has no effect on the processor"]);
    assert_eq!(processor.json_lines(), on("--device cpu").json_lines());
    for command in ["eval --data photos --format json", "embed --format json photos/grass/00.png"] {
        let command = format!("{command} --model out/best_model --device software --precision f16");
        run(folder, &command).ok().json();
    }
}

#[test]
fn training_in_half_precision_by_flag_by_key_and_resumed() {
    let folder = workplace();
    let folder = folder.path();
    train(folder, "photos --epochs 2 --out flag --precision f16").ok();
    train(folder, "photos --epochs 2 --out key -o AMP.use_amp=True").ok();
    train(folder, "photos --epochs 2 --out single").ok();
    let saved = |out: &str| folder.join(out).join("epoch_2");
    let model = |out: &str| saved(out).join("model.safetensors");
    same_bits(&saved("flag"), &saved("key"));
    assert!(finite(&model("flag")) && tensors(&model("flag")) != tensors(&model("single")));
    says(&fs::read_to_string(folder.join("flag/config.yaml")).unwrap(), &["use_amp: True"]);
    train(folder, "photos --epochs 2 --stop-after 1 --out parts --precision f16").ok();
    train(folder, "--resume parts/latest --out parts").ok();
    same_bits(&saved("flag"), &saved("parts"));
    // Half-precision training writes what single precision reads.
    run(folder, "infer --model flag/best_model photos/grass/00.png").ok();
}

/// A picture of noise.
fn noise(path: &std::path::Path, side: u32) {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let picture = image::RgbImage::from_fn(side, side, |_, _| image::Rgb([next(), next(), next()]));
    picture.save(path).expect("a picture can be written");
}

#[test]
fn bench_tells_what_the_computer_can_load() {
    let folder = tempfile::tempdir().unwrap();
    draw(&folder.path().join("photos"), 2, 6);
    noise(&folder.path().join("photos/grass/large.png"), 400);
    let ran = |arguments: &str| run(folder.path(), &format!("bench --photos photos --size 32 {arguments}"));
    let json = ran("--runs 2 --workers 2 --format json").ok().json();
    assert_eq!((json["photos"].as_u64(), json["threads"].as_u64()), (Some(13), Some(2)));
    assert_eq!(json["cached_photos"], 13);
    // The large one is kept as training keeps it.
    assert_eq!(json["cached_bytes"], 12 * 40 * 40 * 3 + 128 * 128 * 3);
    for epoch in ["first_epoch", "later_epochs"] {
        assert!(json[epoch]["photos_per_second"].as_f64().unwrap() > 0.0, "{json}");
    }
    assert_eq!(json["later_epochs"]["read_seconds"], 0.0);
    fs::write(folder.path().join("photos/grass/bad.jpg"), "no photo").unwrap();
    let text = ran("--runs 1").ok();
    says(
        &text.out,
        &["14 photos to 32x32 pixels", "13 kept in memory", "photos/s", "the first", "later ones"],
    );
    says(&text.err, &["bad.jpg"]);
    for flag in ["--batch 8", "--arch large"] {
        says(&ran(flag).err, &["--photos", &flag[..6]]);
    }
    says(&ran("--suite").err, &["--photos", "--suite"]);
    says(&run(folder.path(), "bench --photos nowhere").failed(), &["nowhere"]);
    says(&run(folder.path(), "bench --workers 2").err, &["--photos"]);
}

#[test]
fn devices_summary_check_and_bench() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |arguments: &str| run(folder.path(), arguments).ok();
    let device = &ran("devices --format json").json_lines()[0];
    assert!(device["name"].is_string() && device["shader_f16"].is_boolean());
    let units = &device["matrix_units"];
    assert!(units.is_null() || [8, 16].map(Some).contains(&units.as_u64()), "{units}");
    let listed = ran("devices").out;
    says(&listed, &["kind", "driver", "matrices"]);
    // Nothing else comes of asking for what there is none of.
    let asked = |variables: &[(&str, &str)], ignored: &str| {
        let mut command = program(folder.path());
        let asked = command.args(["check", "residual"]).envs(variables.iter().copied()).output().unwrap();
        assert!(asked.status.success());
        String::from_utf8(asked.stderr).unwrap().contains(&format!("{ignored} has no effect"))
    };
    assert!(asked(&[("PHOTONET_MATRIX_UNITS", "1")], "PHOTONET_MATRIX_UNITS") || !units.is_null());
    let subgroups = [("PHOTONET_SUBGROUPS", "1"), ("PHOTONET_DEVICE_CLASS", "discrete")];
    assert!(asked(&subgroups, "PHOTONET_SUBGROUPS"));
    let json = ran("summary --arch large --format json").json();
    assert_eq!(json["parameters"], 5_480_206);
    says(&ran("summary").out, &["2939958 parameters", "blocks.10.squeeze", "60.1 million MACs"]);
    says(&ran("check residual").out, &["residual/add", "agree with their CPU twin"]);
    says(&run(folder.path(), "check nosuchkernel").failed(), &["nosuchkernel"]);
    for (flags, task) in [("", "infer"), ("--train", "train")] {
        let command =
            format!("bench {flags} --width 0.35 --size 32 --batch 2 --classes 4 --runs 2 --format json");
        let json = ran(&command).json();
        assert_eq!(json["task"], task);
        assert!(json["subgroups"].is_boolean() && json["robust"].is_boolean());
        assert!(json["median_ms"].as_f64().unwrap() > 0.0 && json["kinds"].as_array().unwrap().len() > 5);
        assert_eq!(json["launches"].as_array().unwrap().len() as u64, json["dispatches"].as_u64().unwrap());
    }
    let bytes = |task: &str, precision: &str| {
        let command = "--width 0.35 --size 32 --batch 2 --classes 4 --runs 1 --format json --precision";
        let json = ran(&format!("bench {task} {command} {precision}")).json();
        assert_eq!(json["precision"], precision);
        json["traffic_bytes"].as_f64().unwrap()
    };
    assert!(bytes("", "f16") < 0.6 * bytes("", "f32"));
    assert!(bytes("--train", "f16") < 0.95 * bytes("--train", "f32"));
    says(&run(folder.path(), "bench --suite --precision f16").err, &["--precision", "--suite"]);
    let limits = ran("bench --limits --format json").json();
    for rate in ["copy_bytes_per_second", "macs_per_second"] {
        assert!(limits[rate].as_f64().unwrap() > 1e6, "{limits}");
    }
    let tiny = "--width 0.35 --classes 4 --runs 1 --format json";
    let suite = ran(&format!("bench --suite --size 32 {tiny}")).json_lines();
    assert!(suite.iter().all(|row| row["error"].is_null()), "{suite:?}");
    for task in ["infer", "train"] {
        for arch in ["small", "large"] {
            let row = suite.iter().find(|row| row["task"] == task && row["arch"] == arch).unwrap();
            assert!(row["median_ms"].as_f64().unwrap() > 0.0, "{row}");
            let layers = row["layers"].as_array().unwrap();
            let bytes: u64 = layers.iter().map(|layer| layer["bytes"].as_u64().unwrap()).sum();
            assert_eq!(bytes, row["traffic_bytes"].as_u64().unwrap(), "the layers' bytes are the plan's");
            let (planned, given) = (row["planned_bytes"].as_f64().unwrap(), row["allocated_bytes"].as_f64());
            if let Some(given) = given {
                assert!((given / planned - 1.0).abs() < 0.1, "{planned} bytes planned, {given} given");
            }
        }
    }
    let plot = folder.path().join("plot.svg");
    let grid = ran(&format!("bench --scaling --size 80 {tiny} --plot {}", plot.display())).json_lines();
    assert_eq!(grid.len(), 25);
    assert!(fs::read_to_string(&plot).unwrap().contains("<polyline"));
    says(&ran("bench --width 0.35 --size 32 --runs 1").out, &["median", "images/s", "pointwise/forward"]);
}
