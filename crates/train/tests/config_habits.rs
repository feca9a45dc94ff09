//! What a user of PaddleClas expects of a configuration.

mod common;

use common::{QUICK_START, quick_start, read, refused};
use photonet_train::config::{Config, ScheduleKind, Task};
use photonet_vision::{Interpolation, Library, Recipe, Resampler, Transform};

#[test]
fn mixed_precision_is_read_written_and_its_scaling_is_said_to_have_no_effect() {
    let off = read(QUICK_START, &["AMP.use_amp=False", "AMP.scale_loss=128.0"]).unwrap();
    assert!(!off.amp && !off.ignored.iter().any(|key| key.starts_with("AMP")));
    assert!(!read(QUICK_START, &[]).unwrap().amp && !read("AMP:", &[]).unwrap().amp);
    // As in PaddleClas, a section that is there asks for it.
    assert!(read("AMP: {scale_loss: 128.0}", &[]).unwrap().amp);
    let on = read(QUICK_START, &["AMP.use_amp=True", "AMP.scale_loss=128.0", "AMP.level=O2"]).unwrap();
    assert!(on.amp);
    let said: Vec<_> = on.ignored.iter().filter(|key| key.starts_with("AMP")).collect();
    assert_eq!(said, ["AMP.scale_loss", "AMP.level"]);
}

#[test]
fn what_only_another_task_needs_may_be_unsupported() {
    let read_for = |task, overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
        Config::from_yaml_for(task, QUICK_START, "run.yaml", &overrides).map_err(|e| e.to_string())
    };
    let training = [
        "DataLoader.Train.dataset.transform_ops.2={BlurImage: {prob: 1}}",
        "DataLoader.Train.dataset.batch_transform_ops=[{FmixOperator: {alpha: 0.2}}]",
        "Optimizer.name=Lamb",
        "Optimizer.lr.name=Cyclic",
        "Loss.Train=[{DMLLoss: {}}]",
    ];
    for task in [Task::Eval, Task::Infer] {
        let c = read_for(task, &training).unwrap();
        assert_eq!((c.eval.batch_size, c.infer.topk, c.arch.class_num), (64, 5, Some(102)));
    }
    assert!(!read_for(Task::Train, &["Infer.PostProcess.name=ThreshOutput"]).unwrap().gives("Infer.x"));
    let c = read_for(Task::Train, &["Infer.transforms.1={PadImage: {}}"]).unwrap();
    assert!(!c.gives("Infer.transforms") && c.gives("Infer.infer_imgs") && c.infer.recipe == c.eval.recipe);
    for (task, one) in [
        (Task::Eval, "DataLoader.Eval.dataset.transform_ops.1={PadImage: {}}"),
        (Task::Infer, "Infer.transforms.1={PadImage: {}}"),
        (Task::Infer, "Infer.transforms.3.NormalizeImage.std=[1, 0, 1]"),
        (Task::Infer, "Infer.PostProcess.name=ThreshOutput"),
        // A slip is told whatever it is for.
        (Task::Infer, "Optimizer.lr.learnin_rate=0.1"),
        (Task::Eval, "Global.epochs=many"),
    ] {
        assert!(read_for(task, &[one]).is_err(), "{one}");
    }
}

#[test]
fn an_operator_is_dropped_by_an_override_and_a_refused_one_says_so() {
    let ops = "DataLoader.Train.dataset.transform_ops";
    let more = format!(
        "{ops}=[DecodeImage, {{RandCropImage: {{size: 64}}}}, {{BlurImage: {{prob: 1}}}}, {{NormalizeImage: }}]"
    );
    let text = refused(QUICK_START, &[&more]);
    assert!(text.ends_with("; to leave it out: -o DataLoader.Train.dataset.transform_ops.2=None"), "{text}");
    let wanted = quick_start(&[&more.replace("{BlurImage: {prob: 1}}, ", "")]).unwrap().train.recipe;
    assert_eq!(wanted.mean, Recipe::train(64).mean);
    for path in ["2", "2.BlurImage", "BlurImage"] {
        let c = quick_start(&[&more, &format!("{ops}.{path}=None")]).unwrap();
        assert_eq!(c.train.recipe, wanted, "{path}");
    }
    // Two of them, by their places in the file.
    let c = quick_start(&[&more, &format!("{ops}.2="), &format!("{ops}.3.NormalizeImage=None")]).unwrap();
    assert_eq!(c.train.recipe.std, [1.0; 3]);
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = refused(
        "Global: {epochs: 0, epoch_s: 4, seed: x}\nOptimizer: {name: Lamb}\nMetric: {Train: 5}\n",
        &["DataLoader.Train.sampler.batch_size=0", "Arch.name=ResNet50"],
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (8, "7 problems in the configuration:"), "{text}");
    for words in [
        "epochs is 0",
        "unknown key Global.epoch_s",
        "seed must be",
        "Lamb",
        "Train must be",
        "batch_size is 0",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn the_classes_of_arch_count_where_global_has_others() {
    let c = quick_start(&["Global.class_num=7"]).unwrap();
    assert_eq!(c.arch.class_num, Some(102));
    assert!(
        c.warnings.concat().starts_with("Global.class_num is 7 and Arch.class_num is 102"),
        "{:?}",
        c.warnings
    );
    let c = quick_start(&["Global.class_num=7", "Arch.class_num=None"]).unwrap();
    assert_eq!((c.arch.class_num, c.warnings.len()), (Some(7), 0));
}

#[test]
fn a_file_without_a_regularizer_asks_for_no_decay() {
    let rest = "name: Momentum, momentum: 0.9, lr: {name: ConstLR, learning_rate: 0.1}";
    for (regularizer, l2) in [
        ("", 0.0),
        (", regularizer: null", 0.0),
        (", regularizer: {name: L2, coeff: 0.01}", 0.01),
        (", regularizer: {name: L2}", 0.0),
    ] {
        let text = format!("Optimizer: {{{rest}{regularizer}}}");
        assert_eq!(read(&text, &[]).unwrap().optimizer.weight_decay, l2, "{text}");
        assert_eq!(
            read(&text, &["Optimizer.regularizer=None"]).unwrap().optimizer.weight_decay,
            0.0,
            "{text}"
        );
    }
    // Without a file, Photonet's own stays unless it is taken away.
    assert_eq!(read("", &["Optimizer.momentum=0.8"]).unwrap().optimizer.weight_decay, 2e-5);
    assert_eq!(read("", &["Optimizer.regularizer=None"]).unwrap().optimizer.weight_decay, 0.0);
}

#[test]
fn a_files_sampler_keeps_the_last_batch_unless_it_says_otherwise() {
    let sampler = |options: &str| format!("DataLoader: {{Train: {{sampler: {{batch_size: 8{options}}}}}}}");
    assert!(!read(&sampler(""), &[]).unwrap().train.drop_last);
    assert!(read(&sampler(", drop_last: True"), &[]).unwrap().train.drop_last);
    assert!(read("", &["DataLoader.Train.sampler.batch_size=8"]).unwrap().train.drop_last);
}

#[test]
fn each_list_of_accuracies_is_kept_as_it_is() {
    let both = |overrides: &[&str]| {
        let metric = read("", overrides).unwrap().metric;
        (metric.train, metric.eval)
    };
    assert_eq!(both(&[]), (vec![1, 5], vec![1, 5]));
    let lists = ["Metric.Train=[{TopkAcc: {topk: 3}}]", "Metric.Eval=[{TopkAcc: {topk: [5, 1, 5]}}]"];
    assert_eq!(both(&lists), (vec![3], vec![5, 1]));
    assert_eq!(both(&lists[..1]), (vec![3], vec![3]));
    assert_eq!(both(&lists[1..]), (vec![5, 1], vec![5, 1]));
    let text = refused("", &["Metric.Eval=[]"]);
    assert!(text.contains("it must name a k"), "{text}");
}

#[test]
fn paddleclas_schedules_are_read_and_written() {
    let lr = |keys: &str| read(&format!("Optimizer: {{lr: {{{keys}}}}}"), &[]);
    let multi = ScheduleKind::MultiStep { milestones: vec![30, 60], gamma: 0.1 };
    let values = vec![0.1, 0.01, 0.001];
    for (keys, kind, rate) in [
        (
            "name: Step, learning_rate: 0.1, step_size: 30, gamma: 0.2",
            ScheduleKind::Step { step_size: 30, gamma: 0.2 },
            0.1,
        ),
        ("name: MultiStepDecay, learning_rate: 0.1, milestones: [30, 60]", multi, 0.1),
        (
            "name: Piecewise, decay_epochs: [30, 60], values: [0.1, 0.01, 0.001], learning_rate: 5",
            ScheduleKind::Piecewise { decay_epochs: vec![30, 60], values },
            0.1,
        ),
        (
            "name: Linear, learning_rate: 0.2, end_lr: 0.01, by_epoch: True, warmup_epoch: 5",
            ScheduleKind::Linear { end_lr: 0.01, power: 1.0, cycle: false },
            0.2,
        ),
        ("name: Constant, learning_rate: 0.3", ScheduleKind::Const, 0.3),
    ] {
        let c = lr(keys).unwrap();
        assert_eq!((&c.optimizer.schedule.kind, c.optimizer.schedule.learning_rate), (&kind, rate), "{keys}");
        let back = Config::from_yaml(&c.to_yaml(), "again", &[]).unwrap();
        assert_eq!(back.optimizer, c.optimizer, "{keys}");
    }
    assert!(lr("name: Linear, learning_rate: 0.2, by_epoch: True").unwrap().optimizer.schedule.by_epoch);
    for (keys, words) in [
        ("name: Step, learning_rate: 0.1, gamma: 0.2", "Optimizer.lr.step_size is missing"),
        ("name: Step, learning_rate: 0.1, step_size: 3, gamma: 1.5", "below 1"),
        ("name: MultiStepDecay, learning_rate: 0.1, milestones: [60, 30]", "must ascend"),
        ("name: Piecewise, decay_epochs: [3], values: [0.1]", "one rate more than there are decay_epochs, 2"),
        ("name: Piecewise, decay_epochs: [3]", "Optimizer.lr.values is missing"),
        (
            "name: Step, learning_rate: 0.1, step_size: 3, gamma: 0.1, eta_min: 0",
            "Optimizer.lr.eta_min is 0, but Step has no such setting",
        ),
    ] {
        let text = lr(keys).expect_err(keys).to_string();
        assert!(text.contains(words), "{keys}: {text}");
    }
}

#[test]
fn a_moving_average_is_asked_for_by_its_section() {
    for (text, ema) in [
        ("", None),
        ("EMA: {enable: False, decay: 0.9}", None),
        ("EMA: null", None),
        ("EMA: False", None),
        ("EMA: {decay: 0.9}", Some(0.9)),
        ("EMA: {}", Some(0.9999)),
        ("EMA: {enable: True, decay: 0}", Some(0.0)),
    ] {
        assert_eq!(read(text, &[]).unwrap().ema, ema, "{text}");
    }
    assert_eq!(quick_start(&["EMA.decay=0.99"]).unwrap().learning().average, Some(0.99));
    for off in ["Global.ema=False", "Global.ema={enable: False}"] {
        assert!(quick_start(&[off]).is_ok(), "{off}");
    }
    for on in ["Global.ema=True", "Global.ema={enable: True}"] {
        let text = refused(QUICK_START, &[on]);
        assert!(text.ends_with("is not supported; supported: leaving the key out"), "{text}");
    }
    assert!(
        refused(QUICK_START, &["EMA.deacy=0.9"]).contains("unknown key EMA.deacy (did you mean EMA.decay?)")
    );
}

#[test]
fn what_an_evaluation_does_not_do_is_listed() {
    let c = quick_start(&["DataLoader.Eval.sampler.drop_last=True", "DataLoader.Eval.sampler.shuffle=True"])
        .unwrap();
    for key in ["drop_last", "shuffle"] {
        assert!(c.ignored.contains(&format!("DataLoader.Eval.sampler.{key}")), "{:?}", c.ignored);
    }
}

#[test]
fn pythons_ways_of_writing_are_read() {
    let c = quick_start(&[
        "Metric.Train.0.TopkAcc.topk=(1,2)",
        "Metric.Eval.0.TopkAcc.topk=(3,)",
        "DataLoader.Train.sampler.batch_size=4*2",
        "Global.seed=False",
        "Global.checkpoints=False",
        "DataLoader.Train.dataset.delimiter=\\t",
    ])
    .unwrap();
    assert_eq!((c.metric.train, c.metric.eval, c.train.batch_size), (vec![1, 2], vec![3], 8));
    assert_eq!((c.global.seed, c.global.checkpoints, c.train.delimiter.as_deref()), (0, None, Some("\t")));
    for (one, words) in [
        ("Global.epochs=1.0", "Global.epochs must be a whole number, not 1.0"),
        ("DataLoader.Train.sampler.batch_size=3/2", "must be a whole number, not \"3/2\""),
        ("Global.device=npu", "npu is not supported; supported: gpu or auto, cpu or software"),
        (
            "DataLoader.Train.dataset.batch_transform_ops=[{MixupOperator: {alpha: 0.2}}, {OpSampler: {}}]",
            "mixing a batch 2 times is not supported; supported: one operator, such as an OpSampler of several",
        ),
    ] {
        let text = refused(QUICK_START, &[one]);
        assert!(text.contains(words), "{one}: {text}");
    }
}

#[test]
fn smoothing_out_of_range_is_off_and_that_of_evaluation_unreported() {
    for epsilon in ["1.0", "-0.1", "3"] {
        let c = quick_start(&[&format!("Loss.Train.0.CELoss.epsilon={epsilon}")]).unwrap();
        assert_eq!(c.loss.epsilon, 0.0);
        assert!(c.warnings.concat().contains("Loss.Train.0.CELoss.epsilon is"), "{:?}", c.warnings);
    }
    let c = quick_start(&["Loss.Train.0.CELoss.epsilon=0.1", "Loss.Eval.0.CELoss.epsilon=0.1"]).unwrap();
    assert_eq!((c.loss.epsilon, c.warnings.len()), (0.1, 1));
    assert!(c.warnings[0].starts_with("Loss.Eval has label smoothing"), "{:?}", c.warnings);
}

#[test]
fn a_file_in_another_encoding_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gbk.yaml");
    std::fs::write(&path, b"Global:\n  output_dir: \xb2\xa3\n").unwrap();
    let text = Config::load(Task::Train, &path, &[]).expect_err("no UTF-8").to_string();
    assert!(text.ends_with("gbk.yaml, line 2: not UTF-8: save the file as UTF-8"), "{text}");
}

#[test]
fn pillow_resizes_bicubically_where_no_interpolation_is_named() {
    let resize = |options: &str| {
        let ops =
            format!("DataLoader.Eval.dataset.transform_ops.1={{ResizeImage: {{resize_short: 64{options}}}}}");
        quick_start(&[&ops]).unwrap().eval.recipe.transforms[0].clone()
    };
    for (options, library, interpolation) in [
        ("", Library::OpenCv, Interpolation::Bilinear),
        (", backend: cv2", Library::OpenCv, Interpolation::Bilinear),
        (", backend: pil", Library::Pillow, Interpolation::Bicubic),
        (", backend: pil, interpolation: bilinear", Library::Pillow, Interpolation::Bilinear),
    ] {
        let resampler = Resampler { library, interpolation };
        assert_eq!(resize(options), Transform::ResizeShort { size: 64, resampler }, "{options}");
    }
}

#[test]
fn one_slip_is_one_problem_and_hides_no_other() {
    let text = refused(QUICK_START, &["Optimizer.lr.learning_rate=fast"]);
    assert!(text.contains("must be a number") && !text.contains("is missing"), "{text}");
    let text = refused(QUICK_START, &["Optimizer.name=Lamb", "Optimizer.lr.learning_rate=fast"]);
    assert!(text.contains("Lamb is not supported") && text.contains("must be a number"), "{text}");
    assert!(text.starts_with("2 problems"), "{text}");
}

#[test]
fn settings_of_another_schedule_are_told_how_to_leave_out() {
    let lr = "Optimizer.lr={name: Step, learning_rate: 0.1, step_size: 2, gamma: 0.1}";
    let text = refused(QUICK_START, &[lr, "Optimizer.lr.name=Linear"]);
    for key in ["step_size", "gamma"] {
        let words = format!(
            "Linear has no such setting: leave it out, on the command line by -o Optimizer.lr.{key}=None"
        );
        assert!(text.contains(&words), "{text}");
    }
    let others = ["Optimizer.lr.step_size=None", "Optimizer.lr.gamma=None"];
    quick_start(&[lr, "Optimizer.lr.name=Linear", others[0], others[1]]).unwrap();
    let text = refused(QUICK_START, &[lr, "Optimizer.lr.name=Linnear"]);
    assert!(text.contains("did you mean Linear?") && !text.contains("no such setting"), "{text}");
}

#[test]
fn what_an_override_broke_is_told_as_its() {
    let file = "Loss:\n  Train:\n    - CELoss:\n        weight: 1.0\n";
    let change = "Loss.Train.0.MixCELoss.weight=1.0";
    let text = refused(file, &[change]);
    assert!(text.starts_with(&format!("-o {change}: Loss.Train.0 must be an item")), "{text}");
    let file = "DataLoader:\n  Train:\n    dataset:\n      batch_transform_ops:\n        - OpSampler:\n            \
                MixupOperator: {alpha: 0.8, prob: 0.5}\n            CutmixOperator: {alpha: 1.0, prob: 0.5}\n";
    let change = "DataLoader.Train.dataset.batch_transform_ops.OpSampler.MixupOperator.prob=0.8";
    let text = refused(file, &[change]);
    assert!(text.starts_with(&format!("-o {change}: ")), "{text}");
}

#[test]
fn an_empty_path_is_none_as_in_paddleclas() {
    let config = quick_start(&["Global.checkpoints=\"\"", "Global.pretrained_model=\"\""]).unwrap();
    assert_eq!((config.global.checkpoints, config.global.pretrained_model), (None, None));
}
