//! The configuration: PaddleClas's quick start, overrides, errors and the way back to YAML.

mod common;

use common::{QUICK_START, quick_start, read, refused};
use std::path::{Path, PathBuf};

use photonet_train::config::{
    Arch, Config, ConfigError, OptimizerMethod, Pretrained, ScheduleKind, Task, Variant,
};
use photonet_train::loader::{LoaderOptions, OnError};
use photonet_vision::{Augmentation, Flip, Interpolation, Library, Recipe, Resampler, Transform};

#[test]
fn the_quick_start_file_is_read_as_it_is() {
    let c = quick_start(&[]).unwrap();
    assert_eq!((c.arch.variant, c.arch.width, c.arch.class_num), (Variant::Large, 1.0, Some(102)));
    assert_eq!(c.arch.pretrained, Pretrained::No);
    assert_eq!((c.global.epochs, c.global.print_batch_step, c.global.device.as_str()), (20, 10, "auto"));
    assert_eq!(c.global.image_shape, [3, 224, 224]);
    assert_eq!(c.global.output_dir, PathBuf::from("./output/"));
    assert_eq!(c.optimizer.method, OptimizerMethod::Momentum { momentum: 0.9, nesterov: false });
    assert_eq!((c.optimizer.weight_decay, c.loss.epsilon), (0.000001, 0.0));
    assert_eq!(c.optimizer.schedule.kind, ScheduleKind::Cosine { eta_min: 0.0 });
    assert_eq!((c.optimizer.schedule.learning_rate, c.optimizer.schedule.warmup_epoch), (0.00375, 5.0));
    assert_eq!(c.train.recipe, Recipe::train(224));
    assert_eq!(c.eval.recipe, Recipe::eval(224));
    assert_eq!(c.infer.recipe, Recipe::eval(224));
    assert_eq!((c.train.batch_size, c.train.shuffle, c.train.drop_last), (32, true, false));
    assert_eq!((c.eval.batch_size, c.eval.shuffle, c.train.num_workers), (64, false, Some(4)));
    assert_eq!(c.train.cls_label_path.as_deref(), Some(Path::new("./dataset/flowers102/train_list.txt")));
    assert_eq!(
        c.infer.class_id_map_file.as_deref(),
        Some(Path::new("./dataset/flowers102/flowers102_label_list.txt"))
    );
    assert_eq!((c.infer.batch_size, c.infer.topk, c.metric.eval.as_slice()), (10, 5, &[1, 5][..]));
    let mut ignored = c.ignored;
    ignored.sort();
    assert_eq!(
        ignored,
        [
            "DataLoader.Eval.loader.use_shared_memory",
            "DataLoader.Train.loader.use_shared_memory",
            "Global.save_inference_dir",
            "Global.use_visualdl",
        ]
    );
}

#[test]
fn loading_uses_what_the_computer_has_where_nothing_is_said() {
    let mut c = Config::defaults();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = LoaderOptions::from_config(&c.train, 0, OnError::Replace);
    assert_eq!(options.threads, cores);
    assert!(options.cache_bytes >= 64 << 20, "{} bytes", options.cache_bytes);
    let of_eval = LoaderOptions::from_config(&c.eval, 0, OnError::Leave);
    assert_eq!(of_eval.cache_bytes, options.cache_bytes / 2);
    // A file that is written says nothing of this computer.
    assert!(c.to_yaml().contains("num_workers: null") && c.to_yaml().contains("cache_mb: null"));
    // Photos of a folder are kept with four times the input's side,
    assert_eq!(options.keep_short, Some(4 * 224));
    c.set_size(128);
    assert_eq!(c.train.kept_short(), Some(4 * 128));
    let back = Config::from_yaml(&c.to_yaml(), "again", &[]).unwrap();
    assert_eq!(back.train.kept_short(), Some(4 * 128));
    // but what is asked for stays, whatever the size,
    c.train.keep_short = Some(0);
    c.set_size(64);
    assert_eq!(c.train.kept_short(), None);
    // and where resizing skips pixels photos are not averaged before, since evaluation does not.
    c.train.keep_short = None;
    c.train.recipe = Recipe::train(64);
    assert_eq!(c.train.kept_short(), None);
    // A file's own steps are followed as they are, unless it asks for this too.
    let steps = "DataLoader.Train.dataset.transform_ops=[{RandCropImage: {size: 56, interpolation: bilinear, backend: pil}}]";
    let with = |keep: &[&str]| read("", &[&[steps], keep].concat()).unwrap().train.kept_short();
    assert_eq!(with(&[]), None);
    assert_eq!(with(&["DataLoader.Train.loader.keep_short=500"]), Some(500));
    assert_eq!(with(&["DataLoader.Train.loader.keep_short=auto"]), Some(4 * 56));
    assert_eq!(read("", &[]).unwrap().train.kept_short(), Some(4 * 224));
    let asked = quick_start(&["DataLoader.Train.loader.cache_mb=7"]).unwrap().train;
    let options = LoaderOptions::from_config(&asked, 0, OnError::Replace);
    assert_eq!((options.threads, options.cache_bytes, options.keep_short), (4, 7 << 20, None));
    let text = refused("", &["DataLoader.Train.loader.keep_short=some"]);
    assert!(text.contains("keep_short"), "{text}");
}

#[test]
fn overrides_are_typed_and_reach_into_lists() {
    let c = quick_start(&[
        "Global.epochs=3",
        "Global.seed=7",
        "Global.device=cpu",
        "Global.checkpoints=./output/epoch_5",
        "Global.output_dir=out=1/photo #2",
        "Arch.name=MobileNetV3_small_x0_6",
        "Arch.pretrained=True",
        "Optimizer.lr.learning_rate=1e-3",
        "DataLoader.Train.dataset.transform_ops.1.RandCropImage.size=128",
        "DataLoader.Train.dataset.transform_ops.RandFlipImage.prob=0",
        "DataLoader.Eval.dataset.transform_ops.2.CropImage.size=96",
        "DataLoader.Train.sampler.drop_last=True",
        "Metric.Eval.0.TopkAcc.topk=[1, 3]",
        "Infer.PostProcess.class_id_map_file=None",
    ])
    .unwrap();
    assert_eq!((c.global.epochs, c.global.seed, c.global.device.as_str()), (3, 7, "software"));
    assert_eq!(c.global.checkpoints.as_deref(), Some(Path::new("./output/epoch_5")));
    assert_eq!(c.global.output_dir, Path::new("out=1/photo #2"));
    assert_eq!((c.arch.variant, c.arch.width, c.arch.pretrained), (Variant::Small, 0.6, Pretrained::Yes));
    assert_eq!(c.optimizer.schedule.learning_rate, 0.001);
    assert_eq!(c.train.recipe.output_size(), Some((128, 128)));
    assert_eq!(
        c.train.recipe.transforms[1],
        Transform::Augment(Augmentation::RandomFlip { probability: 0.0, sides: Flip::Horizontal })
    );
    assert_eq!(c.eval.recipe.output_size(), Some((96, 96)));
    assert!(c.train.drop_last);
    assert_eq!((c.metric.train, c.metric.eval), (vec![1, 5], vec![1, 3]));
    assert_eq!(c.infer.class_id_map_file, None);
}

#[test]
fn later_overrides_win_and_empty_ones_clear() {
    let c = quick_start(&["Global.epochs=3", "Global.epochs=4", "Arch.class_num="]).unwrap();
    assert_eq!((c.global.epochs, c.arch.class_num), (4, None));
}

#[test]
fn unknown_keys_are_refused_with_their_path_and_the_nearest_key() {
    let text = refused("Global:\n  epochs: 3\n  epoch_s: 4\n", &[]);
    assert_eq!(text, "run.yaml, line 3: unknown key Global.epoch_s (did you mean Global.epochs?)");
    let text = refused(QUICK_START, &["Optimizer.lr.learnin_rate=0.1"]);
    assert!(text.starts_with("-o Optimizer.lr.learnin_rate=0.1: unknown key"), "{text}");
    assert!(text.ends_with("(did you mean Optimizer.lr.learning_rate?)"), "{text}");
    let text = refused(QUICK_START, &["optimiser.momentum=0.5"]);
    assert!(text.contains("unknown key optimiser (did you mean Optimizer?)"), "{text}");
    let text = refused(QUICK_START, &["DataLoader.Train.dataset.transform_ops.1.RandCropImage.sise=96"]);
    assert!(text.contains("transform_ops.1.RandCropImage.sise"), "{text}");
    // A key of only one place, given without it or in another.
    assert_eq!(refused("", &["epochs=3"]), "-o epochs=3: unknown key epochs (did you mean Global.epochs?)");
    let text = refused("", &["Global.learning_rate=0.1"]);
    assert!(text.ends_with("(did you mean Optimizer.lr.learning_rate?)"), "{text}");
    let text = refused("", &["batch_size=8"]);
    assert!(text.ends_with("unknown key batch_size"), "{text}");
    let text = refused("Quantum: 1", &[]);
    assert_eq!(text, "run.yaml, line 1: unknown key Quantum");
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (one, what) in [
        ("Global.epochs=many", "Global.epochs must be a whole number, not \"many\""),
        ("Global.epochs=1.5", "Global.epochs must be a whole number, not 1.5"),
        ("Global.epochs=[1]", "Global.epochs must be a whole number, not a list of 1"),
        ("Global.eval_during_train=3", "Global.eval_during_train must be True or False, not 3"),
        ("Optimizer.momentum=high", "Optimizer.momentum must be a number, not \"high\""),
        ("Global=3", "Global must be a section of keys, not 3"),
        ("Global.output_dir=[1]", "Global.output_dir must be a path, not a list of 1"),
        ("Metric.Train=5", "Metric.Train must be a list, not 5"),
        ("Arch.pretrained=[a]", "Arch.pretrained must be True, False or a path, not a list of 1"),
    ] {
        assert_eq!(refused(QUICK_START, &[one]), format!("-o {one}: {what}"));
    }
    assert_eq!(
        refused("Global: {epochs: 2}\nLoss:\n  Train: no\n", &[]),
        "run.yaml, line 3: Loss.Train must be a list, not \"no\""
    );
}

#[test]
fn impossible_values_are_refused() {
    for (one, rule) in [
        ("Global.epochs=0", "at least 1"),
        ("Global.epochs=-1", "not be negative"),
        ("Global.update_freq=0", "at least 1"),
        ("Global.seed=-1", "not be negative"),
        ("Optimizer.momentum=1", "below 1"),
        ("EMA.decay=1.0", "below 1"),
        ("Optimizer.lr.learning_rate=-0.1", "not be negative"),
        ("Optimizer.lr.learning_rate=.inf", "finite"),
        ("Arch.name=MobileNetV3_small_x0_0", "from 0.05 to 8"),
        ("Arch.name=MobileNetV3_small_x99", "from 0.05 to 8"),
        ("Global.image_shape=[1, 224, 224]", "[3, height, width]"),
        ("DataLoader.Train.sampler.batch_size=0", "at least 1"),
        ("Metric.Train.0.TopkAcc.topk=0", "at least 1"),
        ("DataLoader.Eval.dataset.transform_ops=[DecodeImage]", "add CropImage"),
        ("DataLoader.Train.dataset.transform_ops.1.RandCropImage.scale=[0.5, 2.0]", "scale must satisfy"),
        ("DataLoader.Eval.dataset.transform_ops.3.NormalizeImage.std=[1, 0, 1]", "std must be positive"),
        ("DataLoader.Eval.dataset.transform_ops.3.NormalizeImage.scale=1/0", "finite"),
    ] {
        let text = refused(QUICK_START, &[one]);
        assert!(text.contains(rule), "{one}: {text}");
    }
    let text = refused("Optimizer: {lr: {name: Cosine}}", &[]);
    assert_eq!(text, "run.yaml, line 1: Optimizer.lr.learning_rate is missing");
}

#[test]
fn what_would_change_the_result_and_is_not_supported_is_refused() {
    for (one, supported) in [
        ("AMP.use_fp16_test=True", "supported: False"),
        ("Optimizer.name=Lamb", "Lamb is not supported; supported: Momentum, SGD, RMSProp, Adam, AdamW"),
        ("Optimizer.name=momentum", "(did you mean Momentum?)"),
        ("Optimizer.grad_clip=1.0", "supported: leaving the key out"),
        ("Optimizer.lr.name=Cyclic", "supported: Cosine, Linear, Step, Piecewise, MultiStepDecay, Constant"),
        ("Optimizer.regularizer.name=L1", "supported: L2"),
        ("Arch.name=ResNet50", "supported: MobileNetV3_large_xW"),
        ("Arch.name=MobileNetV3_larg_x1_0", "(did you mean MobileNetV3_large_x1_0?)"),
        ("Loss.Train.0.CELoss.weight=0.5", "supported: 1"),
        ("Loss.Train=[{CELoss: {}}, {CELoss: {}}]", "supported: one CELoss"),
        ("Loss.Eval=[{DMLLoss: {}}]", "supported: CELoss"),
        ("Metric.Eval=[{Recallk: {}}]", "supported: TopkAcc"),
        ("Metric.Eval.0.TopkAcc.topk=[1, 2, 3, 4, 5]", "supported: up to 4 of them"),
        ("DataLoader.Train.dataset.name=MultiLabelDataset", "supported: ImageNetDataset"),
        (
            "DataLoader.Train.dataset.batch_transform_ops=[{FmixOperator: {}}]",
            "supported: MixupOperator, CutmixOperator, OpSampler",
        ),
        (
            "DataLoader.Eval.dataset.batch_transform_ops=[{MixupOperator: {alpha: 0.2}}]",
            "supported: leaving the key out, as by -o DataLoader.Eval.dataset",
        ),
        ("DataLoader.Train.dataset.transform_ops=[{BlurImage: {}}]", "BlurImage is not supported"),
        ("DataLoader.Train.dataset.transform_ops.2.RandFlipImage.flip_code=2", "supported: 1, 0, -1"),
        ("DataLoader.Train.sampler.name=PKSampler", "supported: DistributedBatchSampler"),
        ("DataLoader.Eval.dataset.transform_ops.2.CropImage.size=[200, 100]", "the side of a square"),
    ] {
        let text = refused(QUICK_START, &[one]);
        assert!(text.contains("not supported") && text.contains(supported), "{one}: {text}");
    }
}

#[test]
fn harmless_keys_are_accepted_and_named() {
    let c = quick_start(&["Global.to_static=False", "Global.use_dali=True", "AMP.scale_loss=128.0"]).unwrap();
    assert!(c.ignored.contains(&"Global.to_static".to_owned()), "{:?}", c.ignored);
    assert!(c.ignored.contains(&"Global.use_dali".to_owned()), "{:?}", c.ignored);
}

#[test]
fn overrides_that_lead_nowhere_say_so() {
    for (one, reason) in [
        ("Global.epochs", "the = is missing"),
        ("Global..epochs=1", "empty part"),
        ("=1", "empty part"),
        ("Global.epochs.x=1", "Global.epochs is 20, not a section"),
        ("DataLoader.Train.dataset.transform_ops.9.X=1", "a list of 4; its items are 0 to 3, not 9"),
        ("DataLoader.Train.dataset.transform_ops.RandCropImag.size=1", "(did you mean RandCropImage?)"),
        ("Global.image_shape=[3, 1", "not valid YAML"),
    ] {
        let text = refused(QUICK_START, &[one]);
        assert!(text.starts_with(&format!("-o {one}: ")) && text.contains(reason), "{one}: {text}");
    }
}

#[test]
fn broken_files_are_refused_with_their_line() {
    let text = refused("Global:\n  epochs: 3\n epochs: [\n", &[]);
    assert!(text.starts_with("run.yaml, line ") && text.contains("not valid YAML"), "{text}");
    let text = refused("Global:\n  epochs: 3\n  epochs: 4\n", &[]);
    assert!(text.contains("line 3") && text.contains("duplicated key"), "{text}");
    assert!(refused("--- {}\n--- {}\n", &[]).contains("second YAML document"));
    assert!(refused("- 1\n- 2\n", &[]).contains("the configuration must be a section of keys"));
    let error =
        Config::load(Task::Train, Path::new("no/such/file.yaml"), &[]).expect_err("there is no such file");
    assert!(matches!(error, ConfigError::Read { .. }) && error.to_string().contains("no/such/file.yaml"));
}

#[test]
fn a_file_is_read_from_disk_with_mark_and_carriage_returns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yaml");
    std::fs::write(&path, "\u{feff}Global:\r\n  epochs: 3\r\nArch:\r\n  pretrained: ./w.safetensors\r\n")
        .unwrap();
    let c = Config::load(Task::Train, &path, &["Global.save_interval=2".to_owned()]).unwrap();
    assert_eq!((c.global.epochs, c.global.save_interval), (3, 2));
    assert_eq!(c.arch.pretrained, Pretrained::Path("./w.safetensors".into()));
}

#[test]
fn nothing_said_gives_the_defaults() {
    assert_eq!(read("", &[]).unwrap(), Config::defaults());
    let c = Config::defaults();
    // Unlike PaddleClas's operators, the defaults resize with antialias.
    let smooth = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };
    let recipe = Recipe::train(224).with_resampler(smooth);
    assert_eq!((c.arch.variant, c.arch.width, c.train.recipe), (Variant::Small, 1.0, recipe));
    assert_eq!((c.global.epochs, c.optimizer.schedule.warmup_epoch), (30, 3.0));
    let mut c = Config::defaults();
    c.set_epochs(20);
    c.set_size(128);
    assert_eq!((c.optimizer.schedule.warmup_epoch, c.global.image_shape), (2.0, [3, 128, 128]));
    assert_eq!(c.eval.recipe.output_size(), Some((128, 128)));
}

#[test]
fn the_written_configuration_reads_back_to_the_same() {
    let mut odd = Config::defaults();
    odd.global.seed = u64::MAX;
    odd.global.update_freq = 3;
    odd.ema = Some(0.99999);
    odd.global.device = "True".to_owned();
    odd.global.output_dir = "C:\\out put\\\"1\": #2\n\u{7}".into();
    odd.global.checkpoints = Some("2024".into());
    odd.arch.width = 0.35;
    odd.arch.pretrained = Pretrained::Path("null".into());
    odd.loss.epsilon = 0.1;
    odd.optimizer.schedule.kind = ScheduleKind::Const;
    odd.optimizer.schedule.learning_rate = 1.0 / 3.0;
    odd.optimizer.weight_decay = 1e-9;
    odd.train.delimiter = Some("\t".to_owned());
    odd.train.image_root = Some("naïve photos/ünder".into());
    odd.train.recipe.mean = [0.1, 1.0 / 3.0, 0.7];
    let lanczos = Resampler { library: Library::Pillow, interpolation: Interpolation::Lanczos };
    odd.infer.recipe.transforms = vec![Transform::Resize { width: 200, height: 100, resampler: lanczos }];
    odd.metric.train = vec![5, 2, 7];
    let mut quick = quick_start(&["Arch.pretrained=True"]).unwrap();
    quick.ignored.clear();
    for config in [Config::defaults(), quick, odd] {
        let text = config.to_yaml();
        let back = Config::from_yaml(&text, "again", &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(back, config, "{text}");
    }
}

#[test]
fn interpolation_and_backend_choose_the_resampler() {
    let ops =
        "[{ResizeImage: {resize_short: 64, interpolation: bicubic, backend: pil}}, {CropImage: {size: 56}}]";
    let c = read("", &[&format!("DataLoader.Eval.dataset.transform_ops={ops}")]).unwrap();
    let bicubic = Resampler { library: Library::Pillow, interpolation: Interpolation::Bicubic };
    assert_eq!(c.eval.recipe.transforms[0], Transform::ResizeShort { size: 64, resampler: bicubic });
    // Without NormalizeImage the network sees plain bytes.
    assert_eq!((c.eval.recipe.scale, c.eval.recipe.mean, c.eval.recipe.std), (1.0, [0.0; 3], [1.0; 3]));
    let ops = ops.replace("bicubic", "bilinar");
    let text = refused("", &[&format!("DataLoader.Eval.dataset.transform_ops={ops}")]);
    assert!(text.contains("(did you mean bilinear?)"), "{text}");
}

#[test]
fn architecture_names_go_both_ways() {
    for (name, variant, width) in [
        ("MobileNetV3_large_x0_35", Variant::Large, 0.35),
        ("MobileNetV3_small_x0_5", Variant::Small, 0.5),
        ("MobileNetV3_large_x1_0", Variant::Large, 1.0),
        ("MobileNetV3_small_x1_25", Variant::Small, 1.25),
        ("MobileNetV3_small_x0_6", Variant::Small, 0.6),
        ("MobileNetV3_large_x2_0", Variant::Large, 2.0),
    ] {
        assert_eq!(Arch::parse_name(name), Some((variant, width)));
        assert_eq!(Arch { variant, width, ..Config::defaults().arch }.name(), name);
    }
    for name in [
        "MobileNetV3",
        "MobileNetV3_large_x",
        "MobileNetV3_medium_x1_0",
        "MobileNetV3_large_x-1",
        "mobilenet",
    ] {
        assert_eq!(Arch::parse_name(name), None, "{name}");
    }
}
