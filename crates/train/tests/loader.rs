//! The loader: the same batches for any number of threads, bad photos, cache and end.

use std::path::Path;
use std::sync::Arc;

use image::{Rgb as Pixel, RgbImage};
use photonet_train::dataset::{Dataset, Sample};
use photonet_train::loader::{Batch, IGNORED_LABEL, Loader, LoaderError, LoaderOptions, Mixed};
use photonet_vision::augment::{Erasing, Filter, Jitter, Mixture, Rotation, TimmAugment};
use photonet_vision::{
    Augmentation, Interpolation, Library, Mixing, Recipe, Resampler, RngKey, Strength, Transform,
};
use tempfile::TempDir;

/// A folder of `count` different photos, 48 x 40 pixels, with labels 0, 1, 2, 0, ...
fn photos(count: u32) -> (TempDir, Dataset) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut samples = Vec::new();
    for i in 0..count {
        let path = dir.path().join(format!("{i:03}.png"));
        let picture = |x, y| Pixel([(x * 5) as u8, (y * 6) as u8, (i * 37 + x * y) as u8]);
        RgbImage::from_fn(48, 40, picture).save(&path).expect("a new file");
        samples.push(Sample { path, label: i % 3 });
    }
    (dir, Dataset { samples, labels: ["a", "b", "c"].map(str::to_owned).to_vec() })
}

fn spoil(path: &Path) {
    std::fs::write(path, "this is text").expect("a file to write to");
}

fn batches(loader: &Loader, epoch: u32) -> Vec<Batch> {
    loader.epoch(epoch).collect::<Result<_, _>>().expect("an epoch without errors")
}

fn train(dataset: &Dataset, change: impl FnOnce(&mut LoaderOptions)) -> Loader {
    let mut options = LoaderOptions { threads: 2, ..LoaderOptions::train(4, 9) };
    change(&mut options);
    Loader::new(Arc::new(dataset.clone()), Recipe::train(32), options).expect("a loader")
}

#[test]
fn threads_cache_and_prefetch_do_not_change_a_batch() {
    let (_dir, dataset) = photos(11);
    spoil(&dataset.samples[5].path);
    let reference = train(&dataset, |o| o.threads = 1);
    for change in [
        |o: &mut LoaderOptions| o.threads = 4,
        |o: &mut LoaderOptions| (o.threads, o.cache_bytes) = (3, 0),
        |o: &mut LoaderOptions| (o.threads, o.cache_bytes) = (2, 20_000),
        |o: &mut LoaderOptions| (o.threads, o.prefetch) = (4, 0),
        |o: &mut LoaderOptions| (o.threads, o.prefetch) = (4, 50),
    ] {
        let other = train(&dataset, change);
        for epoch in 0..3 {
            assert_eq!(batches(&reference, epoch), batches(&other, epoch), "epoch {epoch}");
        }
        assert_eq!(reference.report().skipped, other.report().skipped);
    }
}

/// What resuming in mid-epoch to the same bits rests on.
#[test]
fn augmented_photos_depend_on_seed_epoch_and_photo_alone() {
    let (_dir, dataset) = photos(11);
    let fill = [124, 116, 104];
    let mut recipe = Recipe::train(32);
    recipe.transforms.extend([
        Transform::Augment(Augmentation::AutoAugment { fill }),
        Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude: 5.0, fill }),
        Transform::Augment(Augmentation::TimmAugment {
            augment: TimmAugment {
                probability: 0.5,
                layers: 2,
                magnitude: 9,
                deviation: 0.5,
                increasing: true,
                filter: None,
                fill,
            },
        }),
        Transform::Augment(Augmentation::RandAugmentV2 { layers: 2, magnitude: 5.0, fill }),
        Transform::Augment(Augmentation::AugMix {
            mixture: Mixture { probability: 0.5, alpha: 0.5, width: 2, depth: 0, severity: 3.0 },
        }),
        Transform::Augment(Augmentation::ColorJitter {
            jitter: Jitter { brightness: (0.5, 1.5), hue: (-0.2, 0.2), ..Jitter::default() },
        }),
        Transform::Augment(Augmentation::RandomGrey { probability: 0.2 }),
        Transform::Augment(Augmentation::RandomRotation {
            rotation: Rotation { probability: 0.5, degrees: (-20.0, 20.0), filter: Filter::Bilinear, fill },
        }),
        Transform::Augment(Augmentation::Cutout { holes: 1, length: 9, fill }),
        Transform::Augment(Augmentation::RandomErasing {
            erasing: Erasing {
                probability: 0.5,
                area: (0.02, 0.4),
                ratio: 0.3,
                log_ratio: true,
                attempts: 10,
            },
            fill,
        }),
    ]);
    let loader = |threads, cache_bytes| {
        let options = LoaderOptions { threads, cache_bytes, ..LoaderOptions::train(4, 9) };
        Loader::new(Arc::new(dataset.clone()), recipe.clone(), options).unwrap()
    };
    let (reference, other) = (loader(1, 1 << 20), loader(4, 0));
    let [first, second] = [0, 1].map(|epoch| batches(&reference, epoch));
    assert_eq!([0, 1].map(|epoch| batches(&other, epoch)), [first.clone(), second.clone()]);
    let rest: Vec<Batch> = other.epoch_from(1, 2).collect::<Result<_, _>>().unwrap();
    assert_eq!(rest, second[2..]);
    let photo = |batches: &[Batch], index: u32| {
        let batch = batches.iter().find(|batch| batch.indices.contains(&index)).unwrap();
        let slot = batch.indices.iter().position(|i| *i == index).unwrap();
        batch.pixels[slot * 32 * 32 * 3..][..32 * 32 * 3].to_vec()
    };
    assert!((0..11).all(|index| photo(&first, index) != photo(&second, index)));
    let plain = batches(&train(&dataset, |_| {}), 0);
    assert!((0..11).filter(|index| photo(&first, *index) != photo(&plain, *index)).count() > 8);
}

/// Neither threads nor a resume in mid-epoch change what is mixed with what, and a batch is that of its plain photos.
#[test]
fn mixed_batches_depend_on_seed_epoch_and_number_alone() {
    let (_dir, dataset) = photos(11);
    let half = |alpha| Strength { probability: 0.5, alpha };
    let mixing = Mixing { mixup: half(1.0), cutmix: half(1.0) };
    let loader = |threads| train(&dataset, |o| (o.threads, o.mixing) = (threads, mixing));
    let (one, four) = (loader(1), loader(4));
    let [first, second] = [0, 1].map(|epoch| batches(&one, epoch));
    assert_eq!([0, 1].map(|epoch| batches(&four, epoch)), [first.clone(), second.clone()]);
    let rest: Vec<Batch> = four.epoch_from(1, 2).collect::<Result<_, _>>().unwrap();
    assert_eq!(rest, second[2..]);
    let shares = |batches: &[Batch]| -> Vec<f32> {
        batches.iter().map(|batch| batch.mixed.as_ref().unwrap().share).collect()
    };
    assert_ne!(shares(&first), shares(&second));
    let plain = batches(&train(&dataset, |_| {}), 0);
    let mut changed = 0;
    for (number, (mixed, plain)) in first.iter().zip(&plain).enumerate() {
        let key = RngKey { seed: 9, epoch: 0, sample: number as u32 };
        let mix = mixing.draw(key, plain.size as u32, (32, 32)).unwrap();
        let mut expected = plain.clone();
        mix.apply(&mut expected.pixels, 32);
        let labels = mix.partners.iter().map(|&place| plain.labels[place as usize]).collect();
        expected.mixed = Some(Mixed { labels, share: mix.share });
        assert_eq!(*mixed, expected);
        changed += u32::from(mixed.pixels != plain.pixels);
    }
    assert!(changed > 1, "{changed} of 3 batches changed");
}

#[test]
fn batches_have_their_shape_and_the_epoch_every_photo_once() {
    let (_dir, dataset) = photos(10);
    let loader = train(&dataset, |_| {});
    assert_eq!((loader.steps_per_epoch(), loader.image_size()), (3, (32, 32)));
    let made = batches(&loader, 0);
    assert_eq!(made.iter().map(|b| b.size).collect::<Vec<_>>(), [4, 4, 2]);
    for batch in &made {
        assert_eq!(batch.pixels.len(), batch.size * 32 * 32 * 3);
        assert_eq!((batch.labels.len(), batch.indices.len()), (batch.size, batch.size));
        assert!(batch.labels.iter().zip(&batch.indices).all(|(label, index)| *label == index % 3));
    }
    let mut seen: Vec<u32> = made.iter().flat_map(|b| b.indices.clone()).collect();
    assert_eq!(seen, loader.order(0));
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());

    let loader = train(&dataset, |o| o.drop_last = true);
    assert_eq!(loader.steps_per_epoch(), 2);
    assert_eq!(batches(&loader, 0).iter().map(|b| b.size).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn order_and_augmentation_follow_seed_and_epoch() {
    let (_dir, dataset) = photos(12);
    let loader = train(&dataset, |_| {});
    assert_ne!(loader.order(0), loader.order(1));
    assert_eq!(batches(&loader, 1), batches(&loader, 1));
    let other = train(&dataset, |o| o.seed = 10);
    assert_ne!(loader.order(0), other.order(0));

    // In a fixed order only the augmentation is left to differ.
    let loader = train(&dataset, |o| o.shuffle = false);
    let (first, second) = (batches(&loader, 0), batches(&loader, 1));
    assert_eq!(first[0].indices, [0, 1, 2, 3]);
    assert_eq!(first[0].labels, second[0].labels);
    assert_ne!(first[0].pixels, second[0].pixels);

    // A photo's augmentation does not depend on its place: another batch size gives the same pixels.
    let wide = train(&dataset, |o| (o.shuffle, o.batch_size) = (false, 6));
    let flat = |batches: &[Batch]| batches.iter().flat_map(|b| b.pixels.clone()).collect::<Vec<u8>>();
    assert_eq!(flat(&first), flat(&batches(&wide, 0)));
}

#[test]
fn a_bad_photo_is_replaced_in_training_and_named_once() {
    let (_dir, dataset) = photos(6);
    spoil(&dataset.samples[4].path);
    std::fs::write(&dataset.samples[5].path, "").unwrap();
    let loader = train(&dataset, |o| o.shuffle = false);
    for epoch in 0..2 {
        let made = batches(&loader, epoch);
        // 4 and 5 are both bad, so both are replaced by 0, going round the end.
        assert_eq!(made[1].indices, [0, 0]);
        assert_eq!(made[1].labels, [0, 0]);
        let half = made[1].pixels.len() / 2;
        // Each with the random numbers of the photo it stands in for.
        assert_ne!(made[1].pixels[..half], made[1].pixels[half..]);
    }
    let skipped = loader.report().skipped;
    assert_eq!(
        skipped.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>(),
        [dataset.samples[4].path.clone(), dataset.samples[5].path.clone()]
    );
    assert!(skipped[0].1.contains("not an image") && skipped[1].1.contains("empty"), "{skipped:?}");
}

#[test]
fn a_bad_photo_is_left_black_in_evaluation() {
    let (_dir, mut dataset) = photos(5);
    spoil(&dataset.samples[1].path);
    dataset.samples[3].path.set_file_name("gone.png");
    let options = LoaderOptions { threads: 2, ..LoaderOptions::eval(5) };
    let loader = Loader::new(Arc::new(dataset), Recipe::eval(32), options).unwrap();
    let made = batches(&loader, 0);
    assert_eq!(made[0].labels, [0, IGNORED_LABEL, 2, IGNORED_LABEL, 1]);
    assert_eq!(made[0].indices, [0, 1, 2, 3, 4]);
    let slot = 32 * 32 * 3;
    assert!(made[0].pixels[slot..2 * slot].iter().all(|b| *b == 0));
    assert!(made[0].pixels[..slot].iter().any(|b| *b != 0));
    assert!(loader.report().skipped[1].1.contains("cannot read it"), "{:?}", loader.report().skipped);
}

#[test]
fn evaluation_gives_the_recipes_pixels() {
    let (_dir, dataset) = photos(3);
    let path = dataset.samples[2].path.clone();
    let loader = Loader::new(Arc::new(dataset), Recipe::eval(32), LoaderOptions::eval(3)).unwrap();
    let limits = photonet_vision::DecodeLimits::default();
    let photo = photonet_vision::decode(&std::fs::read(path).unwrap(), &limits).unwrap();
    let expected = Recipe::eval(32).apply(&photo, None).unwrap();
    // The second epoch comes out of the cache.
    for epoch in 0..2 {
        assert_eq!(&batches(&loader, epoch)[0].pixels[2 * 32 * 32 * 3..], expected.data());
    }
}

#[test]
fn no_photo_at_all_is_an_error_and_ends_the_epoch() {
    let (_dir, dataset) = photos(5);
    dataset.samples.iter().for_each(|s| spoil(&s.path));
    let loader = train(&dataset, |o| o.batch_size = 2);
    let mut epoch = loader.epoch(0);
    let error = epoch.next().unwrap().expect_err("nothing decodes");
    assert!(matches!(error, LoaderError::NoneDecodes { count: 5, .. }), "{error}");
    assert!(error.to_string().contains("not an image"), "{error}");
    assert!(epoch.next().is_none());
}

#[test]
fn the_cache_keeps_to_its_budget_and_is_shared_by_epochs() {
    let (_dir, dataset) = photos(8);
    let photo = 48 * 40 * 3;
    let loader = train(&dataset, |_| {});
    batches(&loader, 0);
    let report = loader.report();
    assert_eq!((report.cached_images, report.cached_bytes, report.cache_full), (8, 8 * photo, false));
    assert!(report.read_seconds > 0.0 && report.transform_seconds > 0.0);
    // With everything in memory the files are no longer needed.
    let before = batches(&loader, 1);
    dataset.samples.iter().for_each(|s| std::fs::remove_file(&s.path).unwrap());
    assert_eq!(batches(&loader, 1), before);

    let (_dir, dataset) = photos(8);
    let loader = train(&dataset, |o| o.cache_bytes = 3 * photo + 5);
    batches(&loader, 0);
    let report = loader.report();
    assert_eq!((report.cached_images, report.cached_bytes, report.cache_full), (3, 3 * photo, true));

    // For evaluation the finished pixels are kept, which are smaller.
    let loader = Loader::new(Arc::new(dataset), Recipe::eval(32), LoaderOptions::eval(4)).unwrap();
    batches(&loader, 0);
    assert_eq!(loader.report().cached_bytes, 8 * 32 * 32 * 3);
}

#[test]
fn large_photos_are_kept_as_large_as_random_crops_want_them() {
    let (_dir, dataset) = photos(6);
    let kept = |keep_short, cache_bytes| {
        train(&dataset, |o| (o.keep_short, o.cache_bytes) = (keep_short, cache_bytes))
    };
    let small = kept(Some(20), 1 << 20);
    let made = batches(&small, 0);
    assert_eq!(small.report().cached_bytes, 6 * 24 * 20 * 3);
    // Whether a photo is in memory changes nothing.
    assert_eq!(made, batches(&kept(Some(20), 0), 0));
    assert_eq!(made, batches(&small, 0));
    // What it was made of does: it is the photo resized first.
    let resampler = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };
    let mut recipe = Recipe::train(32);
    recipe.transforms.insert(0, Transform::ResizeShort { size: 20, resampler });
    let options = LoaderOptions { threads: 2, ..LoaderOptions::train(4, 9) };
    let resized = Loader::new(Arc::new(dataset.clone()), recipe, options).unwrap();
    assert_eq!(made, batches(&resized, 0));
    // Photos that are not larger stay as they are, and so does all that has no random step.
    let whole = batches(&kept(None, 1 << 20), 0);
    assert_ne!(made, whole);
    assert_eq!(whole, batches(&kept(Some(40), 1 << 20), 0));
    let eval = |keep_short| {
        let options = LoaderOptions { keep_short, ..LoaderOptions::eval(4) };
        batches(&Loader::new(Arc::new(dataset.clone()), Recipe::eval(16), options).unwrap(), 0)
    };
    assert_eq!(eval(Some(20)), eval(None));
}

#[test]
fn an_epoch_can_be_left_at_any_time() {
    let (_dir, dataset) = photos(12);
    let loader = train(&dataset, |o| (o.batch_size, o.threads, o.prefetch) = (2, 4, 8));
    drop(loader.epoch(0));
    let mut epoch = loader.epoch(0);
    let first = epoch.next().unwrap().unwrap();
    drop(epoch);
    assert_eq!(first, batches(&loader, 0)[0]);
    // Two epochs at once, as evaluation within training has.
    let pairs = loader.epoch(1).zip(loader.epoch(1));
    assert!(pairs.map(|(a, b)| (a.unwrap(), b.unwrap())).all(|(a, b)| a == b));
}

#[test]
fn dropping_an_epoch_ends_its_threads_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.png");
    RgbImage::from_fn(900, 900, |x, y| Pixel([(x * y) as u8, x as u8, y as u8])).save(&path).unwrap();
    let samples = (0..400).map(|i| Sample { path: path.clone(), label: i % 2 }).collect();
    let dataset = Arc::new(Dataset { samples, labels: vec!["a".to_owned(), "b".to_owned()] });
    let options = LoaderOptions { threads: 3, prefetch: 1000, ..LoaderOptions::train(1, 0) };
    let loader = Loader::new(Arc::clone(&dataset), Recipe::train(32), options).unwrap();
    let mut epoch = loader.epoch(0);
    epoch.next().unwrap().unwrap();
    drop(epoch);
    // All 400 photos were asked for, but the threads did not go on with them,
    let decoded = loader.report().cached_images;
    assert!((1..400).contains(&decoded), "{decoded}");
    // and none of them is left to hold on to the data set.
    drop(loader);
    assert_eq!(Arc::strong_count(&dataset), 1);
}

#[test]
fn impossible_loaders_are_refused() {
    let (_dir, dataset) = photos(3);
    let dataset = Arc::new(dataset);
    let refused = |dataset: &Arc<Dataset>, recipe: Recipe, options: LoaderOptions| {
        Loader::new(Arc::clone(dataset), recipe, options).err().expect("must be refused")
    };
    let options = LoaderOptions::train(4, 0);
    let none = Arc::new(Dataset { samples: Vec::new(), labels: Vec::new() });
    assert_eq!(refused(&none, Recipe::train(32), options.clone()), LoaderError::Empty);
    let zero = LoaderOptions { batch_size: 0, ..options.clone() };
    assert_eq!(refused(&dataset, Recipe::train(32), zero), LoaderError::ZeroBatch);
    let full_only = LoaderOptions { drop_last: true, ..options.clone() };
    let error = refused(&dataset, Recipe::train(32), full_only);
    assert_eq!(error, LoaderError::NoFullBatch { samples: 3, batch_size: 4 });
    let mut recipe = Recipe::eval(32);
    recipe.transforms.truncate(1);
    assert_eq!(refused(&dataset, recipe, options.clone()), LoaderError::NoFixedSize);
    assert!(matches!(refused(&dataset, Recipe::eval(0), options), LoaderError::Recipe(_)));
}
