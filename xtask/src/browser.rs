//! The browser's tests: a little model and photos for them, then the tests of the package and of the page.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::Browser;
use crate::suite::{Counts, Outcome};
use crate::{built, npm, pictures, setup, shell};

/// Photos that are resized in every way: one to be reduced, and one to be enlarged.
const RESIZED: [&str; 2] = ["deep-rgb.png", "jpeg-rgb.jpg"];

/// Photos of the development data in the set, where there are some; the others are odd ones.
const PHOTOS: usize = 72;

/// Classes of that data.
const CLASSES: usize = 6;

/// The oldest node that the tests' library runs on.
const NODE: u32 = 20;

/// Tests that need no browser, look at Chromium's memory, bundle examples, or train beside the program: once is enough.
const ONCE: [&str; 5] =
    ["package/examples", "package/node", "package/soak", "package/training", "page/bytes"];

/// What runs in WebKit: on the CPU, with what WebDriver can do.
const IN_WEBKIT: [&str; 8] = [
    "package/answers",
    "package/decoder-failures",
    "package/decoders",
    "package/worker",
    "page/decoders",
    "page/models",
    "page/photos",
    "page/results",
];

/// Runs the tests against what `cargo xtask web` has built.
pub fn run(browser: Browser) -> Outcome {
    let root = shell::root();
    if !root.join("web/site/dist/index.html").is_file() {
        return Outcome::Failed("the page is not built: run `cargo xtask web`".into());
    }
    if !setup::node("the browser's tests") || node_version().is_none_or(|version| version < NODE) {
        return Outcome::Skipped(format!("node {NODE} or newer is missing and cannot be installed here"));
    }
    let Some(program) = setup::browser(browser) else {
        return Outcome::Skipped(format!("{browser} is missing and cannot be installed here"));
    };
    let tests = root.join("tests/browser");
    let prepared = npm::install(&tests).and_then(|()| prepare(&root.join("target/browser/fixtures")));
    let photonet = match prepared.and_then(|()| built::photonet()) {
        Ok(command) => command,
        Err(message) => return Outcome::Failed(message),
    };
    let mut command = Command::new("node");
    // One file at a time: the software GPU takes all there is.
    command.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]);
    command.args(test_files(&tests, browser)).current_dir(&root);
    command.env("PHOTONET_BROWSER", browser.name()).env("PHOTONET_PROGRAM", photonet.get_program());
    // The one that suits, which need not be the first that there is.
    command.envs(browser.variable().map(|variable| (variable, program)));
    let mut counts = Counts::default();
    match shell::run_watching(&mut command, |line| counts.add_node(line)) {
        Ok(()) => Outcome::Passed(counts.to_string()),
        Err(message) => Outcome::Failed(format!("{counts}; {message}")),
    }
}

fn node_version() -> Option<u32> {
    shell::ask("node", &["--version"])?.trim_start_matches('v').split('.').next()?.parse().ok()
}

fn test_files(folder: &Path, browser: Browser) -> Vec<PathBuf> {
    let runs = |path: &Path| {
        let Some(name) = path.to_str().and_then(|path| path.strip_suffix(".test.mjs")) else { return false };
        let is = |other: &&str| Path::new(name).ends_with(other);
        match browser {
            Browser::Chromium => true,
            Browser::Firefox => !ONCE.iter().any(is),
            Browser::WebKit => IN_WEBKIT.iter().any(is),
        }
    };
    let list = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> = ["package", "page"]
        .iter()
        .flat_map(|part| list(folder.join(part)))
        .filter(|path| runs(path))
        .collect();
    files.sort();
    files
}

/// Trains a little model, gathers photos, and writes down what the native program says of them.
fn prepare(folder: &Path) -> Result<(), String> {
    println!("\nA model and photos for the tests");
    let error = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let photos = folder.join("photos");
    if photos.exists() {
        std::fs::remove_dir_all(&photos).map_err(error(&photos))?;
    }
    std::fs::create_dir_all(&photos).map_err(error(&photos))?;
    let model = folder.join("model.safetensors");
    let drawn = folder.join("drawn");
    if !model.is_file() {
        pictures::draw_set(&drawn, 2, 40)?;
        let out = folder.join("run");
        let words = ["--arch", "small", "--width", "0.35", "--size", "64", "--epochs", "12", "--batch", "16"];
        // One that was broken off may be there.
        let mut train = built::photonet()?;
        shell::run(train.args(["train", "--overwrite"]).arg(&drawn).args(words).arg("--out").arg(&out))?;
        std::fs::copy(out.join("best_model/model.safetensors"), &model).map_err(error(&model))?;
    }
    shell::run(built::example("odd_photos")?.arg(&photos))?;
    gather(&drawn, &photos, 2)?;
    if let Some(shared) = std::env::var_os("PHOTONET_SHARED") {
        gather(&Path::new(&shared).join("data/trashnet/images"), &photos, PHOTOS / CLASSES)?;
    } else {
        println!("  no development data (PHOTONET_SHARED): drawn pictures and odd formats only");
    }
    resize(folder, &photos)?;
    let expected = folder.join("expected.jsonl");
    let mut infer = built::photonet()?;
    infer.args(["infer", "--format", "json", "--logits", "--input-hash", "--device", "cpu", "--model"]);
    infer.arg(&model).arg(&photos);
    std::fs::write(&expected, shell::run_capturing(&mut infer)?).map_err(error(&expected))
}

/// Writes down what becomes of the photos of [`RESIZED`] with each way of resizing.
fn resize(folder: &Path, photos: &Path) -> Result<(), String> {
    let mut command = built::example("resized_photos")?;
    command.arg(folder.join("resized.json")).args(RESIZED.map(|name| photos.join(name)));
    shell::run(&mut command)
}

/// Copies some photos of each class's folder, evenly spread.
fn gather(classes: &Path, to: &Path, each: usize) -> Result<(), String> {
    let sorted = |folder: &Path| {
        let entries =
            std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.sort();
        Ok::<_, String>(paths)
    };
    for class in sorted(classes)?.iter().filter(|path| path.is_dir()) {
        let files: Vec<PathBuf> = sorted(class)?.into_iter().filter(|path| path.is_file()).collect();
        let count = each.min(files.len());
        for file in (0..count).map(|index| &files[index * files.len() / count]) {
            let Some(name) = file.file_name() else { continue };
            std::fs::copy(file, to.join(name)).map_err(|e| format!("cannot copy {}: {e}", file.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_are_named_exist() {
        let folder = shell::root().join("tests/browser");
        for name in ONCE.iter().chain(&IN_WEBKIT) {
            assert!(folder.join(format!("{name}.test.mjs")).is_file(), "{name}");
        }
        let count = |browser| test_files(&folder, browser).len();
        assert_eq!(count(Browser::Chromium), count(Browser::Firefox) + ONCE.len());
        assert_eq!(count(Browser::WebKit), IN_WEBKIT.len());
    }
}
