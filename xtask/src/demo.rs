//! `cargo xtask demo`: the whole way of the product once, from pictures to a model that classifies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::pictures::{self, Pattern};
use crate::setup::{self, Gpu};
use crate::{options, program, shell};

/// Where everything goes when the user does not say.
const OUT: &str = "output/demo";

/// The file that marks a folder as written by the demo, and so as one that it may write again.
const MARK: &str = "written-by-photonet-demo.txt";

/// Drawn pictures per class to train on, and to keep aside for the evaluation.
const DRAWN_TRAIN: u32 = 100;
const DRAWN_TEST: u32 = 20;

/// Held-out pictures that are classified one by one.
const SHOWN: usize = 6;

/// Runs the demo.
///
/// # Errors
/// When a step fails, or when the model is no better than it could be with a GPU that computes wrongly.
pub fn run(options: &options::Demo) -> Result<(), String> {
    let started = Instant::now();
    let out = Output::prepare(options)?;
    let gpu = setup::vulkan();

    let photonet = program::build()?;

    let data = match &options.photos {
        Some(photos) => Data::Photos(photos.clone()),
        None => Data::draw(&out.folder)?,
    };

    println!("\nTraining");
    let model_folder = out.folder.join("model");
    let mut train = Command::new(&photonet);
    train.arg("train").arg(data.training()).arg("--out").arg(&model_folder);
    train.args(data.train_options(gpu, options.epochs));
    shell::run(&mut train)?;
    let model = model_folder.join("best_model/model.safetensors");
    if !model.is_file() {
        return Err(format!("the training has left no model at {}", model.display()));
    }

    println!("\nEvaluating on pictures that the model was not trained on");
    let held_out = data.held_out(&model_folder);
    let mut evaluate = Command::new(&photonet);
    evaluate.arg("eval").arg("--model").arg(&model).arg("--data").arg(&held_out);
    let report = shell::run_capturing(evaluate.args(["--format", "json"]))?;
    let accuracy = Accuracy::read(&report)
        .ok_or_else(|| format!("photonet eval has printed no accuracy, but:\n{report}"))?;
    println!("  {accuracy}");

    println!("\nClassifying a few of them");
    let shown = data.some_held_out(&model_folder)?;
    let mut infer = Command::new(&photonet);
    let classified =
        shell::run(infer.arg("infer").arg("--model").arg(&model).args(["--topk", "3"]).args(&shown));
    match (classified, &data) {
        // One of the user's may not be readable, which infer has said.
        (Err(message), Data::Photos(_)) => println!("  {message}"),
        (classified, _) => classified?,
    }

    conclude(&photonet, &model, &held_out, &data, &accuracy, started);
    data.judge(&accuracy, options.epochs)
}

/// The folder of the results.
struct Output {
    folder: PathBuf,
}

impl Output {
    /// Chooses the folder, and clears what an earlier demo left in it. Never touches a folder of someone else's.
    fn prepare(options: &options::Demo) -> Result<Self, String> {
        if let Some(photos) = options.photos.as_ref().filter(|photos| !photos.is_dir()) {
            return Err(format!("--photos: there is no folder {}", photos.display()));
        }
        let wanted = options.out.clone().unwrap_or_else(|| shell::root().join(OUT));
        let folder = if options.keep { first_free(&wanted) } else { wanted };
        let is_empty =
            |folder: &Path| std::fs::read_dir(folder).map_or(true, |mut list| list.next().is_none());
        if folder.join(MARK).exists() {
            println!("Clearing the earlier results in {} (--keep would keep them)", folder.display());
            for part in ["pictures", "model"] {
                let part = folder.join(part);
                if part.exists() {
                    std::fs::remove_dir_all(&part)
                        .map_err(|error| format!("cannot clear {}: {error}", part.display()))?;
                }
            }
        } else if !is_empty(&folder) {
            return Err(format!(
                "{} holds files that no demo has written; please give another folder with --out",
                folder.display()
            ));
        }
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        std::fs::write(folder.join(MARK), "The next `cargo xtask demo` writes this folder anew.\n")
            .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        Ok(Self { folder })
    }
}

/// `folder`, or the first of `folder-2`, `folder-3`, … that does not exist.
fn first_free(folder: &Path) -> PathBuf {
    let numbered = |number: u32| {
        let mut name = folder.as_os_str().to_os_string();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    };
    std::iter::once(folder.to_path_buf())
        .chain((2..).map(numbered))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| folder.to_path_buf())
}

/// What the demo trains on.
enum Data {
    /// The user's photos: `photonet train` keeps a part of each class aside for validation.
    Photos(PathBuf),
    /// Pictures drawn into a folder: `train/` and, never trained on, `test/`.
    Drawn(PathBuf),
}

impl Data {
    fn draw(out: &Path) -> Result<Self, String> {
        let folder = out.join("pictures");
        let names: Vec<_> = Pattern::ALL.into_iter().map(Pattern::name).collect();
        println!("\nDrawing pictures, as no --photos DIR was given");
        println!(
            "  These are NOT photos: this program draws coloured patterns in random sizes and directions,"
        );
        println!(
            "  {DRAWN_TRAIN} to train on and {DRAWN_TEST} to test with for each of {}.",
            names.join(", ")
        );
        pictures::draw_set(&folder.join("train"), 0, DRAWN_TRAIN)?;
        pictures::draw_set(&folder.join("test"), 1, DRAWN_TEST)?;
        println!("  They are in {}.", folder.display());
        Ok(Self::Drawn(folder))
    }

    /// What `photonet train` is given.
    fn training(&self) -> PathBuf {
        match self {
            Self::Photos(folder) => folder.clone(),
            Self::Drawn(folder) => folder.join("train"),
        }
    }

    fn train_options(&self, gpu: Gpu, epochs: Option<u32>) -> Vec<String> {
        let mut text = match (self, gpu) {
            (Self::Drawn(_), _) => {
                format!(
                    "--arch small --width 0.5 --size 64 --batch 16 --lr 0.025 --epochs {}",
                    epochs.unwrap_or(8)
                )
            }
            (Self::Photos(_), Gpu::Hardware) => {
                epochs.map_or_else(String::new, |epochs| format!("--epochs {epochs}"))
            }
            (Self::Photos(_), Gpu::Software | Gpu::None) => {
                println!(
                    "  This machine has a software GPU only. For a first look in reasonable time the demo takes"
                );
                println!("  a small network and small pictures; on a real GPU leave these options out.");
                format!("--arch small --width 0.5 --size 96 --epochs {}", epochs.unwrap_or(10))
            }
        };
        text = text.trim().to_string();
        text.split_whitespace().map(String::from).collect()
    }

    /// What `photonet eval` is given: a folder per class, or the validation list of the training.
    fn held_out(&self, model_folder: &Path) -> PathBuf {
        match self {
            Self::Photos(_) => model_folder.join("val_list.txt"),
            Self::Drawn(folder) => folder.join("test"),
        }
    }

    /// A handful of held-out pictures, spread over the classes.
    fn some_held_out(&self, model_folder: &Path) -> Result<Vec<PathBuf>, String> {
        match self {
            Self::Drawn(folder) => {
                let file = |pattern: Pattern| format!("test/{0}/{0}_000.jpg", pattern.name());
                Ok(Pattern::ALL.into_iter().map(|pattern| folder.join(file(pattern))).collect())
            }
            Self::Photos(photos) => {
                let list = self.held_out(model_folder);
                let text = std::fs::read_to_string(&list).map_err(|error| {
                    format!("cannot read the validation list {}: {error}", list.display())
                })?;
                let files = spread(&listed(&text), SHOWN);
                if files.is_empty() {
                    return Err(format!("the validation list {} names no photo", list.display()));
                }
                // An absolute path stays as it is.
                Ok(files.into_iter().map(|file| photos.join(file)).collect())
            }
        }
    }

    /// Refuses a result that only a wrong computation explains. Nothing is known of the user's photos.
    fn judge(&self, accuracy: &Accuracy, epochs: Option<u32>) -> Result<(), String> {
        let expected = 0.5;
        if matches!(self, Self::Drawn(_)) && epochs.is_none() && accuracy.top1 < expected {
            return Err(format!(
                "{accuracy}: the drawn pictures are easy, something is wrong. \
                 `photonet check` tests every kernel on this GPU"
            ));
        }
        Ok(())
    }
}

/// The paths of a list of `path label` lines; a path may hold spaces.
fn listed(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| Some(line.trim().rsplit_once(char::is_whitespace)?.0.trim())).collect()
}

/// Up to `count` elements, evenly spaced over the list.
fn spread<'a>(list: &[&'a str], count: usize) -> Vec<&'a str> {
    let count = count.min(list.len());
    (0..count).map(|index| list[index * list.len() / count]).collect()
}

/// What `photonet eval --format json` says.
#[derive(Debug, PartialEq)]
struct Accuracy {
    /// The share of pictures whose most probable label is right, from 0 to 1.
    top1: f64,
    images: f64,
}

impl Accuracy {
    fn read(json: &str) -> Option<Self> {
        Some(Self { top1: number(json, "top1")?, images: number(json, "images")? })
    }
}

impl std::fmt::Display for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (right, images) = ((self.top1 * self.images).round(), self.images);
        write!(f, "top-1 accuracy {:.1} %: {right} of {images} pictures right", 100.0 * self.top1)
    }
}

/// The first number with this key in a JSON text.
fn number(json: &str, key: &str) -> Option<f64> {
    let key = format!("\"{key}\"");
    let rest = json[json.find(&key)? + key.len()..].trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn conclude(
    photonet: &Path,
    model: &Path,
    held_out: &Path,
    data: &Data,
    accuracy: &Accuracy,
    started: Instant,
) {
    let mut evaluate = Command::new(photonet);
    evaluate.arg("eval").arg("--model").arg(model).arg("--data").arg(held_out);
    let mut infer = Command::new(photonet);
    infer.arg("infer").arg("--model").arg(model).arg("PHOTO.jpg");
    let mut serve = Command::new("cargo");
    serve.args(["xtask", "serve", "--model"]).arg(model);
    let mut train = Command::new(photonet);
    train.arg("train").arg("PHOTOS").args(["--out", "output/mine"]);
    println!("\nDone in {:.0} s: {accuracy}", started.elapsed().as_secs_f64());
    if matches!(data, Data::Drawn(_)) {
        println!("  (on drawn pictures, not photos)");
    }
    println!("The model: {}", model.display());
    println!("Next:");
    println!("  the accuracy of each class      {}", shell::shown(&evaluate));
    println!("  classify a photo of your own    {}", shell::shown(&infer));
    println!("  the same in a web page          {}", shell::shown(&serve));
    println!("  train on your own photos        {}", shell::shown(&train));
    println!("                                  (PHOTOS holds one folder per class)");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_json() {
        let json = r#"{"top1": 0.775, "top5":1, "images" : 120, "skipped": [], "classes": [{"top1": 0.1}]}"#;
        let accuracy = Accuracy::read(json).unwrap();
        assert_eq!(accuracy, Accuracy { top1: 0.775, images: 120.0 });
        assert_eq!(accuracy.to_string(), "top-1 accuracy 77.5 %: 93 of 120 pictures right");
        assert_eq!(number(json, "top5"), Some(1.0));
        assert_eq!(number(json, "skipped"), None);
        assert_eq!(Accuracy::read("no model"), None);
    }

    #[test]
    fn list_lines_may_hold_spaces() {
        let text = "glass/my photo 1.jpg 0\n\nmetal/b.jpg\t1\nnothing\n";
        assert_eq!(listed(text), ["glass/my photo 1.jpg", "metal/b.jpg"]);
    }

    #[test]
    fn a_handful_is_spread_over_the_list() {
        let list = ["a", "b", "c", "d", "e"];
        assert_eq!(spread(&list, 2), ["a", "c"]);
        assert_eq!(spread(&list, 9), list);
        assert!(spread(&[], 3).is_empty());
    }

    #[test]
    fn foreign_folders_are_left_alone_and_own_ones_are_written_anew() {
        let base = std::env::temp_dir().join(format!("xtask-demo-{}", std::process::id()));
        let out = base.join("out");
        let options = options::Demo { out: Some(out.clone()), ..options::Demo::default() };
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(out.join("thesis.txt"), "mine").unwrap();
        assert!(Output::prepare(&options).is_err_and(|message| message.contains("--out")));
        assert!(out.join("thesis.txt").exists());

        std::fs::remove_file(out.join("thesis.txt")).unwrap();
        Output::prepare(&options).unwrap();
        std::fs::create_dir_all(out.join("model/best_model")).unwrap();
        std::fs::write(out.join("note.txt"), "kept").unwrap();
        Output::prepare(&options).unwrap();
        assert!(!out.join("model").exists() && out.join("note.txt").exists());

        let keep = options::Demo { keep: true, ..options };
        assert_eq!(Output::prepare(&keep).unwrap().folder, base.join("out-2"));
        assert_eq!(Output::prepare(&keep).unwrap().folder, base.join("out-3"));
        std::fs::remove_dir_all(base).unwrap();
    }
}
