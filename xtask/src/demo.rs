//! `cargo xtask demo`: the whole way of the product once, from pictures to a model that classifies.

mod answers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use answers::{Shown, listed, marked, named, spread};

use crate::pictures::{self, Pattern};
use crate::setup::{self, Gpu};
use crate::{options, program, shell};

/// Where everything goes when the user does not say.
const OUT: &str = "output/demo";

/// The file that marks a folder as written by the demo, and so as one that it may write again.
const MARK: &str = "written-by-photonet-demo.txt";

/// The page of the evaluation.
const REPORT: &str = "report.html";

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
    let page = out.folder.join(REPORT);
    let printed = shell::run_capturing(evaluate.arg("--report").arg(&page).args(["--format", "json"]))?;
    let accuracy = Accuracy::read(&printed)
        .ok_or_else(|| format!("photonet eval has printed no accuracy, but:\n{printed}"))?;
    println!("  {accuracy}");

    println!("\nClassifying a few of them");
    let shown = data.some_held_out(&model_folder)?;
    let mut infer = Command::new(&photonet);
    infer.arg("infer").arg("--model").arg(&model).args(["--topk", "3", "--format", "json"]);
    let (answers, ended) = shell::capture(infer.args(shown.iter().map(|shown| &shown.file)))?;
    print!("{}", marked(&answers, &shown));
    match (ended, &data) {
        // One of the user's may not be readable, which infer has said.
        (Err(message), Data::Photos(_)) => println!("  {message}"),
        (ended, _) => ended?,
    }

    conclude(&photonet, &model, &page, &data, &accuracy, started);
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
            for part in ["pictures", "model", REPORT] {
                let part = folder.join(part);
                let removed = match part.is_dir() {
                    true => std::fs::remove_dir_all(&part),
                    false if part.exists() => std::fs::remove_file(&part),
                    false => Ok(()),
                };
                removed.map_err(|error| format!("cannot clear {}: {error}", part.display()))?;
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
    fn some_held_out(&self, model_folder: &Path) -> Result<Vec<Shown>, String> {
        match self {
            Self::Drawn(folder) => {
                let shown = |pattern: Pattern| {
                    let truth = pattern.name().to_string();
                    Shown { file: folder.join(format!("test/{truth}/{truth}_000.jpg")), truth }
                };
                Ok(Pattern::ALL.into_iter().map(shown).collect())
            }
            Self::Photos(photos) => {
                let list = self.held_out(model_folder);
                let read = |path: &Path| {
                    std::fs::read_to_string(path)
                        .map_err(|error| format!("cannot read {}: {error}", path.display()))
                };
                let (listed_photos, names) = (read(&list)?, read(&model_folder.join("label_list.txt"))?);
                let files = spread(&listed(&listed_photos), SHOWN);
                if files.is_empty() {
                    return Err(format!("the validation list {} names no photo", list.display()));
                }
                // An absolute path stays as it is.
                let shown = |(file, label)| Shown { file: photos.join(file), truth: named(&names, label) };
                Ok(files.into_iter().map(shown).collect())
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

fn conclude(photonet: &Path, model: &Path, page: &Path, data: &Data, accuracy: &Accuracy, started: Instant) {
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
    println!(
        "Each class, what was confused and the surest mistakes, to open in a browser: {}",
        page.display()
    );
    println!("Next:");
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
        std::fs::write(out.join(REPORT), "old").unwrap();
        Output::prepare(&options).unwrap();
        assert!(!out.join("model").exists() && !out.join(REPORT).exists() && out.join("note.txt").exists());

        let keep = options::Demo { keep: true, ..options };
        assert_eq!(Output::prepare(&keep).unwrap().folder, base.join("out-2"));
        assert_eq!(Output::prepare(&keep).unwrap().folder, base.join("out-3"));
        std::fs::remove_dir_all(base).unwrap();
    }
}
