//! PaddleClas's augmentations among `transform_ops`: read, refused, and written back.

use photonet_train::config::Config;
use photonet_vision::augment::{Erasing, Filter, TimmAugment};
use photonet_vision::{Augmentation, Flip, Recipe, Transform};

/// A training file whose operators are a random crop, a flip, and `ops`, each a line of YAML.
fn file(ops: &[&str]) -> String {
    let first = ["RandCropImage: {size: 224}", "RandFlipImage: {flip_code: 1}"];
    let lines = first.iter().chain(ops).map(|op| format!("        - {op}\n"));
    let head = "DataLoader:\n  Train:\n    dataset:\n      transform_ops:\n";
    lines.fold(head.to_owned(), |text, line| text + &line)
}

const NORMALIZE: &str = "NormalizeImage: {scale: 1.0/255.0, order: ''}";

/// The steps after crop and flip. The whole must also read back from what is written of it.
fn steps(ops: &[&str]) -> Vec<Transform> {
    let config = Config::from_yaml(&file(ops), "run.yaml", &[]).unwrap_or_else(|e| panic!("{ops:?}: {e}"));
    let text = config.to_yaml();
    let back = Config::from_yaml(&text, "again", &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(back, config, "{text}");
    let Recipe { mean, std, transforms, .. } = config.train.recipe;
    assert_eq!((mean, std), (Recipe::train(224).mean, Recipe::train(224).std));
    assert_eq!(transforms[..2], Recipe::train(224).transforms);
    transforms[2..].to_vec()
}

fn refused(ops: &[&str]) -> String {
    Config::from_yaml(&file(ops), "run.yaml", &[]).expect_err("must be refused").to_string()
}

/// The text of each error must contain both words.
fn all_refused(cases: &[(&str, &str, &str)]) {
    for (op, place, reason) in cases {
        let text = refused(&[op, NORMALIZE]);
        assert!(text.contains(place) && text.contains(reason), "{op}: {text}");
    }
}

#[test]
fn auto_augment_is_read_as_paddleclas_writes_it() {
    // As MobileNetV3_large_x1_0.yaml has it.
    assert_eq!(
        steps(&["AutoAugment:", NORMALIZE]),
        [Transform::Augment(Augmentation::AutoAugment { fill: [128; 3] })]
    );
    let ops = ["AutoAugment: {fillcolor: [0, 10, 255]}", NORMALIZE];
    assert_eq!(steps(&ops), [Transform::Augment(Augmentation::AutoAugment { fill: [0, 10, 255] })]);
    all_refused(&[
        ("AutoAugment: {fillcolor: [0, 10, 256]}", "AutoAugment.fillcolor", "from 0 to 255"),
        ("AutoAugment: {fillcolor: [0, 10]}", "AutoAugment.fillcolor", "from 0 to 255"),
        ("AutoAugment: {fillcolour: [0, 10, 2]}", "fillcolour", "did you mean"),
    ]);
    let text = refused(&[NORMALIZE, "AutoAugment:"]);
    assert!(text.contains("AutoAugment after NormalizeImage"), "{text}");
}

#[test]
fn rand_augment_is_read_with_its_numbers() {
    let grey = [128; 3];
    let default = Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude: 5.0, fill: grey });
    assert_eq!(steps(&["RandAugment:", NORMALIZE]), [default]);
    let ops = ["RandAugment: {num_layers: 3, magnitude: 7.5, fillcolor: [1, 2, 3]}", NORMALIZE];
    assert_eq!(
        steps(&ops),
        [Transform::Augment(Augmentation::RandAugment { layers: 3, magnitude: 7.5, fill: [1, 2, 3] })]
    );
    all_refused(&[
        ("RandAugment: {magnitude: 21}", "transform_ops", "magnitude must lie between 0 and 20"),
        ("RandAugment: {num_layers: -1}", "RandAugment.num_layers", "negative"),
        ("RandAugmentV2:", "RandAugmentV2 is not supported", "did you mean RandAugment?"),
    ]);
}

#[test]
fn random_erasing_is_read_in_values_before_and_after_normalisation() {
    let erasing =
        Erasing { probability: 0.5, area: (0.02, 0.4), ratio: 0.3, log_ratio: false, attempts: 100 };
    let step = |erasing, fill| [Transform::Augment(Augmentation::RandomErasing { erasing, fill })];
    // 0 after normalisation is ImageNet's mean colour, to half a level of the 255: 123.675, 116.28, 103.53.
    assert_eq!(steps(&[NORMALIZE, "RandomErasing:", "ToCHWImage:"]), step(erasing, [124, 116, 104]));
    assert_eq!(steps(&["RandomErasing:", NORMALIZE]), step(erasing, [0; 3]));
    let ops = ["RandomErasing: {mean: [255, 7.9, 1]}", NORMALIZE];
    assert_eq!(steps(&ops), step(erasing, [255, 7, 1]));
    let ops = [NORMALIZE, "RandomErasing: {mean: [-2.1179, 1.0, 2.64]}"];
    assert_eq!(steps(&ops), step(erasing, [0, 173, 255]));
    // As the files for PULC have it, but with noise, which they never ask for.
    let options = "sl: 0.03, sh: 1.0/3.0, r1: 0.25, attempt: 10, use_log_aspect: True";
    let erasing =
        Erasing { probability: 0.1, area: (0.03, 1.0 / 3.0), ratio: 0.25, log_ratio: true, attempts: 10 };
    let op = format!("RandomErasing: {{EPSILON: 0.1, {options}, mode: const}}");
    assert_eq!(steps(&[NORMALIZE, &op]), step(erasing, [124, 116, 104]));
    let never = format!("RandomErasing: {{EPSILON: 0.0, {options}, mode: pixel}}");
    assert_eq!(steps(&[NORMALIZE, &never]), []);
}

#[test]
fn what_random_erasing_cannot_do_is_refused() {
    let after = |op: &str| refused(&[NORMALIZE, op]);
    for (text, reason) in [
        (after("RandomErasing: {mode: pixel}"), "RandomErasing.mode: the mode pixel"),
        (after("RandomErasing: {mode: rand}"), "supported: const"),
        (after("RandomErasing: {mode: noise}"), "supported: const"),
        (after("RandomErasing: {mean: [0, 0, 2.7]}"), "a photo's bytes can show"),
        (after("RandomErasing: {EPSILON: 1.5}"), "probability must lie between 0 and 1"),
        (after("RandomErasing: {sl: 0.5}"), "area must satisfy"),
        (after("RandomErasing: {epsilon: 0.5}"), "did you mean"),
        (refused(&["RandomErasing: {mean: [0, 0, 256]}", NORMALIZE]), "a photo's bytes can show"),
        (refused(&["ToCHWImage:", "RandomErasing:", NORMALIZE]), "RandomErasing after ToCHWImage"),
    ] {
        assert!(text.contains(reason), "{reason}: {text}");
    }
}

#[test]
fn flips_are_read_in_all_directions() {
    for (code, sides) in [("1", Flip::Horizontal), ("0", Flip::Vertical), ("-1", Flip::Both)] {
        let op = format!("RandFlipImage: {{flip_code: {code}}}");
        assert_eq!(
            steps(&[&op, NORMALIZE]),
            [Transform::Augment(Augmentation::RandomFlip { probability: 0.5, sides })]
        );
    }
    all_refused(&[("RandFlipImage: {flip_code: 2}", "2.RandFlipImage.flip_code", "supported: 1, 0, -1")]);
}

#[test]
fn timm_auto_augment_is_read_by_its_setting() {
    let default = TimmAugment {
        probability: 1.0,
        layers: 2,
        magnitude: 9,
        deviation: 0.5,
        increasing: true,
        filter: Some(Filter::Bicubic),
        fill: [124, 116, 104],
    };
    let read = |options: &str| {
        let op = format!("TimmAutoAugment: {options}");
        steps(&[&op, NORMALIZE])
    };
    let is = |augment| [Transform::Augment(Augmentation::TimmAugment { augment })];
    assert_eq!(read(""), is(default));
    let full = "{prob: 0.5, config_str: rand-m9-mstd0.5-inc1, interpolation: bicubic, img_size: 224}";
    assert_eq!(read(full), is(TimmAugment { probability: 0.5, ..default }));
    // What a setting leaves out.
    let bare = TimmAugment { magnitude: 10, deviation: 0.0, increasing: false, ..default };
    assert_eq!(read("{config_str: rand}"), is(bare));
    assert_eq!(
        read("{config_str: rand-n3-m4-mstd1.25, interpolation: random, mean: [0.5, 0, 1]}"),
        is(TimmAugment {
            magnitude: 4,
            layers: 3,
            deviation: 1.25,
            filter: None,
            fill: [128, 0, 255],
            ..bare
        })
    );
    // As the files for PULC have it.
    assert_eq!(read("{prob: 0.0, config_str: augmix-m3, interpolation: bicubic, img_size: 176}"), []);
    all_refused(&[
        ("TimmAutoAugment: {config_str: augmix-m3}", "augmix-m3 is not supported", "begin with rand-"),
        ("TimmAutoAugment: {config_str: rand-m9-w0}", "the part w0", "m, n, mstd and inc"),
        ("TimmAutoAugment: {config_str: rand-m9.5}", "the part m9.5", "m, n, mstd and inc"),
        ("TimmAutoAugment: {config_str: rand-mstd}", "the part mstd", "m, n, mstd and inc"),
        ("TimmAutoAugment: {interpolation: lanczos}", "lanczos", "bilinear, bicubic, random"),
        ("TimmAutoAugment: {mean: [124, 116, 104]}", "TimmAutoAugment", "from 0 to 1"),
        ("TimmAutoAugment: {prob: 1.5}", "TimmAugment", "probability must lie between 0 and 1"),
        ("TimmAutoAugment: {config: rand-m9}", "TimmAutoAugment.config", "did you mean"),
    ]);
}
