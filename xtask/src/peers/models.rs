//! The same networks for all engines: torchvision's with random weights, as ONNX and as Photonet's files, and a photo.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Context, Stop, create, write};
use crate::{pictures, shell};

/// The networks.
pub const NETWORKS: [&str; 2] = ["small", "large"];

/// What the peers' scripts import.
const PACKAGES: [&str; 7] =
    ["torch", "torchvision", "onnx", "onnxscript", "onnxruntime", "safetensors", "numpy"];

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Models {
    /// The Python that the peers' scripts run with.
    pub python: PathBuf,
    /// What `export_onnx.py` has written.
    pub onnx: PathBuf,
    /// `NAME.safetensors`, and `NAME.logits.json`, what the native program says of the photo.
    pub ours: PathBuf,
    /// A JPEG.
    pub photo: PathBuf,
}

impl Models {
    /// Makes what is missing, once for all sections: without a network that is long in failing as well.
    ///
    /// # Errors
    /// When the scripts or a Python environment cannot be had here, or a model cannot be made.
    pub fn prepare(context: &mut Context) -> Result<Self, Stop> {
        let models = context.models.take().unwrap_or_else(|| Self::make(context));
        context.models = Some(models.clone());
        models
    }

    fn make(context: &Context) -> Result<Self, Stop> {
        let script = context.script("export_onnx.py")?;
        let python = python(&context.folder.join("python"))?;
        println!("\nThe models");
        let onnx = context.folder.join("onnx");
        if !is_exported(&onnx) {
            shell::run(Command::new(&python).arg(&script).arg(&onnx))?;
        }
        let ours = context.folder.join("models");
        create(&ours)?;
        let photos = context.folder.join("photos");
        pictures::draw_set(&photos, 0, 1)?;
        let photo = photos.join("rings/rings_000.jpg");
        for network in NETWORKS {
            import(&context.photonet, &onnx, &ours, network, &photo)?;
        }
        Ok(Self { python, onnx, ours, photo })
    }
}

/// Whether every file is there that the scripts read.
fn is_exported(folder: &Path) -> bool {
    let of_network =
        |network| ["onnx", "safetensors", "logits.npy"].map(|end| format!("mobilenet_v3_{network}.{end}"));
    let files = NETWORKS.into_iter().flat_map(of_network).chain(["input.npy".to_string()]);
    files.map(|name| folder.join(name)).all(|path| path.is_file())
}

/// Makes our file of a network, and writes down the logits that it should give.
fn import(photonet: &Path, onnx: &Path, ours: &Path, network: &str, photo: &Path) -> Result<(), String> {
    let model = ours.join(format!("{network}.safetensors"));
    let weights = onnx.join(format!("mobilenet_v3_{network}.safetensors"));
    shell::run_capturing(Command::new(photonet).arg("import").arg(&weights).arg("--out").arg(&model))?;
    let mut infer = Command::new(photonet);
    infer
        .args(["infer", "--device", "cpu", "--logits", "--format", "json", "--model"])
        .arg(&model)
        .arg(photo);
    let said = shell::run_capturing(&mut infer)?;
    let logits =
        logits(&said).ok_or_else(|| format!("photonet infer has printed no logits, but:\n{said}"))?;
    write(&ours.join(format!("{network}.logits.json")), logits.to_string())
}

/// The logits in what `photonet infer --format json` says of one photo.
fn logits(line: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(line.trim()).ok()?;
    let logits = value.get_mut("logits")?.take();
    logits.as_array().is_some_and(|list| list.iter().all(Value::is_number)).then_some(logits)
}

/// A Python environment that has the packages; returns its interpreter.
fn python(folder: &Path) -> Result<PathBuf, Stop> {
    println!("\nPython, for the peers' scripts");
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let imports = format!("import {}", PACKAGES.join(", "));
    let has_all = || shell::ask(&interpreter.to_string_lossy(), &["-c", &imports]).is_some();
    if has_all() {
        println!("  {} has all that is needed", interpreter.display());
        return Ok(interpreter);
    }
    println!("  installing {} to {}: several GB, most of it torch", PACKAGES.join(", "), folder.display());
    let made = Command::new("python3").args(["-m", "venv"]).arg(folder).status();
    if !made.is_ok_and(|status| status.success()) {
        return Err(Stop::Missing(
            "`python3 -m venv` does not work here: install Python 3 with its module venv (on Debian python3-venv)".into(),
        ));
    }
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--disable-pip-version-check"]).args(PACKAGES);
    if let Err(message) = shell::run(&mut install) {
        return Err(Stop::Missing(format!(
            "the peers' Python packages cannot be installed here ({message}); with a network try again, or put an environment \
             that has them at {}",
            folder.display()
        )));
    }
    if has_all() {
        return Ok(interpreter);
    }
    Err(Stop::Missing(format!(
        "the Python packages are installed, but `{imports}` fails with {}: run it to see why, or remove {}",
        interpreter.display(),
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_found() {
        let line =
            r#"{"file":"a.jpg","top":[{"index":3,"label":"x","probability":0.5}],"logits":[0.75,-1.5e-3,2]}"#;
        assert_eq!(logits(line).map(|list| list.to_string()).as_deref(), Some("[0.75,-0.0015,2]"));
        assert_eq!(logits(r#"{"file":"a.jpg","top":[]}"#), None);
        assert_eq!(logits(r#"{"logits":[null]}"#), None);
        assert_eq!(logits("error"), None);
    }

    #[test]
    fn an_export_is_whole_or_made_again() {
        let folder = std::env::temp_dir().join(format!("xtask-onnx-{}", std::process::id()));
        create(&folder).unwrap();
        assert!(!is_exported(&folder));
        for network in NETWORKS {
            for end in ["onnx", "safetensors", "logits.npy"] {
                write(&folder.join(format!("mobilenet_v3_{network}.{end}")), "").unwrap();
            }
        }
        assert!(!is_exported(&folder));
        write(&folder.join("input.npy"), "").unwrap();
        assert!(is_exported(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
