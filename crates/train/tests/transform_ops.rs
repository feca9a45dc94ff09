//! PaddleClas's augmentations among `transform_ops`: read, refused, and written back.

use photonet_train::config::Config;
use photonet_vision::augment::{Erasing, Filter, Grid, Jitter, Mixture, Rotation, TimmAugment};
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
        ("RandAugmentV3:", "RandAugmentV3 is not supported", "did you mean RandAugmentV2?"),
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

#[test]
fn colour_jitter_grey_and_turns_are_read_as_paddlepaddle_writes_them() {
    let jitter = |options: &str| steps(&[&format!("ColorJitter: {options}"), NORMALIZE]);
    let is = |jitter| [Transform::Augment(Augmentation::ColorJitter { jitter })];
    let base = Jitter::default();
    assert_eq!(
        jitter("{brightness: 0.4, contrast: [0.5, 2], saturation: 1.5, hue: 0.1}"),
        is(Jitter {
            brightness: (0.6, 1.4),
            contrast: (0.5, 2.0),
            saturation: (0.0, 2.5),
            hue: (-0.1, 0.1),
            ..base
        })
    );
    assert_eq!(
        jitter("{prob: 0.8, hue: [-0.5, 0]}"),
        is(Jitter { probability: 0.8, hue: (-0.5, 0.0), ..base })
    );
    for never in ["", "{brightness: 0}", "{prob: 0, hue: 0.5}"] {
        assert_eq!(jitter(never), []);
    }
    let grey = |options: &str| steps(&[&format!("RandomGrayscale: {options}"), NORMALIZE]);
    let probability = 0.1;
    assert_eq!(grey(""), [Transform::Augment(Augmentation::RandomGrey { probability })]);
    assert_eq!(grey("{p: 0}"), []);
    let turn = |options: &str| steps(&[&format!("RandomRotation: {options}"), NORMALIZE]);
    let is = |rotation| [Transform::Augment(Augmentation::RandomRotation { rotation })];
    let base = Rotation { probability: 0.5, degrees: (-15.0, 15.0), filter: Filter::Nearest, fill: [0; 3] };
    assert_eq!(turn("{degrees: 15}"), is(base));
    let full = "{prob: 0.25, degrees: [0, 90], interpolation: bilinear, fill: 128, expand: False}";
    let degrees = (0.0, 90.0);
    assert_eq!(
        turn(full),
        is(Rotation { probability: 0.25, degrees, filter: Filter::Bilinear, fill: [128; 3] })
    );
    assert_eq!(turn("{degrees: 15, fill: [1, 2, 3]}"), is(Rotation { fill: [1, 2, 3], ..base }));
    all_refused(&[
        ("ColorJitter: {brightness: -0.4}", "ColorJitter.brightness", "must not be negative"),
        ("ColorJitter: {hue: 0.6}", "transform_ops", "hue must satisfy -0.5 <= least"),
        ("ColorJitter: {contrast: [2, 0.5]}", "transform_ops", "contrast must satisfy 0 <= least"),
        ("ColorJitter: {colour: 0.5}", "ColorJitter.colour", "unknown key"),
        ("RandomGrayscale: {p: 1.5}", "transform_ops", "probability must lie between 0 and 1"),
        ("RandomRotation:", "RandomRotation.degrees", "is missing"),
        ("RandomRotation: {degrees: -9}", "RandomRotation.degrees", "must not be negative"),
        ("RandomRotation: {degrees: 9, interpolation: bicubic}", "bicubic", "supported: nearest, bilinear"),
        ("RandomRotation: {degrees: 9, expand: True}", "expand", "supported: False"),
        ("RandomRotation: {degrees: 9, fill: 256}", "RandomRotation.fill", "at most 255"),
    ]);
    assert!(refused(&[NORMALIZE, "ColorJitter: {hue: 0.1}"]).contains("ColorJitter after NormalizeImage"));
}

#[test]
fn what_hides_parts_of_a_photo_hides_them_by_nothing() {
    let mean = [124, 116, 104];
    let cutout = |holes, length, fill| [Transform::Augment(Augmentation::Cutout { holes, length, fill })];
    assert_eq!(steps(&[NORMALIZE, "Cutout:"]), cutout(1, 112, mean));
    assert_eq!(steps(&["Cutout: {n_holes: 3, length: 20}", NORMALIZE]), cutout(3, 20, [0; 3]));
    assert_eq!(steps(&[NORMALIZE, "Cutout: {fill: [1, 2, 3]}"]), cutout(1, 112, [1, 2, 3]));
    let hide = |fill| [Transform::Augment(Augmentation::HideAndSeek { fill })];
    assert_eq!(steps(&[NORMALIZE, "ToCHWImage:", "HideAndSeek:"]), hide(mean));
    assert_eq!(steps(&["HideAndSeek:", NORMALIZE]), hide([0; 3]));
    let mask = |grid, fill| [Transform::Augment(Augmentation::GridMask { grid, fill })];
    let grid = Grid { probability: 1.0, distance: (96, 224), ratio: 0.5, rotate: 1, inverted: false };
    // As the file for ResNet50 has it.
    let own = "GridMask: {d1: 96, d2: 224, rotate: 1, ratio: 0.5, mode: 0}";
    assert_eq!(steps(&[NORMALIZE, own]), mask(grid, mean));
    let other = "GridMask: {d1: 10, d2: 20, rotate: 360, ratio: 0.6, mode: 1, prob: 0.7}";
    let grid = Grid { probability: 0.7, distance: (10, 20), ratio: 0.6, rotate: 360, inverted: true };
    assert_eq!(steps(&[NORMALIZE, "ToCHWImage:", other]), mask(grid, mean));
    all_refused(&[
        ("Cutout: {n_hole: 1}", "Cutout.n_hole", "did you mean"),
        ("GridMask: {d1: 224, d2: 224}", "transform_ops", "distance must satisfy 1 <= least < end"),
        ("GridMask: {rotate: 0}", "transform_ops", "rotate must be at least 1"),
    ]);
    assert!(refused(&["ToCHWImage:", "Cutout:", NORMALIZE]).contains("Cutout after ToCHWImage"));
}

#[test]
fn aug_mix_and_rand_augment_v2_are_read() {
    let mix = |options: &str| steps(&[&format!("AugMix: {options}"), NORMALIZE]);
    let is = |mixture| [Transform::Augment(Augmentation::AugMix { mixture })];
    let base = Mixture { probability: 0.5, alpha: 0.1, width: 3, depth: 1, severity: 1.0 };
    assert_eq!(mix(""), is(base));
    let full = "{prob: 1, aug_prob_coeff: 0.3, mixture_width: 4, mixture_depth: -1, aug_severity: 5}";
    let mixture = Mixture { probability: 1.0, alpha: 0.3, width: 4, depth: 0, severity: 5.0 };
    assert_eq!(mix(full), is(mixture));
    let v2 = |layers, magnitude, fill| {
        [Transform::Augment(Augmentation::RandAugmentV2 { layers, magnitude, fill })]
    };
    assert_eq!(steps(&["RandAugmentV2:", NORMALIZE]), v2(2, 5.0, [128; 3]));
    let full = "RandAugmentV2: {num_layers: 3, magnitude: 7.5, fillcolor: [1, 2, 3]}";
    assert_eq!(steps(&[full, NORMALIZE]), v2(3, 7.5, [1, 2, 3]));
    all_refused(&[
        ("AugMix: {mixture_width: 0}", "transform_ops", "width must be at least 1"),
        ("AugMix: {aug_severity: 20}", "transform_ops", "severity must lie between 0.1 and 10"),
        ("RandAugmentV2: {progress_magnitude: [5, 10]}", "progress_magnitude", "leaving the key out"),
    ]);
}
