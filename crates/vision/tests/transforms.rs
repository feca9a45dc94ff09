//! Recipes: PaddleClas's sizes and places, determinism, statistics, and impossible values.

use photonet_vision::{
    Augmentation, Flip, Interpolation, Library, Purpose, Random, Recipe, Region, Resampler, Rgb, RngKey,
    Transform, VisionError, random_crop_region, resize,
};

/// A picture whose every pixel tells its place: (x, y, x + y), modulo 256.
fn places(width: u32, height: u32) -> Rgb {
    let mut data = Vec::new();
    for y in 0..height {
        data.extend((0..width).flat_map(|x| [x as u8, y as u8, (x + y) as u8]));
    }
    Rgb::new(width, height, data).expect("the buffer has the right length")
}

fn key(sample: u32) -> Option<RngKey> {
    Some(RngKey { seed: 5, epoch: 3, sample })
}

fn only(transform: Transform) -> Recipe {
    Recipe { transforms: vec![transform], ..Recipe::eval(224) }
}

fn short(size: u32) -> Transform {
    Transform::ResizeShort { size, resampler: Resampler::default() }
}

fn flip(probability: f64) -> Transform {
    Transform::Augment(Augmentation::RandomFlip { probability, sides: Flip::Horizontal })
}

#[test]
fn the_image_type_checks_its_buffer() {
    assert_eq!(Rgb::new(0, 3, vec![]).unwrap_err(), VisionError::ZeroSize { width: 0, height: 3 });
    let error = Rgb::new(2, 2, vec![0; 11]).unwrap_err();
    assert_eq!(error, VisionError::BufferLength { width: 2, height: 2, expected: 12, actual: 11 });
    let image = places(10, 6);
    let part = image.crop(3, 2, 4, 3).unwrap();
    assert_eq!(
        (part.width(), part.height(), part.pixel(0, 0), part.pixel(3, 2)),
        (4, 3, [3, 2, 5], [6, 4, 10])
    );
    assert!(matches!(image.crop(7, 0, 4, 1), Err(VisionError::CropOutside { .. })));
    assert!(matches!(image.crop(u32::MAX, 0, 2, 1), Err(VisionError::CropOutside { .. })));
    assert!(matches!(image.crop(0, 0, 0, 1), Err(VisionError::ZeroSize { .. })));
    let flipped = image.flip_horizontal();
    assert_eq!((flipped.pixel(0, 4), flipped.pixel(9, 5)), ([9, 4, 13], [0, 5, 5]));
    assert_eq!(flipped.flip_horizontal(), image);
}

#[test]
fn recipes_are_paddleclas_defaults() {
    let eval = Recipe::eval(224);
    assert_eq!(eval.transforms, [short(256), Transform::CenterCrop { size: 224 }]);
    assert_eq!(eval.output_size(), Some((224, 224)));
    assert!(!eval.is_random());
    assert_eq!(Recipe::eval(128).transforms[0], short(146));
    assert_eq!(eval.at_size(128), Recipe::eval(128));
    assert_eq!(eval.at_size(224), eval);
    let training = Recipe { mean: [0.5; 3], ..eval.clone() }.for_training(96);
    assert_eq!(training, Recipe { mean: [0.5; 3], ..Recipe::train(96) });
    let train = Recipe::train(160);
    assert_eq!((train.output_size(), train.is_random()), (Some((160, 160)), true));
    assert_eq!(train.mean, [0.485, 0.456, 0.406]);
    assert_eq!(train.std, [0.229, 0.224, 0.225]);
    assert_eq!(train.scale, 1.0 / 255.0);
    assert_eq!(only(short(64)).output_size(), None);
    assert_eq!(Recipe { transforms: vec![], ..eval }.output_size(), None);
}

#[test]
fn short_side_is_rounded_as_python_rounds() {
    for ((width, height), size, expected) in [
        ((640, 480), 256, (341, 256)),
        ((480, 640), 256, (256, 341)),
        // 5 * 1.5 = 7.5 and 7 * 1.5 = 10.5: halves go to the even neighbour.
        ((5, 2), 3, (8, 3)),
        ((7, 2), 3, (10, 3)),
        ((300, 300), 7, (7, 7)),
        ((1, 1), 32, (32, 32)),
    ] {
        let image = only(short(size)).apply(&places(width, height), None).unwrap();
        assert_eq!((image.width(), image.height()), expected, "{width} x {height}");
    }
}

#[test]
fn centre_crop_takes_paddleclas_offset() {
    let image = only(Transform::CenterCrop { size: 4 }).apply(&places(9, 7), None).unwrap();
    assert_eq!((image.width(), image.height(), image.pixel(0, 0)), (4, 4, [2, 1, 3]));
    let error = only(Transform::CenterCrop { size: 8 }).apply(&places(9, 7), None).unwrap_err();
    assert_eq!(error, VisionError::CropTooLarge { size: 8, width: 9, height: 7 });
    assert!(error.to_string().contains("8 x 8") && error.to_string().contains("9 x 7"), "{error}");
}

/// Only the crop of a resize is computed; it must be what cropping the whole would give.
#[test]
fn a_crop_after_a_resize_equals_the_crop_of_the_whole() {
    let image = places(157, 83);
    for library in [Library::OpenCv, Library::Pillow] {
        for interpolation in Interpolation::ALL {
            let resampler = Resampler { library, interpolation };
            for (width, height, crop) in
                [(120, 64, 50), (314, 166, 101), (53, 83, 41), (79, 42, 42), (52, 27, 9)]
            {
                let whole = resize(&image, width, height, resampler).unwrap();
                let expected = whole.crop((width - crop) / 2, (height - crop) / 2, crop, crop).unwrap();
                let recipe = Recipe {
                    transforms: vec![
                        Transform::Resize { width, height, resampler },
                        Transform::CenterCrop { size: crop },
                    ],
                    ..Recipe::eval(224)
                };
                assert_eq!(recipe.apply(&image, None).unwrap(), expected, "{resampler:?} {width}x{height}");
            }
        }
    }
}

#[test]
fn elongated_photos_cost_no_more_than_others() {
    // The short side of 1 x 65535 resized to 256 would be 16 million pixels long: 13 GB.
    for (width, height) in [(30_000, 20), (20, 30_000), (1, 65_535), (65_535, 1)] {
        let photo = Rgb::new(width, height, vec![77; (width * height * 3) as usize]).unwrap();
        let image = Recipe::eval(224).apply(&photo, None).unwrap();
        assert_eq!((image.width(), image.height(), image.pixel(100, 100)), (224, 224, [77; 3]));
        let image = Recipe::train(224).apply(&photo, key(0)).unwrap();
        assert_eq!((image.width(), image.height()), (224, 224));
    }
    // Without a crop there is no bound but an error.
    let line = Rgb::new(65_535, 1, vec![0; 65_535 * 3]).unwrap();
    let error = only(short(256)).apply(&line, None).unwrap_err();
    assert!(matches!(error, VisionError::ResizeTooLarge { width: 16_776_960, height: 256, .. }), "{error}");
    let error = only(short(u32::MAX)).apply(&line, None).unwrap_err();
    assert!(matches!(error, VisionError::ResizeTooLarge { .. }), "{error}");
}

#[test]
fn random_recipes_depend_on_the_key_alone() {
    let (recipe, image) = (Recipe::train(48), places(100, 75));
    let run = |key| recipe.apply(&image, Some(key)).unwrap();
    let base = RngKey { seed: 1, epoch: 2, sample: 3 };
    let first = run(base);
    let _other = run(RngKey { sample: 4, ..base });
    assert_eq!(run(base), first);
    for changed in [RngKey { seed: 2, ..base }, RngKey { epoch: 3, ..base }, RngKey { sample: 4, ..base }] {
        assert_ne!(run(changed), first, "{changed:?}");
    }
    // The flip has a stream of its own: without it, the crops are the same.
    let crop_only = Recipe { transforms: recipe.transforms[..1].to_vec(), ..recipe.clone() };
    for sample in 0..20 {
        let both = recipe.apply(&image, key(sample)).unwrap();
        let crop = crop_only.apply(&image, key(sample)).unwrap();
        assert!(both == crop || both == crop.flip_horizontal());
    }
}

#[test]
fn a_random_recipe_without_a_key_is_an_error() {
    let error = Recipe::train(32).apply(&places(40, 40), None).unwrap_err();
    assert_eq!(error, VisionError::KeyMissing { transform: "RandomCrop" });
    let flipping = only(flip(0.5));
    assert_eq!(
        flipping.apply(&places(4, 4), None).unwrap_err(),
        VisionError::KeyMissing { transform: "RandomFlip" }
    );
}

#[test]
fn flips_come_as_often_as_asked() {
    let image = places(5, 3);
    let mirror = image.flip_horizontal();
    for (probability, least, most) in [(0.0, 0, 0), (0.25, 900, 1100), (0.5, 1880, 2120), (1.0, 4000, 4000)] {
        let flipping = only(flip(probability));
        let flipped =
            (0..4000).filter(|&sample| flipping.apply(&image, key(sample)).unwrap() == mirror).count();
        assert!((least..=most).contains(&flipped), "{flipped} of 4000 at {probability}");
    }
}

#[test]
fn flips_exchange_the_sides_that_they_should() {
    let image = places(5, 3);
    for (sides, across, down) in
        [(Flip::Horizontal, true, false), (Flip::Vertical, false, true), (Flip::Both, true, true)]
    {
        let recipe = only(Transform::Augment(Augmentation::RandomFlip { probability: 1.0, sides }));
        let flipped = recipe.apply(&image, key(0)).unwrap();
        for (x, y) in (0..3).flat_map(|y| (0..5).map(move |x| (x, y))) {
            let from = (if across { 4 - x } else { x }, if down { 2 - y } else { y });
            assert_eq!(flipped.pixel(x, y), image.pixel(from.0, from.1), "{sides:?} ({x}, {y})");
        }
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
        // A model file says so only where it is not what flips have always been.
        assert_eq!(json.contains("sides"), sides != Flip::Horizontal, "{json}");
    }
}

fn regions(width: u32, height: u32, count: u32) -> Vec<Region> {
    let region = |sample| {
        let mut random = Random::new(RngKey { seed: 9, epoch: 0, sample }, Purpose::Crop);
        random_crop_region(width, height, (0.08, 1.0), (0.75, 4.0 / 3.0), &mut random)
    };
    (0..count).map(region).collect()
}

#[test]
fn random_crops_have_paddleclas_distribution() {
    let (width, height) = (1000, 800);
    let regions = regions(width, height, 20_000);
    let whole = f64::from(width * height);
    let area = |r: &Region| f64::from(r.width) * f64::from(r.height) / whole;
    let ratio = |r: &Region| f64::from(r.width) / f64::from(r.height);
    for region in &regions {
        assert!(region.x + region.width <= width && region.y + region.height <= height, "{region:?}");
        assert!((0.079..=1.0).contains(&area(region)), "{region:?}");
        assert!((0.74..=1.345).contains(&ratio(region)), "{region:?}");
    }
    let mean = |of: &dyn Fn(&Region) -> f64| regions.iter().map(of).sum::<f64>() / regions.len() as f64;
    // The ratio is uniform in itself; a uniform logarithm would have the mean 1.014.
    let mean_ratio = mean(&ratio);
    assert!((mean_ratio - (0.75 + 4.0 / 3.0) / 2.0).abs() < 0.006, "{mean_ratio}");
    // The area is uniform up to the largest that fits: E[(0.08 + min(1, bound)) / 2], by quadrature.
    let steps = 10_000;
    let expected = (0..steps)
        .map(|i| {
            let r = 0.75 + (4.0 / 3.0 - 0.75) * (f64::from(i) + 0.5) / f64::from(steps);
            let bound = (1.25 / r).min(r / 1.25);
            (0.08 + bound.min(1.0)) / 2.0
        })
        .sum::<f64>()
        / f64::from(steps);
    let mean_area = mean(&area);
    assert!((mean_area - expected).abs() < 0.006, "{mean_area} against {expected}");
    // Places are uniform, both ends included.
    let place = mean(&|r| f64::from(r.x) / f64::from((width - r.width).max(1)));
    assert!((place - 0.5).abs() < 0.01, "{place}");
    let tiny = self::regions(3, 3, 4000);
    assert!(
        tiny.iter().any(|r| r.x == 0 && r.width < 3) && tiny.iter().any(|r| r.x > 0 && r.x + r.width == 3)
    );
}

#[test]
fn random_crops_of_odd_photos_stay_inside() {
    for (width, height) in [(1, 1), (2, 1), (1, 500), (500, 1), (30_000, 20), (7, 3000)] {
        for region in regions(width, height, 300) {
            assert!(region.width >= 1 && region.height >= 1, "{region:?}");
            assert!(region.x + region.width <= width && region.y + region.height <= height, "{region:?}");
        }
    }
}

#[test]
fn a_random_crop_is_the_crop_then_the_resize() {
    let image = places(200, 150);
    for sample in 0..10 {
        let mut random = Random::new(RngKey { seed: 5, epoch: 3, sample }, Purpose::Crop);
        let part = random_crop_region(200, 150, (0.08, 1.0), (3.0 / 4.0, 4.0 / 3.0), &mut random);
        let crop = image.crop(part.x, part.y, part.width, part.height).unwrap();
        let expected = resize(&crop, 64, 64, Resampler::default()).unwrap();
        let recipe = Recipe { transforms: Recipe::train(64).transforms[..1].to_vec(), ..Recipe::train(64) };
        assert_eq!(recipe.apply(&image, key(sample)).unwrap(), expected);
    }
}

#[test]
fn recipes_survive_json_and_reject_what_they_do_not_know() {
    for recipe in [Recipe::train(224), Recipe::eval(96)] {
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
    }
    let json = serde_json::to_string(&Recipe::eval(224)).unwrap();
    assert!(json.contains(r#"{"op":"CenterCrop","size":224}"#), "{json}");
    for (known, unknown) in
        [("CenterCrop", "Swirl"), (r#""scale""#, r#""gain""#), (r#""OpenCv""#, r#""Gimp""#)]
    {
        assert!(serde_json::from_str::<Recipe>(&json.replace(known, unknown)).is_err(), "{unknown}");
    }
    let extra = json.replace(r#""op":"CenterCrop""#, r#""op":"CenterCrop","pad":1"#);
    assert!(serde_json::from_str::<Recipe>(&extra).is_err());
}

#[test]
fn impossible_recipes_are_named() {
    let resampler = Resampler::default();
    let crop = |size, scale, ratio| Transform::RandomCrop { size, scale, ratio, resampler };
    for (transform, word) in [
        (crop(0, (0.08, 1.0), (0.75, 1.3)), "size"),
        (crop(32, (0.5, 0.2), (0.75, 1.3)), "scale"),
        (crop(32, (0.08, f64::NAN), (0.75, 1.3)), "scale"),
        (crop(32, (0.08, 1.0), (0.0, 1.3)), "ratio"),
        (flip(1.5), "probability"),
        (flip(f64::NAN), "probability"),
        (Transform::CenterCrop { size: 0 }, "CenterCrop"),
        (short(0), "ResizeShort"),
        (Transform::Resize { width: 3, height: 0, resampler }, "Resize"),
    ] {
        let error = only(transform).apply(&places(8, 8), key(0)).unwrap_err();
        assert!(matches!(&error, VisionError::InvalidRecipe(what) if what.contains(word)), "{error}");
    }
    let no_spread = Recipe { std: [0.2, 0.0, 0.2], ..Recipe::eval(32) };
    assert!(matches!(no_spread.validate(), Err(VisionError::InvalidRecipe(_))));
}

#[test]
fn augmentations_are_written_and_read_as_steps_like_all_others() {
    let json = |step: &Transform| serde_json::to_string(step).unwrap();
    assert_eq!(json(&flip(0.5)), r#"{"op":"RandomFlip","probability":0.5}"#);
    let both = Transform::Augment(Augmentation::RandomFlip { probability: 1.0, sides: Flip::Both });
    assert_eq!(json(&both), r#"{"op":"RandomFlip","probability":1.0,"sides":"Both"}"#);
    let auto = Transform::Augment(Augmentation::AutoAugment { fill: [1, 2, 3] });
    assert_eq!(json(&auto), r#"{"op":"AutoAugment","fill":[1,2,3]}"#);
    let read = |text: &str| serde_json::from_str::<Transform>(text);
    // Whatever the order of a step's keys.
    assert_eq!(read(r#"{"fill":[1,2,3],"op":"AutoAugment"}"#).unwrap(), auto);
    assert_eq!(read(r#"{"size":8,"op":"CenterCrop"}"#).unwrap(), Transform::CenterCrop { size: 8 });
    for text in [
        r#"{"op":"Augment","fill":[1,2,3]}"#,
        r#"{"op":"Blur","radius":2}"#,
        r#"{"op":"CenterCrop"}"#,
        r#"{"op":"AutoAugment","fill":[1,2,3],"more":1}"#,
        r#"{"op":"CenterCrop","size":8,"more":1}"#,
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("a step that this version knows"), "{text}: {error}");
    }
}
