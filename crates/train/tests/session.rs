//! Training on photos in memory is training on a folder of the same photos.

use photonet_gpu::{DeviceChoice, Gpu, GpuOptions};
use photonet_model::Model;
use photonet_train::config::{ClassWeights, Config, Variant};
use photonet_train::dataset::{SplitOptions, open};
use photonet_train::session::{Gallery, Progress, Session};
use photonet_train::trainer::{RunOptions, train};
use photonet_train::{TrainError, decode_photo, load_model};
use pollster::block_on;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const CLASSES: [&str; 3] = ["blue", "green", "red"];

fn gpu() -> Arc<Gpu> {
    block_on(Gpu::open(&GpuOptions::new(DeviceChoice::Auto))).expect("a device")
}

/// A picture of noise that is mostly of its class's colour.
fn picture(label: usize, number: u32) -> image::RgbImage {
    image::RgbImage::from_fn(40 + number, 36, |x, y| {
        let noise = (x * 7 + y * 13 + number * 29).wrapping_mul(2_654_435_761) >> 26;
        let mut pixel = [noise as u8; 3];
        pixel[2 - label] = 120 + 2 * noise as u8;
        image::Rgb(pixel)
    })
}

/// Eleven pictures of the first class, and one less of each that follows.
fn draw(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut photos = Vec::new();
    for (label, class) in CLASSES.iter().enumerate() {
        std::fs::create_dir(folder.join(class)).expect("set-up");
        for number in 0..11 - label as u32 {
            let path = folder.join(class).join(format!("{number:02}.png"));
            picture(label, number).save(&path).expect("set-up");
            photos.push((path, label as u32));
        }
    }
    photos
}

fn config(out: &Path) -> Config {
    let mut config = Config::defaults();
    (config.arch.variant, config.arch.width) = (Variant::Small, 0.35);
    config.set_size(32);
    config.set_epochs(2);
    config.train.batch_size = 6;
    config.optimizer.schedule.learning_rate = config.usual_rate(6, false);
    config.global.output_dir = out.to_path_buf();
    config.train.keep_short = Some(33);
    config
}

fn gallery(config: &Config, photos: &[(PathBuf, u32)]) -> Gallery {
    let mut gallery = Gallery::new(config);
    // In another order than the folder's.
    for (path, label) in photos.iter().rev() {
        let photo = decode_photo(&std::fs::read(path).expect("a photo")).expect("a photo");
        let name = path.file_name().expect("a name").to_string_lossy();
        gallery.add(&photo, &name, *label).expect("a good photo");
    }
    gallery
}

fn labels() -> Vec<String> {
    CLASSES.map(String::from).to_vec()
}

fn run(session: &mut Session) -> Vec<Progress> {
    let mut all = Vec::new();
    while all.last().is_none_or(|last: &Progress| !last.done) {
        all.push(block_on(session.advance()).expect("set-up"));
    }
    all
}

/// The models of both ways, from scratch or from `start`.
fn both(start: Option<&Model>, change: impl Fn(&mut Config)) -> (Model, Model, Vec<Progress>) {
    let folder = tempfile::tempdir().expect("set-up");
    let photos = draw(folder.path());
    let out = tempfile::tempdir().expect("set-up");
    let mut config = config(out.path());
    if let Some(start) = start {
        let path = out.path().join("start.safetensors");
        start.save(&path).expect("set-up");
        config.adopt(start, Some(48));
        config.arch.pretrained = photonet_train::config::Pretrained::Path(path);
    }
    change(&mut config);
    let gpu = gpu();
    let mut session =
        block_on(Session::start(&gpu, config.clone(), &labels(), gallery(&config, &photos), start.cloned()))
            .expect("set-up");
    let told = run(&mut session);
    let split = open(folder.path(), SplitOptions::default()).expect("set-up");
    assert_eq!(session.photos(), (split.train.samples.len(), split.val.samples.len()));
    let options = RunOptions { overwrite: true, ..RunOptions::default() };
    let outcome = train(&gpu, &config, split, &options, &AtomicBool::new(false)).expect("set-up");
    let best = outcome.best.expect("set-up");
    let last = told.iter().rev().find_map(|progress| progress.evaluation.clone()).expect("set-up");
    assert_eq!((last.best, last.best_epoch), (best.accuracy, best.epoch));
    let (model, evaluation) = session.best().expect("set-up");
    assert_eq!(evaluation.images, session.photos().1);
    assert!((evaluation.topk[0].1 - best.accuracy).abs() < 1e-9);
    let wrong = (evaluation.images as f64 * (1.0 - best.accuracy)).round() as usize;
    assert_eq!(evaluation.mistakes.len(), wrong);
    assert!(
        evaluation
            .mistakes
            .iter()
            .all(|m| m.file.extension().expect("set-up") == "png" && m.truth.class != m.top[0].class)
    );
    (model.clone(), load_model(&outcome.model).expect("set-up"), told)
}

#[test]
fn a_session_gives_the_weights_of_a_run_on_the_same_photos() {
    let (ours, files, told) = both(None, |_| {});
    assert_eq!(ours, files);
    assert_eq!(ours.labels, labels());
    assert_eq!(ours.test_vectors.len(), 1);
    // 24 photos to train on in whole batches of 6, twice.
    let steps: Vec<_> = told.iter().map(|p| (p.epoch, p.step, p.steps, p.evaluation.is_some())).collect();
    let epoch = |e| (1..5).map(move |step| (e, step, 4, step == 4));
    assert_eq!(steps, epoch(1).chain(epoch(2)).collect::<Vec<_>>());
    assert!(told.iter().all(|p| p.scores.loss.is_finite() && p.epochs == 2));
    // Going on from it, at another size, with other settings and a part of the photos left over at an epoch's end.
    let (more, files, told) = both(Some(&ours), |config| {
        config.train.drop_last = false;
        config.train.batch_size = 5;
        config.amp = true;
        config.loss.class_weights = ClassWeights::Balanced;
        config.arch.freeze_until = photonet_model::Frozen::Blocks(2);
    });
    assert_eq!(more, files);
    assert_ne!(more.weights, ours.weights);
    assert_eq!(told.len(), 2 * 5);
}

#[test]
fn what_is_compiled_ahead_is_what_a_training_needs() {
    let folder = tempfile::tempdir().expect("set-up");
    let photos = draw(folder.path());
    let mut config = config(folder.path());
    // With weights, which are not known before the photos are.
    config.loss.class_weights = ClassWeights::Balanced;
    let gpu = gpu();
    block_on(Session::compile_ahead(&gpu, &config, &labels(), None)).expect("what was compiled");
    let ahead = gpu.pipeline_count();
    assert!(ahead > 0);
    let mut session =
        block_on(Session::start(&gpu, config.clone(), &labels(), gallery(&config, &photos), None))
            .expect("set-up");
    run(&mut session);
    assert_eq!(gpu.pipeline_count(), ahead);
}

#[test]
fn what_cannot_be_trained_on_is_told() {
    let folder = tempfile::tempdir().expect("set-up");
    let photos = draw(folder.path());
    let gpu = gpu();
    let plain = config(folder.path());
    let refused = |config: &Config, photos: &[(PathBuf, u32)], labels: &[String]| {
        let started = block_on(Session::start(&gpu, config.clone(), labels, gallery(config, photos), None));
        started.err().expect("must be refused").to_string()
    };
    assert!(refused(&plain, &[], &labels()).contains("0 photos of 0 classes"));
    let one = refused(&plain, &photos[..4], &labels());
    assert!(one.contains("at least two classes, and there are 4 photos of 1 class"), "{one}");
    let single = refused(&plain, &[photos[0].clone(), photos[11].clone()], &labels());
    assert!(single.contains("no class has two photos"), "{single}");
    let mut averaged = plain.clone();
    averaged.ema = Some(0.9);
    assert!(refused(&averaged, &photos, &labels()).contains("no moving average"));
    let mut frozen = plain.clone();
    frozen.arch.freeze_bn = true;
    assert!(refused(&frozen, &photos, &labels()).contains("cannot be frozen"));
    let mut hot = plain;
    hot.optimizer.schedule.learning_rate = 1e30;
    hot.optimizer.schedule.warmup_epoch = 0.0;
    let mut session =
        block_on(Session::start(&gpu, hot.clone(), &labels(), gallery(&hot, &photos), None)).expect("set-up");
    let error = (0..8).find_map(|_| block_on(session.advance()).err()).expect("must diverge");
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("No epoch was finished before"), "{error}");
    let after = block_on(session.advance()).unwrap_err().to_string();
    assert!(after.contains("is over"), "{after}");
}
