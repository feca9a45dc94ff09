//! RandomErasing: PaddleClas's distribution of rectangles, and what becomes of the pixels.

#[path = "common/picture.rs"]
mod picture;

use photonet_vision::augment::Erasing;
use photonet_vision::{Augmentation, Purpose, Random, Recipe, Region, RngKey, Transform, VisionError};
use picture::picture;

/// PaddleClas's defaults, but erasing always.
const ALWAYS: Erasing =
    Erasing { probability: 1.0, area: (0.02, 0.4), ratio: 0.3, log_ratio: false, attempts: 100 };

fn random(sample: u32) -> Random {
    Random::new(RngKey { seed: 3, epoch: 1, sample }, Purpose::Erase)
}

fn regions(erasing: Erasing, width: u32, height: u32, count: u32) -> Vec<Option<Region>> {
    (0..count).map(|sample| erasing.region(width, height, &mut random(sample))).collect()
}

/// The mean of a function of area (a share of a million pixels) and ratio over what PaddleClas draws and takes, by
/// quadrature.
fn expected(erasing: Erasing, of: impl Fn(f64, f64) -> f64) -> f64 {
    let steps = 1000;
    let at = |i: i32, (lo, hi): (f64, f64)| lo + (hi - lo) * (f64::from(i) + 0.5) / f64::from(steps);
    let (r, inverse) = (erasing.ratio, 1.0 / erasing.ratio);
    let (mut sum, mut taken) = (0.0, 0.0);
    for i in 0..steps {
        let ratio = if erasing.log_ratio { at(i, (r.ln(), inverse.ln())).exp() } else { at(i, (r, inverse)) };
        for j in 0..steps {
            let area = at(j, erasing.area);
            if (area * ratio).max(area / ratio) < 1.0 {
                sum += of(area, ratio);
                taken += 1.0;
            }
        }
    }
    sum / taken
}

#[test]
fn rectangles_have_paddleclas_distribution() {
    let side = 1000;
    for erasing in [ALWAYS, Erasing { log_ratio: true, ..ALWAYS }, Erasing { area: (0.3, 0.9), ..ALWAYS }] {
        let regions: Vec<Region> = regions(erasing, side, side, 20_000).into_iter().flatten().collect();
        assert_eq!(regions.len(), 20_000);
        let mean = |of: &dyn Fn(&Region) -> f64| regions.iter().map(of).sum::<f64>() / regions.len() as f64;
        for Region { x, y, width, height } in &regions {
            assert!(*width < side && *height < side && x + width <= side && y + height <= side);
        }
        let area = mean(&|r| f64::from(r.width) * f64::from(r.height) / 1e6);
        let ratio = mean(&|r| f64::from(r.height) / f64::from(r.width));
        let (true_area, true_ratio) =
            (expected(erasing, |area, _| area), expected(erasing, |_, ratio| ratio));
        assert!((area - true_area).abs() < 0.006, "{erasing:?}: area {area}, not {true_area}");
        assert!((ratio - true_ratio).abs() < 0.03, "{erasing:?}: ratio {ratio}, not {true_ratio}");
        let places = [
            mean(&|r| f64::from(r.x) / f64::from(side - r.width)),
            mean(&|r| f64::from(r.y) / f64::from(side - r.height)),
        ];
        assert!(places.iter().all(|place| (place - 0.5).abs() < 0.01), "{places:?}");
    }
}

#[test]
fn rectangles_come_as_often_as_asked_and_where_they_fit() {
    for (probability, least, most) in [(0.0, 0, 0), (0.25, 900, 1100), (1.0, 4000, 4000)] {
        let erasing = Erasing { probability, ..ALWAYS };
        let erased = regions(erasing, 224, 224, 4000).iter().flatten().count();
        assert!((least..=most).contains(&erased), "{erased} of 4000 at {probability}");
    }
    // A rectangle must be smaller than the photo both ways, so that one pixel is never erased but may be left alone.
    let of_one = regions(ALWAYS, 1, 1, 100);
    assert!(of_one.iter().flatten().all(|r| (r.width, r.height) == (0, 0)), "{of_one:?}");
    // Nearly the whole of it, of a ratio that fits seldom: one attempt often fails, a hundred hardly ever.
    let whole = Erasing { area: (0.7, 0.9), ..ALWAYS };
    let missed = |attempts| {
        regions(Erasing { attempts, ..whole }, 64, 64, 1000).iter().filter(|r| r.is_none()).count()
    };
    assert!(missed(1) > 600 && missed(100) < 20, "{} and {}", missed(1), missed(100));
    assert_eq!(missed(0), 1000);
}

#[test]
fn the_rectangle_alone_gets_the_colour() {
    let (fill, image) = ([3, 200, 90], picture(40, 30));
    let recipe = Recipe {
        transforms: vec![Transform::Augment(Augmentation::RandomErasing { erasing: ALWAYS, fill })],
        ..Recipe::train(32)
    };
    assert!(recipe.is_random());
    assert_eq!(recipe.apply(&image, None), Err(VisionError::KeyMissing { transform: "RandomErasing" }));
    for sample in 0..50 {
        let region = ALWAYS.region(40, 30, &mut random(sample)).unwrap();
        let erased = recipe.apply(&image, Some(RngKey { seed: 3, epoch: 1, sample })).unwrap();
        for (x, y) in (0..30).flat_map(|y| (0..40).map(move |x| (x, y))) {
            let inside = (region.x..region.x + region.width).contains(&x)
                && (region.y..region.y + region.height).contains(&y);
            let expected = if inside { fill } else { image.pixel(x, y) };
            assert_eq!(erased.pixel(x, y), expected, "({x}, {y}) of {region:?}");
        }
    }
    let json = serde_json::to_string(&recipe).unwrap();
    assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
}

#[test]
fn impossible_values_are_named() {
    for (erasing, word) in [
        (Erasing { probability: 1.5, ..ALWAYS }, "probability"),
        (Erasing { area: (0.5, 0.2), ..ALWAYS }, "area"),
        (Erasing { area: (0.5, f64::NAN), ..ALWAYS }, "area"),
        (Erasing { ratio: 0.0, ..ALWAYS }, "ratio"),
    ] {
        let transforms = vec![Transform::Augment(Augmentation::RandomErasing { erasing, fill: [0; 3] })];
        let error = Recipe { transforms, ..Recipe::train(32) }.validate().unwrap_err().to_string();
        assert!(error.contains("RandomErasing") && error.contains(word), "{error}");
    }
}
