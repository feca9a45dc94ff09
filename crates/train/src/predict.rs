//! What a model says of photos.

use crate::dataset::{DatasetError, is_hidden, lines};
use crate::evaluate::softmax;
use crate::machine::Network;
use crate::photo::{decode_photo, guarded};
use crate::{Machine, TrainError};
use photonet_model::{Features, Model};
use photonet_vision::{Recipe, Rgb};
use rayon::prelude::*;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

/// Extensions that folders are searched for.
const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// One class of a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Index of the class.
    pub index: usize,
    /// Its probability.
    pub probability: f32,
}

/// A photo's prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The photo.
    pub file: PathBuf,
    /// Probabilities of all classes, largest first, or why the photo could not be read.
    pub result: Result<Scored, String>,
}

/// Logits and ranking of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// What the network gave.
    pub logits: Vec<f32>,
    /// All classes, most probable first.
    pub ranked: Vec<Ranked>,
    /// What the network was given: `size * size * 3` bytes, RGB, row by row.
    pub input: Vec<u8>,
}

/// The photos behind `paths`: files as they are, folders with all photos in and below them, sorted.
///
/// # Errors
/// A path that does not exist, or a folder that cannot be listed or holds no photo.
pub fn collect_photos(paths: &[PathBuf]) -> Result<Vec<PathBuf>, TrainError> {
    let mut photos = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = photos.len();
            walk(path, &mut Vec::new(), &mut photos)?;
            if photos.len() == before {
                return Err(TrainError::Request(format!(
                    "{} holds no photo: looked for files ending in {}",
                    path.display(),
                    EXTENSIONS.join(", ")
                )));
            }
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt")) {
            return Err(TrainError::Request(format!(
                "{} is a text, not a photo: give photos or folders of photos; with `-c`, a list of photos is Infer.infer_list, \
                 and Infer.infer_imgs the folder that its paths are relative to",
                path.display()
            )));
        } else if path.exists() {
            photos.push(path.clone());
        } else {
            return Err(TrainError::Request(format!(
                "{} does not exist: give a photo or a folder of photos",
                path.display()
            )));
        }
    }
    Ok(photos)
}

/// The photos of a list, a path a line, relative to `root`; a label behind a path is left out.
///
/// # Errors
/// A list that cannot be read or names nothing.
pub fn listed_photos(list: &Path, root: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let lines = lines(list)?;
    if lines.is_empty() {
        return Err(DatasetError::EmptyList { path: list.to_owned() }.into());
    }
    let photo = |(_, line): (usize, String)| {
        let whole = root.join(&line);
        match line.rsplit_once(char::is_whitespace) {
            Some((path, _)) if !whole.is_file() => root.join(path.trim_end()),
            _ => whole,
        }
    };
    Ok(lines.into_iter().map(photo).collect())
}

/// `above` holds the real paths of the folders under way: a link to one of them is not followed.
fn walk(folder: &Path, above: &mut Vec<PathBuf>, photos: &mut Vec<PathBuf>) -> Result<(), TrainError> {
    let io = |source| TrainError::Io { action: "list", path: folder.to_path_buf(), source };
    let real = fs::canonicalize(folder).map_err(io)?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(io)?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(io)?;
    entries.sort();
    for path in entries {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, above, photos)?;
        } else if EXTENSIONS.contains(&extension.as_str()) {
            photos.push(path);
        }
    }
    above.pop();
    Ok(())
}

/// Classifies photos in batches, calling `tell` with each prediction in order.
///
/// # Errors
/// A model that does not fit its preprocessing, or a device that fails. A photo that cannot be read
/// is a prediction with its reason, not an error.
pub async fn predict(
    machine: &Machine,
    model: &Model,
    photos: &[PathBuf],
    batch: usize,
    mut tell: impl FnMut(Prediction),
) -> Result<(), TrainError> {
    let mut network = open(machine, model, photos.len(), batch).await?;
    for chunk in read(model, photos, &network) {
        let logits = network.logits(&chunk.pixels).await?;
        let inputs = chunk.pixels.chunks(network.image_bytes());
        for (((file, result), logits), input) in chunk.files.into_iter().zip(logits).zip(inputs) {
            let result = result.map(|()| Scored { ranked: rank(&logits), logits, input: input.to_vec() });
            tell(Prediction { file, result });
        }
    }
    Ok(())
}

/// Works out the features of photos in batches, calling `tell` with each photo's in order; for a photo that
/// cannot be read, with the reason.
///
/// # Errors
/// As [`predict`].
pub async fn embed(
    machine: &Machine,
    model: &Model,
    photos: &[PathBuf],
    batch: usize,
    mut tell: impl FnMut(&Path, Result<Features, String>),
) -> Result<(), TrainError> {
    let mut network = open(machine, model, photos.len(), batch).await?;
    for chunk in read(model, photos, &network) {
        let features = network.features(&chunk.pixels).await?;
        for ((file, result), features) in chunk.files.into_iter().zip(features) {
            tell(&file, result.map(|()| features));
        }
    }
    Ok(())
}

/// A network for batches of at most so many photos.
async fn open(machine: &Machine, model: &Model, photos: usize, batch: usize) -> Result<Network, TrainError> {
    Network::new(machine, model, batch.clamp(1, photos.max(1))).await
}

/// A batch of photos as the network takes them.
struct Chunk {
    /// Each photo, and whether it could be read.
    files: Vec<(PathBuf, Result<(), String>)>,
    /// Of all, one after the other; of those that could not be read black.
    pixels: Vec<u8>,
}

/// Batches that another thread reads, which ends when nobody takes them any more.
struct Chunks {
    chunks: Receiver<Chunk>,
    thread: Option<JoinHandle<()>>,
}

/// The photos in batches for `network`. While it computes one, the next is read.
fn read(model: &Model, photos: &[PathBuf], network: &Network) -> Chunks {
    let (recipe, photos) = (model.recipe.clone(), photos.to_vec());
    let (batch, image_bytes) = (network.batch(), network.image_bytes());
    let (sender, chunks) = mpsc::sync_channel(0);
    let thread = thread::spawn(move || {
        for files in photos.chunks(batch) {
            let images: Vec<Result<Rgb, String>> =
                files.par_iter().map(|path| prepare(&recipe, path)).collect();
            let mut pixels = Vec::with_capacity(images.len() * image_bytes);
            for image in &images {
                match image {
                    Ok(image) => pixels.extend_from_slice(image.data()),
                    Err(_) => pixels.resize(pixels.len() + image_bytes, 0),
                }
            }
            let files = files.iter().cloned().zip(images.into_iter().map(|image| image.map(drop))).collect();
            if sender.send(Chunk { files, pixels }).is_err() {
                return;
            }
        }
    });
    Chunks { chunks, thread: Some(thread) }
}

impl Iterator for Chunks {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.recv().ok();
        // Photos must not be missing without a word.
        if chunk.is_none()
            && let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            resume_unwind(panic);
        }
        chunk
    }
}

fn prepare(recipe: &Recipe, path: &Path) -> Result<Rgb, String> {
    let bytes = fs::read(path).map_err(|e| format!("cannot read it: {e}"))?;
    let image = decode_photo(&bytes)?;
    guarded(|| recipe.apply(&image, None).map_err(|e| e.to_string()))
}

fn rank(logits: &[f32]) -> Vec<Ranked> {
    let ranking = |(index, probability)| Ranked { index, probability };
    let mut ranked: Vec<Ranked> = softmax(logits).into_iter().enumerate().map(ranking).collect();
    // Stable, so equal probabilities keep the order of the classes.
    ranked.sort_by(|a, b| logits[b.index].total_cmp(&logits[a.index]));
    ranked
}
