//! Colour jitter, turns, what is hidden, AugMix and RandAugmentV2 against golden values from PaddleClas, Pillow and OpenCV
//! (see `golden/augment_more.py`), and how they are drawn.

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod common;
#[path = "common/picture.rs"]
mod picture;

use common::crc32;
use photonet_vision::augment::{
    Drawn, DrawnMixture, Filter, Grid, GridPlace, Jitter, Mixture, Moves, Operation, Rotation,
    rand_augment_v2,
};
use photonet_vision::{Augmentation, Purpose, Random, Recipe, Rgb, RngKey, Transform};
use picture::picture;

const GOLDEN: &str = include_str!("golden/augment_more.txt");
const SIZES: [(u32, u32); 4] = [(37, 23), (2, 9), (17, 16), (224, 224)];
const PLUM: [u8; 3] = [180, 60, 170];

fn golden(kind: &str) -> Vec<Vec<&'static str>> {
    let lines = GOLDEN.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found: Vec<_> = lines.filter(|fields| fields[0] == kind).map(|fields| fields[1..].to_vec()).collect();
    assert!(!found.is_empty(), "no line of {kind}");
    found
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn is(bytes: &[u8], crc: &str, what: &str) {
    assert_eq!(format!("{:08x}", crc32(bytes)), crc, "{what}");
}

fn random(sample: u32, purpose: Purpose) -> Random {
    Random::new(RngKey { seed: 11, epoch: 2, sample }, purpose)
}

fn applied(operation: Operation, image: &Rgb, moves: &Moves) -> Rgb {
    let mut image = image.clone();
    operation.apply(&mut image, moves);
    image
}

/// The operation of PaddleClas's name, with a strength that has its sign already.
fn operation(name: &str, strength: f64) -> Operation {
    match name {
        "shearX" | "shear_x" => Operation::ShearX(strength),
        "shearY" | "shear_y" => Operation::ShearY(strength),
        "translateX" | "translate_x" => Operation::ShiftX(strength),
        "translateY" | "translate_y" => Operation::ShiftY(strength),
        "rotate" => Operation::Rotate(strength),
        "color" => Operation::Color(strength),
        "posterize" => Operation::Posterize(strength as u32),
        "solarize" => Operation::Solarize(strength),
        "solarize_add" => Operation::SolarizeAdd(strength as u8),
        "contrast" => Operation::Contrast(strength),
        "sharpness" => Operation::Sharpness(strength),
        "brightness" => Operation::Brightness(strength),
        "autocontrast" => Operation::AutoContrast,
        "equalize" => Operation::Equalize,
        "invert" => Operation::Invert,
        _ => panic!("no operation {name}"),
    }
}

#[test]
fn hues_and_grey_are_pillows_of_all_colours() {
    let every = (0..1_u32 << 24).flat_map(|colour| colour.to_le_bytes().into_iter().take(3)).collect();
    let every = Rgb::new(4096, 4096, every).unwrap();
    let moves = Moves::paddle_clas([0; 3]);
    for fields in golden("hue") {
        let turned = applied(Operation::Hue(number(fields[0])), &every, &moves);
        is(turned.data(), fields[1], &format!("{fields:?}"));
    }
    is(applied(Operation::Grey, &every, &moves).data(), golden("grey")[0][0], "grey");
}

#[test]
fn turns_are_opencvs() {
    for fields in golden("turn") {
        let fill: Vec<u8> = fields[2].split(',').map(number).collect();
        let filter = if fields[1] == "nearest" { Filter::Nearest } else { Filter::Bilinear };
        let fill = [fill[0], fill[1], fill[2]];
        let rotation = Rotation { probability: 1.0, degrees: (0.0, 0.0), filter, fill };
        let turned = |(width, height): (u32, u32)| {
            let mut image = picture(width, height);
            rotation.apply(&mut image, number(fields[0]));
            image.into_data()
        };
        is(&SIZES.map(turned).concat(), fields[3], &format!("{fields:?}"));
    }
}

#[test]
fn masks_are_those_of_gridmask() {
    for fields in golden("grid") {
        let [width, height, distance, down, right, degrees] =
            [0, 1, 4, 5, 6, 7].map(|at| number::<u32>(fields[at]));
        let (ratio, inverted) = (number(fields[2]), fields[3] == "1");
        let grid = Grid { probability: 1.0, distance: (1, 99), ratio, rotate: 360, inverted };
        let mask = grid.mask(width, height, GridPlace { distance, down, right, degrees });
        is(&mask, fields[8], &format!("{fields:?}"));
    }
}

#[test]
fn mixtures_are_those_of_augmix() {
    for fields in golden("mixture") {
        let chain = |words: &str| {
            let step = |word: &str| {
                let (name, strength) = word.split_once(':').unwrap();
                operation(name, number(strength))
            };
            words.split(',').map(step).collect::<Vec<_>>()
        };
        let weights = fields[1].split(',').map(|weight| number::<f64>(weight) as f32);
        let drawn = DrawnMixture {
            copies: weights.zip(fields[2].split(';').map(chain)).collect(),
            share: number::<f64>(fields[0]) as f32,
        };
        let mut image = picture(64, 64);
        drawn.apply(&mut image);
        is(image.data(), fields[3], &format!("{fields:?}"));
    }
}

#[test]
fn operations_of_rand_augment_v2_are_paddleclas() {
    let moves = Moves::paddle_clas_v2(PLUM);
    let mut drawn = Vec::new();
    for magnitude in [5.0, 8.5] {
        let of = |sample| rand_augment_v2(magnitude, &mut random(sample, Purpose::Augment));
        drawn.push((magnitude, (0..2000).map(of).collect::<Vec<_>>()));
    }
    for fields in golden("v2") {
        let (magnitude, strength, sign): (f64, f64, f64) =
            (number(fields[0]), number(fields[2]), number(fields[3]));
        let signed = ["shear", "translate", "rotate"].iter().any(|name| fields[1].starts_with(name));
        let operation = operation(fields[1], if signed { sign * strength } else { strength });
        let made =
            |(width, height): (u32, u32)| applied(operation, &picture(width, height), &moves).into_data();
        is(&SIZES.map(made).concat(), fields[4], &format!("{fields:?}"));
        let (_, all) = drawn.iter().find(|(of, _)| *of == magnitude).unwrap();
        let count = all.iter().filter(|one| **one == Drawn::Operation(operation)).count();
        // One of 16, with two signs where there are two.
        let expected = if signed { 2000 / 32 } else { 2000 / 16 };
        assert!(count.abs_diff(expected) < 45, "{operation:?}: {count} of 2000");
    }
    assert!(drawn[0].1.contains(&Drawn::Square(20)) && drawn[1].1.contains(&Drawn::Square(34)));
}

#[test]
fn jitter_draws_order_and_factors() {
    let jitter = Jitter {
        probability: 0.75,
        brightness: (0.6, 1.4),
        contrast: (0.5, 2.0),
        hue: (-0.1, 0.1),
        ..Jitter::default()
    };
    let mut first = [0_u32; 3];
    let (mut none, mut brightness, mut hue) = (0_u32, Vec::new(), Vec::new());
    for sample in 0..4000 {
        let operations = jitter.operations(&mut random(sample, Purpose::Color));
        if operations.is_empty() {
            none += 1;
            continue;
        }
        assert_eq!(operations.len(), 3);
        for (place, operation) in operations.iter().enumerate() {
            let kind = match *operation {
                Operation::Brightness(factor) => {
                    brightness.push(factor);
                    0
                }
                Operation::Contrast(factor) => {
                    assert!((0.5..=2.0).contains(&factor));
                    1
                }
                Operation::Hue(share) => {
                    hue.push(share);
                    2
                }
                other => panic!("{other:?}"),
            };
            first[kind] += u32::from(place == 0);
        }
    }
    assert!(none.abs_diff(1000) < 100, "{none}");
    assert!(first.iter().all(|count| count.abs_diff(1000) < 100), "{first:?}");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean(&brightness) - 1.0).abs() < 0.02 && mean(&hue).abs() < 0.01);
    assert!(brightness.iter().all(|f| (0.6..=1.4).contains(f)) && hue.iter().all(|s| s.abs() <= 0.1));
    assert!(Jitter::default().operations(&mut random(0, Purpose::Color)).is_empty());
}

fn result(step: Augmentation, image: &Rgb, epoch: u32, sample: u32) -> Rgb {
    let recipe = Recipe { transforms: vec![Transform::Augment(step)], ..Recipe::eval(32) };
    recipe.apply(image, Some(RngKey { seed: 11, epoch, sample })).expect("a step for any photo")
}

/// The rows and columns of the pixels that have the colour `fill`.
fn filled(image: &Rgb, fill: [u8; 3]) -> Vec<(usize, usize)> {
    let pixels = image.data().as_chunks::<3>().0.iter().enumerate();
    let width = image.width() as usize;
    pixels.filter(|(_, pixel)| **pixel == fill).map(|(at, _)| (at / width, at % width)).collect()
}

#[test]
fn cutout_hides_squares_about_places_of_the_photo() {
    let image = Rgb::new(40, 30, vec![9; 40 * 30 * 3]).unwrap();
    let cutout = |holes| Augmentation::Cutout { holes, length: 13, fill: PLUM };
    let mut areas = Vec::new();
    for sample in 0..2000 {
        let hidden = filled(&result(cutout(1), &image, 0, sample), PLUM);
        let side = |of: fn(&(usize, usize)) -> usize| {
            let (least, greatest) =
                (hidden.iter().map(of).min().unwrap(), hidden.iter().map(of).max().unwrap());
            greatest - least + 1
        };
        let (height, width) = (side(|at| at.0), side(|at| at.1));
        // Half of 13 is 6, to both sides.
        assert!(height <= 12 && width <= 12 && height >= 6 && width >= 6);
        assert_eq!(hidden.len(), height * width);
        areas.push(hidden.len() as f64);
    }
    let along = |length: i32| {
        (0..length).map(|m| f64::from((m + 6).min(length) - (m - 6).max(0))).sum::<f64>() / f64::from(length)
    };
    let (mean, expected) = (areas.iter().sum::<f64>() / 2000.0, along(40) * along(30));
    assert!((mean - expected).abs() < 1.5, "{mean}, not {expected}");
    assert_eq!(result(cutout(0), &image, 0, 1), image);
    assert!(filled(&result(cutout(9), &image, 0, 1), PLUM).len() > 300);
}

#[test]
fn hide_and_seek_hides_every_other_patch() {
    let image = Rgb::new(112, 100, vec![9; 112 * 100 * 3]).unwrap();
    let (mut whole, mut share) = (0_u32, 0.0);
    for sample in 0..1000 {
        let made = result(Augmentation::HideAndSeek { fill: PLUM }, &image, 0, sample);
        let hidden = filled(&made, PLUM).len();
        whole += u32::from(hidden == 0);
        share += hidden as f64 / (112.0 * 100.0);
    }
    // One size of five hides nothing, and few photos of large patches show none.
    assert!((180..260).contains(&whole), "{whole}");
    assert!((share / 1000.0 - 0.4).abs() < 0.02, "{share}");
}

#[test]
fn gridmask_comes_up_more_often_from_epoch_to_epoch() {
    let image = Rgb::new(64, 64, vec![9; 64 * 64 * 3]).unwrap();
    let grid = Grid { probability: 0.8, distance: (10, 20), ratio: 0.5, rotate: 1, inverted: false };
    let often = |epoch| {
        let step = || Augmentation::GridMask { grid, fill: PLUM };
        (0..500).filter(|&sample| !filled(&result(step(), &image, epoch, sample), PLUM).is_empty()).count()
    };
    assert_eq!(often(0), 0);
    assert!(often(120).abs_diff(200) < 40 && often(240).abs_diff(400) < 40 && often(900).abs_diff(400) < 40);
}

#[test]
fn turns_grey_and_mixtures_come_as_often_as_asked_for() {
    let image = picture(20, 20);
    let rotation = Rotation { probability: 0.5, degrees: (20.0, 60.0), filter: Filter::Nearest, fill: PLUM };
    let mixture = Mixture { probability: 0.5, alpha: 0.5, width: 3, depth: 0, severity: 5.0 };
    for step in [
        Augmentation::RandomRotation { rotation },
        Augmentation::RandomGrey { probability: 0.5 },
        Augmentation::AugMix { mixture },
    ] {
        let changed = |sample: &u32| result(step.clone(), &image, 0, *sample) != image;
        let changed = (0..400).filter(changed).count();
        assert!(changed.abs_diff(200) < 45, "{step}: {changed} of 400");
    }
    for sample in 0..400 {
        if let Some(angle) = rotation.angle(&mut random(sample, Purpose::Turn)) {
            assert!((20.0..=60.0).contains(&angle));
        }
        if let Some(drawn) = mixture.draw(20, 20, &mut random(sample, Purpose::Augment)) {
            let all: f32 = drawn.copies.iter().map(|(share, _)| share).sum();
            assert!((all - 1.0).abs() < 1e-5 && (0.0..=1.0).contains(&drawn.share));
            assert!(drawn.copies.iter().all(|(_, chain)| (1..=3).contains(&chain.len())));
        }
    }
}

#[test]
fn impossible_values_are_refused_and_all_steps_survive_json() {
    let mixture = Mixture { probability: 0.5, alpha: 0.1, width: 3, depth: 1, severity: 1.0 };
    let rotation = Rotation { probability: 0.5, degrees: (-9.0, 9.0), filter: Filter::Bilinear, fill: PLUM };
    let grid = Grid { probability: 1.0, distance: (96, 224), ratio: 0.5, rotate: 1, inverted: true };
    let jitter = Jitter { hue: (-0.1, 0.2), ..Jitter::default() };
    for (good, bad, word) in [
        (
            Augmentation::AugMix { mixture },
            Augmentation::AugMix { mixture: Mixture { alpha: 0.0, ..mixture } },
            "AugMix: alpha must be above 0",
        ),
        (
            Augmentation::AugMix { mixture: Mixture { depth: 0, ..mixture } },
            Augmentation::AugMix { mixture: Mixture { severity: 11.0, ..mixture } },
            "severity must lie between 0.1 and 10",
        ),
        (
            Augmentation::RandomRotation { rotation },
            Augmentation::RandomRotation { rotation: Rotation { degrees: (9.0, -9.0), ..rotation } },
            "least <= greatest",
        ),
        (
            Augmentation::GridMask { grid, fill: PLUM },
            Augmentation::GridMask { grid: Grid { distance: (0, 9), ..grid }, fill: PLUM },
            "1 <= least < end",
        ),
        (
            Augmentation::ColorJitter { jitter },
            Augmentation::ColorJitter { jitter: Jitter { hue: (-0.6, 0.0), ..jitter } },
            "hue must satisfy",
        ),
        (
            Augmentation::RandomGrey { probability: 0.2 },
            Augmentation::RandomGrey { probability: 1.2 },
            "probability must lie",
        ),
        (
            Augmentation::RandAugmentV2 { layers: 2, magnitude: 5.0, fill: PLUM },
            Augmentation::RandAugmentV2 { layers: 2, magnitude: 21.0, fill: PLUM },
            "magnitude must lie between 0 and 20",
        ),
    ] {
        let recipe = |step| Recipe { transforms: vec![Transform::Augment(step)], ..Recipe::eval(32) };
        let good = recipe(good);
        good.validate().unwrap();
        let json = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), good);
        let error = recipe(bad).validate().unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}
