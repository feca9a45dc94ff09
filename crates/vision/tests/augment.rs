//! AutoAugment and RandAugment against golden values from PaddleClas and Pillow (see `golden/augment.py`).

mod common;
#[path = "common/picture.rs"]
mod picture;

use common::{bytes_of_hex, crc32};
use photonet_vision::augment::{Filter, Moves, Operation, TimmAugment, auto_augment, rand_augment};
use photonet_vision::{Augmentation, Purpose, Random, Recipe, RngKey, Transform, VisionError};
use picture::picture;

const GOLDEN: &str = include_str!("golden/augment.txt");
const GREY: [u8; 3] = [128; 3];

fn golden(kind: &str) -> Vec<Vec<&'static str>> {
    let lines = GOLDEN.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.filter(|fields| fields[0] == kind).map(|fields| fields[1..].to_vec()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

/// PaddleClas's operation of that name, with a strength that has its sign already.
fn operation(name: &str, strength: f64) -> Operation {
    match name {
        "shearX" => Operation::ShearX(strength),
        "shearY" => Operation::ShearY(strength),
        "translateX" => Operation::TranslateX(strength),
        "translateY" => Operation::TranslateY(strength),
        "rotate" => Operation::Rotate(strength),
        "color" => Operation::Color(1.0 + strength),
        "posterize" => Operation::Posterize(strength as u32),
        "solarize" => Operation::Solarize(strength),
        "solarizeadd" => Operation::SolarizeAdd(strength as u8),
        "contrast" => Operation::Contrast(1.0 + strength),
        "sharpness" => Operation::Sharpness(1.0 + strength),
        "brightness" => Operation::Brightness(1.0 + strength),
        "autocontrast" => Operation::AutoContrast,
        "equalize" => Operation::Equalize,
        "invert" => Operation::Invert,
        _ => panic!("no operation {name}"),
    }
}

/// The operation with its strength to both sides, where it has two.
fn both_ways(name: &str, strength: f64) -> Vec<Operation> {
    let one_way = ["rotate", "posterize", "solarize", "autocontrast", "equalize", "invert"].contains(&name);
    if one_way {
        vec![operation(name, strength)]
    } else {
        [-strength, strength].map(|s| operation(name, s)).to_vec()
    }
}

fn random(sample: u32) -> Random {
    Random::new(RngKey { seed: 11, epoch: 2, sample }, Purpose::Augment)
}

#[test]
fn equals_pillow() {
    let lines = golden("apply");
    for fields in &lines {
        let &[name, strength, fill, filter, pictures, value] = fields.as_slice() else {
            panic!("bad line {fields:?}")
        };
        let sizes: &[_] = match pictures {
            "small" => &[(5, 4)],
            "several" => &[(37, 23), (2, 9), (17, 16), (224, 224)],
            _ => &[(33_000, 2)],
        };
        let fill: Vec<u8> = fill.split(',').map(|byte| byte.parse().unwrap()).collect();
        let fill = [fill[0], fill[1], fill[2]];
        let moves = match filter {
            "bilinear" => Moves::timm(fill, Filter::Bilinear),
            "bicubic" => Moves::timm(fill, Filter::Bicubic),
            _ => Moves::paddle_clas(fill),
        };
        let mut bytes = Vec::new();
        for &(width, height) in sizes {
            let mut image = picture(width, height);
            operation(name, number(strength)).apply(&mut image, &moves);
            assert_eq!((image.width(), image.height()), (width, height), "{name}");
            bytes.extend_from_slice(image.data());
        }
        let what = format!("{name} {strength} {fill:?} {filter} {pictures}");
        match value.strip_prefix("crc32:") {
            Some(sum) => assert_eq!(format!("{:08x}", crc32(&bytes)), sum, "{what}"),
            None => assert_eq!(bytes, bytes_of_hex(value), "{what}"),
        }
    }
    assert_eq!(lines.len(), 165);
}

#[test]
fn auto_augment_draws_paddleclas_pairs_as_often() {
    // Every outcome with its probability, those that several pairs share added up.
    let mut expected: Vec<([Option<Operation>; 2], f64)> = Vec::new();
    let pairs = golden("pair");
    assert_eq!(pairs.len(), 25);
    for fields in &pairs {
        let half = |at: usize| {
            let (probability, name, strength) = (number(fields[at]), fields[at + 1], number(fields[at + 2]));
            let done = both_ways(name, strength);
            let share = probability / done.len() as f64;
            let mut outcomes: Vec<_> = done.into_iter().map(|operation| (Some(operation), share)).collect();
            outcomes.push((None, 1.0 - probability));
            outcomes
        };
        for (first, p1) in half(0) {
            for (second, p2) in half(3) {
                let probability = p1 * p2 / pairs.len() as f64;
                match expected.iter_mut().find(|(outcome, _)| *outcome == [first, second]) {
                    Some((_, sum)) => *sum += probability,
                    None => expected.push(([first, second], probability)),
                }
            }
        }
    }
    let draws = 100_000;
    let mut seen = vec![0_u32; expected.len()];
    for sample in 0..draws {
        let outcome = auto_augment(&mut random(sample));
        let at = expected.iter().position(|(operations, p)| *operations == outcome && *p > 0.0);
        seen[at.unwrap_or_else(|| panic!("{outcome:?} is none of PaddleClas's"))] += 1;
    }
    for ((outcome, probability), seen) in expected.iter().zip(seen) {
        // Six standard deviations: of some hundred outcomes none lies there by chance.
        let (mean, n) = (probability * f64::from(draws), f64::from(draws));
        let spread = (n * probability * (1.0 - probability)).sqrt();
        assert!((f64::from(seen) - mean).abs() <= 6.0 * spread + 1e-9, "{outcome:?}: {seen} for {mean}");
    }
}

#[test]
fn rand_augment_draws_all_operations_equally() {
    for magnitude in ["5", "7.5"] {
        let lines = golden("magnitude");
        let lines: Vec<_> = lines.iter().filter(|fields| fields[0] == magnitude).collect();
        assert_eq!(lines.len(), 14);
        let mut seen = vec![Vec::new(); lines.len()];
        let draws = 28_000;
        for sample in 0..draws {
            let drawn = rand_augment(number(magnitude), &mut random(sample));
            let of_line = |fields: &&Vec<&str>| both_ways(fields[1], number(fields[2])).contains(&drawn);
            let at = lines.iter().position(of_line);
            seen[at.unwrap_or_else(|| panic!("{drawn:?} is none of PaddleClas's"))].push(drawn);
        }
        for (fields, seen) in lines.iter().zip(seen) {
            assert!((1_800..=2_200).contains(&seen.len()), "{}: {} of {draws}", fields[1], seen.len());
            for way in both_ways(fields[1], number(fields[2])) {
                let (ways, count) =
                    (both_ways(fields[1], number(fields[2])).len(), seen.iter().filter(|s| **s == way));
                let count = count.count() * ways;
                assert!((1_700..=2_300).contains(&count), "{way:?}: {count} of {}", seen.len());
            }
        }
    }
}

/// timm's operation of that name with that argument.
fn timm_operation(name: &str, argument: f64) -> Operation {
    match name.trim_end_matches("Increasing").trim_end_matches("Rel") {
        "AutoContrast" => Operation::AutoContrast,
        "Equalize" => Operation::Equalize,
        "Invert" => Operation::Invert,
        "Rotate" => Operation::Rotate(argument),
        "Posterize" => Operation::Posterize(argument as u32),
        "Solarize" => Operation::Solarize(argument),
        "SolarizeAdd" => Operation::SolarizeAdd(argument as u8),
        "Color" => Operation::Color(argument),
        "Contrast" => Operation::Contrast(argument),
        "Brightness" => Operation::Brightness(argument),
        "Sharpness" => Operation::Sharpness(argument),
        "ShearX" => Operation::ShearX(argument),
        "ShearY" => Operation::ShearY(argument),
        "TranslateX" => Operation::TranslateX(argument),
        "TranslateY" => Operation::TranslateY(argument),
        _ => panic!("no operation {name}"),
    }
}

/// `rand-m9-inc1`, interpolated in both ways.
const TIMM: TimmAugment = TimmAugment {
    probability: 1.0,
    layers: 2,
    magnitude: 9,
    deviation: 0.0,
    increasing: true,
    filter: None,
    fill: [124, 116, 104],
};

#[test]
fn timm_augment_draws_timms_operations_every_other_time() {
    let all = golden("timm");
    for (which, increasing) in [("plain", false), ("increasing", true)] {
        for magnitude in [4, 9] {
            let augment = TimmAugment { magnitude, increasing, ..TIMM };
            let of_setting = |fields: &&Vec<&str>| fields[0] == which && fields[1] == magnitude.to_string();
            let mut expected: Vec<(Operation, f64, u32)> = Vec::new();
            for fields in all.iter().filter(of_setting) {
                let ways: Vec<&str> = fields[3].split(',').collect();
                let share = 1.0 / 15.0 / ways.len() as f64;
                expected.extend(ways.iter().map(|way| (timm_operation(fields[2], number(way)), share, 0)));
            }
            assert!((expected.iter().map(|(_, share, _)| share).sum::<f64>() - 1.0).abs() < 1e-9);
            let (draws, mut bilinear, mut by_count) = (30_000, 0, [0_u32; 3]);
            for sample in 0..draws {
                let drawn = augment.operations(&mut random(sample));
                by_count[drawn.len()] += 1;
                for (operation, moves) in drawn {
                    let at = expected.iter().position(|(known, ..)| *known == operation);
                    expected[at.unwrap_or_else(|| panic!("{operation:?} is none of timm's"))].2 += 1;
                    bilinear += u32::from(moves == Moves::timm(augment.fill, Filter::Bilinear));
                }
            }
            // Two layers, each carried out with probability 1/2; as many of them bilinear as bicubic.
            assert!((7_000..8_000).contains(&by_count[0]) && (7_000..8_000).contains(&by_count[2]));
            assert!((14_400..15_600).contains(&bilinear), "{bilinear}");
            for (operation, share, seen) in expected {
                let mean = share * f64::from(draws);
                let near = (f64::from(seen) - mean).abs() < 6.0 * mean.sqrt();
                assert!(near, "{operation:?}: {seen} for {mean}");
            }
        }
    }
}

#[test]
fn timm_augment_varies_its_strength_as_asked() {
    let angles = |augment: TimmAugment| {
        let drawn = (0..60_000).flat_map(|sample| augment.operations(&mut random(sample)));
        let angle = |(operation, _)| match operation {
            Operation::Rotate(degrees) => Some(degrees / 3.0),
            _ => None,
        };
        drawn.filter_map(angle).collect::<Vec<f64>>()
    };
    let drawn = angles(TimmAugment { magnitude: 5, deviation: 0.5, ..TIMM });
    let sizes: Vec<f64> = drawn.iter().map(|angle| angle.abs()).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let variance = sizes.iter().map(|size| (size - mean).powi(2)).sum::<f64>() / sizes.len() as f64;
    assert!((mean - 5.0).abs() < 0.05 && (variance.sqrt() - 0.5).abs() < 0.03, "{mean} and {variance}");
    // What would lie beyond 0 or 10 stays there.
    let drawn = angles(TimmAugment { magnitude: 9, deviation: 3.0, ..TIMM });
    let at_end = drawn.iter().filter(|angle| angle.abs() == 10.0).count();
    assert!(drawn.iter().all(|angle| angle.abs() <= 10.0) && at_end * 4 > drawn.len(), "{at_end}");
    let seldom = TimmAugment { probability: 0.25, ..TIMM };
    let some = (0..8_000).filter(|sample| !seldom.operations(&mut random(*sample)).is_empty()).count();
    // Of two layers both are left out every fourth time.
    assert!((1_400..1_600).contains(&some), "{some} of 8000");
}

fn only(transform: Transform) -> Recipe {
    Recipe { transforms: vec![transform], ..Recipe::train(32) }
}

#[test]
fn a_recipe_carries_out_what_its_key_draws() {
    let fill = [7, 8, 9];
    let image = picture(37, 23);
    let auto = only(Transform::Augment(Augmentation::AutoAugment { fill }));
    let rand = only(Transform::Augment(Augmentation::RandAugment { layers: 3, magnitude: 7.5, fill }));
    let timm = only(Transform::Augment(Augmentation::TimmAugment { augment: TIMM }));
    let mut changed = 0;
    for sample in 0..60 {
        let key = RngKey { seed: 11, epoch: 2, sample };
        let mut expected = image.clone();
        for operation in auto_augment(&mut random(sample)).into_iter().flatten() {
            operation.apply(&mut expected, &Moves::paddle_clas(fill));
        }
        assert_eq!(auto.apply(&image, Some(key)).unwrap(), expected);
        changed += u32::from(expected != image);
        let (mut expected, mut stream) = (image.clone(), random(sample));
        for _ in 0..3 {
            rand_augment(7.5, &mut stream).apply(&mut expected, &Moves::paddle_clas(fill));
        }
        assert_eq!(rand.apply(&image, Some(key)).unwrap(), expected);
        let mut expected = image.clone();
        for (operation, moves) in TIMM.operations(&mut random(sample)) {
            operation.apply(&mut expected, &moves);
        }
        assert_eq!(timm.apply(&image, Some(key)).unwrap(), expected);
    }
    assert!(changed > 30, "{changed} of 60 photos changed");
}

#[test]
fn other_random_steps_stay_as_they_were() {
    let (plain, image) = (Recipe::train(16), picture(50, 40));
    let mut augmented = plain.clone();
    augmented.transforms.push(Transform::Augment(Augmentation::AutoAugment { fill: GREY }));
    for sample in 0..20 {
        let key = Some(RngKey { seed: 11, epoch: 2, sample });
        let mut expected = plain.apply(&image, key).unwrap();
        for operation in auto_augment(&mut random(sample)).into_iter().flatten() {
            operation.apply(&mut expected, &Moves::paddle_clas(GREY));
        }
        assert_eq!(augmented.apply(&image, key).unwrap(), expected);
    }
}

#[test]
fn recipes_with_augmentations_are_checked() {
    for (transform, name) in [
        (Transform::Augment(Augmentation::AutoAugment { fill: GREY }), "AutoAugment"),
        (
            Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude: 5.0, fill: GREY }),
            "RandAugment",
        ),
        (Transform::Augment(Augmentation::TimmAugment { augment: TIMM }), "TimmAugment"),
    ] {
        let recipe = only(transform);
        assert!(recipe.is_random());
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
        assert_eq!(recipe.at_size(64), recipe);
        let error = recipe.apply(&picture(8, 8), None).unwrap_err();
        assert_eq!(error, VisionError::KeyMissing { transform: name });
        let before =
            Recipe { transforms: [Recipe::train(32).transforms, recipe.transforms].concat(), ..recipe };
        assert_eq!(before.output_size(), Some((32, 32)));
    }
    for magnitude in [-1.0, 20.5, f64::NAN] {
        let recipe = only(Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude, fill: GREY }));
        let error = recipe.validate().unwrap_err();
        assert!(error.to_string().contains("magnitude must lie between 0 and 20"), "{error}");
    }
    for (augment, word) in [
        (TimmAugment { probability: 2.0, ..TIMM }, "probability"),
        (TimmAugment { deviation: f64::NAN, ..TIMM }, "deviation"),
    ] {
        let error = only(Transform::Augment(Augmentation::TimmAugment { augment })).validate().unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
