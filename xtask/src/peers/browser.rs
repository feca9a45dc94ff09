//! The page's engine in Chromium beside onnxruntime-web and TensorFlow.js, by `benches/browser.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::models::{Models, NETWORKS};
use super::report::{Comparison, Sample};
use super::rows::Line;
use super::{Context, Part, Stop, create, write};
use crate::setup::Browser;
use crate::{npm, setup, shell, web};

const OURS: &str = "photonet-webgpu";
const OURS_CPU: &str = "photonet-cpu";
const ORT: &[&str] = &["ort-webgpu", "ort-webgpu-jspi"];
const TFJS: &[&str] = &["tfjs-cdn", "tfjs-bundle"];
const ORT_WASM: &[&str] = &["ort-wasm"];

/// Timed runs of ours in a page; the others take long.
const RUNS: &str = "20";
const PEER_RUNS: &str = "10";

/// Measures WebGPU.
///
/// # Errors
/// When the peers, node or Chromium cannot be had here, or ours fails.
pub fn webgpu(context: &mut Context) -> Result<Vec<Comparison>, Stop> {
    measure(context, Part::Browser, "webgpu", &[ORT, TFJS].concat())?;
    let of_network = |network| {
        let compare =
            |state, peers, at_most| Comparison { work: work(network, state), ours: OURS, peers, at_most };
        [
            compare("warm", ORT, Some(0.5)),
            compare("warm", TFJS, Some(0.5)),
            compare("cold", ORT, Some(0.25)),
            compare("cold", TFJS, None),
        ]
    };
    Ok(NETWORKS.into_iter().flat_map(of_network).collect())
}

/// Measures the processor.
///
/// # Errors
/// As [`webgpu`].
pub fn processor(context: &mut Context) -> Result<Vec<Comparison>, Stop> {
    measure(context, Part::Cpu, "cpu", ORT_WASM)?;
    let of_network = |network| {
        let compare = |state, at_most| Comparison {
            work: work(network, state),
            ours: OURS_CPU,
            peers: ORT_WASM,
            at_most,
        };
        [compare("warm", Some(1.5)), compare("cold", None)]
    };
    Ok(NETWORKS.into_iter().flat_map(of_network).collect())
}

fn work(network: &str, state: &str) -> String {
    format!("{network} in a page, {state}")
}

fn measure(context: &mut Context, part: Part, backend: &str, peers: &[&str]) -> Result<(), Stop> {
    let page = Page::prepare(context)?;
    for round in 1..=context.rounds {
        for line in page.round(backend, peers)? {
            for (state, ms) in [("warm", line.median_ms), ("cold", line.cold_ms)] {
                // An engine that fails has none, and says why in its line.
                let Some(ms) = ms else { continue };
                let (work, side) = (work(&line.model, state), line.peer.clone());
                context.record.add(Sample { part, work, side, round, ms, adapter: line.adapter.clone() })?;
            }
        }
    }
    Ok(())
}

/// All that it takes.
struct Page {
    chromium: PathBuf,
    models: Models,
    /// The script that measures the others, the modules that it loads, and a folder for what it bundles.
    script: PathBuf,
    modules: PathBuf,
    bundles: PathBuf,
}

impl Page {
    fn prepare(context: &mut Context) -> Result<Self, Stop> {
        let script = context.script("web/run.mjs")?;
        let package = context.script("web/package.json")?;
        if !setup::node("the browser's part") {
            return Err(Stop::Missing("node and npm are missing: install them, and run this again".into()));
        }
        let Some(chromium) = setup::browser(Browser::Chromium) else {
            return Err(Stop::Missing(
                "there is no Chromium: install it, or name one by PHOTONET_CHROMIUM".into(),
            ));
        };
        let models = Models::prepare(context)?;
        let folder = context.folder.join("web");
        println!("\nThe peers' packages");
        let modules = modules(&folder, &package)?;
        npm::install(&shell::root().join("tests/browser")).map_err(no_packages)?;
        web::build()?;
        Ok(Self { chromium, models, script, modules, bundles: folder.join("build") })
    }

    /// Measures everything once, each load in a fresh browser.
    fn round(&self, backend: &str, peers: &[&str]) -> Result<Vec<Line>, String> {
        let mut others = Command::new("node");
        others.arg(&self.script).args(["--model", "{model}", "--cold", "1", "--runs", PEER_RUNS]);
        others.args(["--peer", &peers.join(",")]).arg("--chrome").arg(&self.chromium);
        others.arg("--models").arg(&self.models.onnx).arg("--nm").arg(&self.modules);
        others.arg("--build").arg(&self.bundles);

        let mut command = Command::new("node");
        command.current_dir(shell::root()).arg("benches/browser.mjs");
        command.args(["--backend", backend, "--cold", "1", "--runs", RUNS]);
        command.arg("--models").arg(&self.models.ours).arg("--photo").arg(&self.models.photo);
        command.args(["--peers", &shell::shown(&others)]);
        command.env("PHOTONET_BROWSER", Browser::Chromium.name());
        command.envs(Browser::Chromium.variable().map(|variable| (variable, &self.chromium)));
        let mut lines = Vec::new();
        shell::run_watching(&mut command, |line| lines.extend(Line::read(line)))?;
        Ok(lines)
    }
}

/// The packages that the peers' page loads, in a copy of its folder: the scripts' own may be read-only.
fn modules(folder: &Path, package: &Path) -> Result<PathBuf, Stop> {
    create(folder)?;
    let wanted =
        std::fs::read(package).map_err(|error| format!("cannot read {}: {error}", package.display()))?;
    let copy = folder.join("package.json");
    // Written only when it changes, since its time says whether the packages are those it asks for.
    if std::fs::read(&copy).ok().as_ref() != Some(&wanted) {
        write(&copy, &wanted)?;
    }
    npm::resolve(folder).map_err(no_packages)?;
    Ok(folder.join("node_modules"))
}

fn no_packages(message: String) -> Stop {
    Stop::Missing(format!("npm cannot install what this needs ({message}); with a network try again"))
}
