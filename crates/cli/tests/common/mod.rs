//! Runs the `photonet` program on small pictures that are drawn here.

// Each test binary uses a part of this module.
#![expect(dead_code, reason = "shared between test binaries, each of which uses a part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
#[cfg(unix)]
use std::time::{Duration, Instant};

use image::{ImageBuffer, Rgb};
use tempfile::TempDir;

/// A network and batches so small that an epoch takes about a second in software.
pub const TINY: [&str; 6] = ["--size", "32", "--width", "0.35", "--batch", "8"];

/// How a run of the program ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Everything it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// The run, if it succeeded.
    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, Some(0), "{}", self.said());
        self
    }

    /// The error text of a run that must have ended with exit code 1, a message and no panic.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{}", self.said());
        assert!(self.err.starts_with("photonet: ") || self.err.contains("\nphotonet: "), "{}", self.said());
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    /// Standard output as one JSON object.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.said()))
    }

    /// Standard output as one JSON object a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// The program, to be started in `folder`.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photonet"));
    command.current_dir(folder).stdin(Stdio::null());
    // Not the user's own caches.
    command.env("PHOTONET_CACHE", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the program in `folder`, with arguments separated by blanks.
pub fn run(folder: &Path, arguments: &str) -> Ran {
    let output = program(folder).args(arguments.split_whitespace()).output();
    Ran::of(output.expect("the program can be started"))
}

/// Runs `photonet train` with [`TINY`] and more arguments.
pub fn train(folder: &Path, arguments: &str) -> Ran {
    run(folder, &format!("train {} {arguments}", TINY.join(" ")))
}

/// Runs `photonet train` as [`train`] does, with its output in `out`, and interrupts it once its log says `words`.
#[cfg(unix)]
pub fn interrupted(folder: &Path, arguments: &str, out: &str, words: &str) -> Ran {
    let mut child = program(folder)
        .args(["train"].iter().chain(&TINY))
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let start = Instant::now();
    let log = folder.join(out).join("train.log");
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains(words)) {
        assert!(start.elapsed() < Duration::from_secs(120), "training does not get to {words}");
        if child.try_wait().expect("it is a child").is_some() {
            let ended = Ran::of(child.wait_with_output().expect("the output can be read"));
            panic!("training ended by itself: {}", ended.said());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.expect("`kill` can be started").success());
    Ran::of(child.wait_with_output().expect("the output can be read"))
}

/// A text with its paths as they are anywhere but on Windows.
pub fn slashes(text: &str) -> String {
    if cfg!(windows) { text.replace('\\', "/") } else { text.into() }
}

/// All of `words` stand in `text`, whatever stands between the names of a path.
#[track_caller]
pub fn says(text: &str, words: &[&str]) {
    let text = slashes(text);
    for word in words {
        assert!(text.contains(&slashes(word)), "no {word:?} in: {text}");
    }
}

/// A picture of one colour with a slope, different for each `number`.
pub fn picture(class: usize, number: u32) -> ImageBuffer<Rgb<u8>, Vec<u8>> {
    ImageBuffer::from_fn(40, 40, |x, y| {
        let mut channels = [40 + number as u8 * 3, 60, 50];
        channels[class] = 150 + (x * (number + 3) % 60) as u8 + (y * 7 % 40) as u8;
        Rgb(channels)
    })
}

pub const CLASSES: [&str; 3] = ["blue sky", "grass", "ümlaut"];

/// Fills `folder` with a sub-folder of PNG and JPEG pictures for each of the first `classes` classes.
pub fn draw(folder: &Path, classes: usize, each: u32) {
    for (class, name) in CLASSES.iter().enumerate().take(classes) {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for number in 0..each {
            let ending = if number % 2 == 0 { "png" } else { "jpg" };
            let path = folder.join(format!("{number:02}.{ending}"));
            picture(class, number).save(path).expect("a picture can be written");
        }
    }
}

/// A new folder with `photos/` in it: 3 classes of 10 pictures, of which 24 are trained on in
/// 3 steps an epoch.
pub fn workplace() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    draw(&folder.path().join("photos"), 3, 10);
    folder
}

/// The folder of the development data; none, with a word of it, where the environment names none.
pub fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("PHOTONET_SHARED").map(PathBuf::from);
    if shared.is_none() {
        println!("skipped: PHOTONET_SHARED does not name the development data");
    }
    shared
}

/// A folder with `photos/` and a finished run of two epochs in `out/`, made once for each test binary.
pub fn trained() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = workplace();
        train(folder.path(), "photos --epochs 2 --out out").ok();
        folder
    });
    folder.path()
}

/// A copy of [`trained`] that may be damaged.
pub fn copy_of_trained() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(trained(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be listed") {
        let entry = entry.expect("the folder can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// All files below a folder, with their contents, sorted.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("the file can be read");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// No temporary file or half checkpoint is left below `folder`.
#[track_caller]
pub fn no_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(![".tmp", ".new", ".old"].iter().any(|e| name.ends_with(e)), "left over: {}", path.display());
        if path.is_dir() {
            no_leftovers(&path);
        }
    }
}

/// The tensor bytes of a `.safetensors` file, without the header and its metadata.
#[track_caller]
pub fn tensors(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let tensors = bytes[8 + header..].to_vec();
    assert!(tensors.len() > 100_000, "{} holds only {} bytes", path.display(), tensors.len());
    tensors
}

/// Every value of a `.safetensors` file is finite.
pub fn finite(path: &Path) -> bool {
    tensors(path).chunks_exact(4).all(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite())
}

/// Two checkpoints hold the same bits in weights and velocity.
#[track_caller]
pub fn same_bits(a: &Path, b: &Path) {
    for name in ["model.safetensors", "optimiser.safetensors"] {
        assert!(tensors(&a.join(name)) == tensors(&b.join(name)), "{name} differs: {a:?} and {b:?}");
    }
}

/// A checkpoint's `state.json`.
#[track_caller]
pub fn state(folder: &Path) -> serde_json::Value {
    let text = fs::read_to_string(folder.join("state.json")).expect("the state can be read");
    serde_json::from_str(&text).expect("the state is JSON")
}
