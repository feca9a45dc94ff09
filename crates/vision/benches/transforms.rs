//! What a loader's thread does with a decoded photo: `cargo bench -p photonet-vision`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use photonet_vision::augment::{Filter, Jitter, Mixture, Moves, Operation, Rotation, TimmAugment};
use photonet_vision::{
    Augmentation, Interpolation, Library, Mixing, Recipe, Resampler, Rgb, RngKey, Strength, Transform, resize,
};

/// Width and height of a photo: TrashNet's as it is published.
const PHOTO: (u32, u32) = (512, 384);

fn photo() -> Rgb {
    let data = (0..PHOTO.0 * PHOTO.1 * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    match Rgb::new(PHOTO.0, PHOTO.1, data) {
        Ok(photo) => photo,
        Err(error) => panic!("{error}"),
    }
}

fn resamplers() -> impl Iterator<Item = (String, Resampler)> {
    [
        (Library::OpenCv, Interpolation::Bilinear),
        (Library::OpenCv, Interpolation::Area),
        (Library::OpenCv, Interpolation::Bicubic),
        (Library::Pillow, Interpolation::Bilinear),
        (Library::Pillow, Interpolation::Bicubic),
    ]
    .into_iter()
    .map(|(library, interpolation)| {
        let name = format!("{library:?} {interpolation:?}").to_lowercase();
        (name, Resampler { library, interpolation })
    })
}

/// The whole photo, to a square.
fn whole(criterion: &mut Criterion) {
    let photo = photo();
    for (name, resampler) in resamplers() {
        for side in [128, 224] {
            let name = format!("resize {name} {side}");
            criterion.bench_function(&name, |bencher| bencher.iter(|| resize(&photo, side, side, resampler)));
        }
    }
}

/// Random crops and flips: the mean over many, since a crop's cost follows its area.
fn training(criterion: &mut Criterion) {
    let photo = photo();
    for (name, resampler) in resamplers() {
        let recipe = Recipe::train(128).with_resampler(resampler);
        let mut keys = (0..1000).cycle().map(|sample| RngKey { seed: 0, epoch: 0, sample });
        let mut key = || keys.next();
        criterion.bench_function(&format!("train {name} 128"), |bencher| {
            bencher.iter_batched(&mut key, |key| recipe.apply(&photo, key), BatchSize::SmallInput);
        });
    }
}

/// One operation at a time on a photo of 224 x 224 pixels, and what the policies come to in the mean.
fn augmentation(criterion: &mut Criterion) {
    let photo = match resize(&photo(), 224, 224, Resampler::default()) {
        Ok(photo) => photo,
        Err(error) => panic!("{error}"),
    };
    let grey = [128; 3];
    let moves = Moves::paddle_clas(grey);
    let turned = Moves::timm(grey, Filter::Bicubic);
    criterion.bench_function("bicubic Rotate(30.0) 224", |bencher| {
        bencher.iter_batched_ref(
            || photo.clone(),
            |photo| Operation::Rotate(30.0).apply(photo, &turned),
            BatchSize::SmallInput,
        );
    });
    for operation in [
        Operation::ShearX(0.15),
        Operation::ShearY(0.15),
        Operation::TranslateX(0.2),
        Operation::Rotate(30.0),
        Operation::Color(1.4),
        Operation::Hue(0.1),
        Operation::Posterize(5),
        Operation::Contrast(1.4),
        Operation::Sharpness(1.4),
        Operation::AutoContrast,
        Operation::Equalize,
    ] {
        criterion.bench_function(&format!("{operation:?} 224"), |bencher| {
            bencher.iter_batched_ref(
                || photo.clone(),
                |photo| operation.apply(photo, &moves),
                BatchSize::SmallInput,
            );
        });
    }
    let rand = Transform::Augment(Augmentation::RandAugment { layers: 2, magnitude: 5.0, fill: grey });
    let range = (0.6, 1.4);
    let jitter = Jitter {
        brightness: range,
        contrast: range,
        saturation: range,
        hue: (-0.1, 0.1),
        ..Jitter::default()
    };
    let rotation =
        Rotation { probability: 1.0, degrees: (-30.0, 30.0), filter: Filter::Bilinear, fill: grey };
    let mixture = Mixture { probability: 1.0, alpha: 0.1, width: 3, depth: 1, severity: 1.0 };
    let augment = TimmAugment { fill: grey, ..TimmAugment::default() };
    for transform in [
        Transform::Augment(Augmentation::AutoAugment { fill: grey }),
        rand,
        Transform::Augment(Augmentation::TimmAugment { augment }),
        Transform::Augment(Augmentation::AugMix { mixture }),
        Transform::Augment(Augmentation::ColorJitter { jitter }),
        Transform::Augment(Augmentation::RandomRotation { rotation }),
    ] {
        let recipe = Recipe { transforms: vec![transform.clone()], ..Recipe::train(224) };
        let mut keys = (0..1000).cycle().map(|sample| RngKey { seed: 0, epoch: 0, sample });
        let mut key = || keys.next();
        criterion.bench_function(&format!("{transform:?} 224"), |bencher| {
            bencher.iter_batched(&mut key, |key| recipe.apply(&photo, key), BatchSize::SmallInput);
        });
    }
}

/// A batch of 32 photos.
fn mixing(criterion: &mut Criterion) {
    let side = 224;
    let pixels: Vec<u8> = (0..32 * side * side * 3).map(|i: u32| (i * i / 7) as u8).collect();
    let always = Strength { probability: 1.0, alpha: 1.0 };
    for (name, mixing) in [
        ("mixup", Mixing { mixup: always, ..Mixing::default() }),
        ("cutmix", Mixing { cutmix: always, ..Mixing::default() }),
    ] {
        let Some(mix) = mixing.draw(RngKey { seed: 0, epoch: 0, sample: 0 }, 32, (side, side)) else {
            panic!("{name} is always drawn");
        };
        criterion.bench_function(&format!("{name} 32 x 224"), |bencher| {
            bencher.iter_batched_ref(
                || pixels.clone(),
                |pixels| mix.apply(pixels, side),
                BatchSize::LargeInput,
            );
        });
    }
}

criterion_group!(benches, whole, training, augmentation, mixing);
criterion_main!(benches);
