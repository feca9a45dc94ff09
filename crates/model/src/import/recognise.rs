//! Which network a file's tensors belong to, from their names and shapes.

use super::known::Known;
use super::{ImportError, ImportOptions};
use crate::names::external_names;
use crate::{Architecture, Family, Naming, ParameterLayout, ParameterSpec, Variant};
use photonet_weights::TensorFile;

/// Widths that are published; tried first, since other widths can round to the same channels.
const PUBLISHED_WIDTHS: [f64; 5] = [1.0, 0.75, 0.5, 0.35, 1.25];

/// A network that was recognised, and what was taken for granted.
pub(super) struct Recognised {
    pub(super) architecture: Architecture,
    pub(super) naming: Naming,
    pub(super) notes: Vec<String>,
}

/// The parameters of a network with their names in another project.
pub(super) fn named(architecture: &Architecture, naming: Naming) -> Vec<(ParameterSpec, String)> {
    let layout = ParameterLayout::new(architecture);
    let names = external_names(architecture, naming, layout.all());
    layout.all().cloned().zip(names).filter_map(|(spec, name)| Some((spec, name?))).collect()
}

/// Recognises the network of a file.
pub(super) fn recognise(file: &TensorFile, options: &ImportOptions) -> Result<Recognised, ImportError> {
    let mut notes = Vec::new();
    let mut template = match options.arch.as_deref() {
        Some(name) => template(&Known::parse(name)?)?,
        None => by_names(file)?,
    };
    let naming = Naming::of(template.family);
    if options.arch.is_none() && naming == Naming::Timm {
        choose_timm(file, options, &mut template, &mut notes);
    }
    template.classes = classes(file, naming, &template, options)?;
    let given = options.arch.as_deref().and_then(|name| Known::parse(name).ok()?.width);
    template.width = given.unwrap_or_else(|| width(file, naming, &template));
    Ok(Recognised { architecture: template, naming, notes })
}

fn template(known: &Known) -> Result<Architecture, ImportError> {
    let architecture = Architecture::new(known.family, known.variant, known.width.unwrap_or(1.0), 1)?;
    Ok(if known.minimal { architecture.minimal() } else { architecture })
}

/// The network whose names fit best: most of them are there, fewest are missing.
fn by_names(file: &TensorFile) -> Result<Architecture, ImportError> {
    let mut best: Option<(usize, usize, Architecture)> = None;
    for family in [Family::Paddle, Family::Torchvision, Family::Timm] {
        for variant in [Variant::Large, Variant::Small] {
            let whole = Architecture::new(family, variant, 1.0, 1)?;
            let minimal = (family == Family::Timm).then(|| whole.clone().minimal());
            for candidate in [Some(whole), minimal].into_iter().flatten() {
                let names = named(&candidate, Naming::of(family));
                let found = names.iter().filter(|(_, name)| file.tensors.contains_key(name)).count();
                let missing = names.len() - found;
                // `found - missing` without negative numbers.
                let better = best.as_ref().is_none_or(|(f, m, _)| found + m > f + missing);
                if better {
                    best = Some((found, missing, candidate));
                }
            }
        }
    }
    match best {
        Some((found, missing, architecture)) if found > missing => Ok(architecture),
        _ => Err(another_network(file)),
    }
}

fn another_network(file: &TensorFile) -> ImportError {
    if file.metadata.contains_key("architecture") && file.tensors.contains_key("stem.conv.weight") {
        return ImportError::AlreadyPhotonet;
    }
    let has = |name: &str| file.tensors.contains_key(name);
    let looks_like = if has("layer1.0.conv1.weight") {
        " It looks like a ResNet."
    } else if has("features.0.0.weight") && has("features.1.conv.0.0.weight") {
        " It looks like torchvision's MobileNetV2."
    } else if has("blocks.0.0.se.conv_reduce.weight") || has("_conv_stem.weight") {
        " It looks like an EfficientNet or another network of its kind."
    } else {
        ""
    };
    let examples: Vec<&str> = file.tensors.keys().take(4).map(String::as_str).collect();
    ImportError::AnotherNetwork { count: file.tensors.len(), examples: examples.join(", "), looks_like }
}

/// timm's own networks and those from TensorFlow have the same names and shapes; only a name tells.
fn choose_timm(
    file: &TensorFile,
    options: &ImportOptions,
    template: &mut Architecture,
    notes: &mut Vec<String>,
) {
    let sources = [
        ("the file's metadata", file.metadata.get("architecture").map(String::as_str)),
        ("the file's name", Some(options.file_name.as_str())),
    ];
    let hint = sources.iter().find_map(|(source, text)| Some((*source, Known::find((*text)?)?.family)));
    let (family, reason) = match hint {
        Some((source, Family::TimmTf)) => (Family::TimmTf, format!("as {source} says")),
        None if template.switches.minimal => {
            (Family::TimmTf, "since only TensorFlow's minimal networks are published".into())
        }
        Some((source, Family::Timm)) => (Family::Timm, format!("as {source} says")),
        _ => (
            Family::Timm,
            "which names and shapes cannot tell: if it is one of timm's tf_ models, say so with --arch"
                .into(),
        ),
    };
    let minimal = template.switches.minimal;
    template.family = family;
    template.switches = crate::Switches { minimal, ..crate::Switches::of(family) };
    let kind = if family == Family::TimmTf { "one of timm's tf_ models" } else { "one of timm's own models" };
    notes.push(format!("taken for {kind}, {reason}"));
}

/// Classes, from the classifier.
fn classes(
    file: &TensorFile,
    naming: Naming,
    template: &Architecture,
    options: &ImportOptions,
) -> Result<usize, ImportError> {
    let layout = ParameterLayout::new(template);
    let bias = layout.parameter("classifier.bias").and_then(|spec| {
        let name = external_names(template, naming, [spec]).remove(0)?;
        file.tensors.get(&name)
    });
    match (bias.map(|t| t.shape.as_slice()), &options.labels) {
        (Some(&[classes]), _) if classes > 0 => Ok(classes),
        (_, Some(labels)) if options.allow_partial => Ok(labels.len()),
        (None, _) if options.allow_partial => Err(ImportError::NoClassifier),
        // The report will name the classifier as missing, whatever is assumed here.
        _ => Ok(1000),
    }
}

/// The width at which most shapes fit.
fn width(file: &TensorFile, naming: Naming, template: &Architecture) -> f64 {
    let shape_of = |name: &str| {
        let external = crate::external_name(template, naming, name)?;
        file.tensors.get(&external).map(|t| t.shape.as_slice())
    };
    let outputs = |name: &str| shape_of(name).and_then(|s| s.first().copied());
    let (stem, last) = (outputs("stem.conv.weight"), outputs("last.conv.weight"));
    let at = |width: f64| Architecture { width, ..template.clone() };
    let mismatches = |width: f64| {
        let fits = |(spec, name): &(ParameterSpec, String)| {
            file.tensors.get(name).is_some_and(|t| t.shape == naming.shape(spec))
        };
        let names = named(&at(width), naming);
        names.iter().filter(|n| !fits(n)).count()
    };
    // Steps of a hundredth before those of a thousandth, so that a round width is found first.
    let scan = (5..=800).map(|n| f64::from(n) / 100.0).chain((50..=8000).map(|n| f64::from(n) / 1000.0));
    let mut best = (usize::MAX, 1.0);
    for width in PUBLISHED_WIDTHS.into_iter().chain(scan) {
        let layers = crate::Layers::new(&at(width));
        let plausible = Some(layers.stem.outputs) == stem && Some(layers.last.outputs) == last;
        if !plausible && !PUBLISHED_WIDTHS.contains(&width) {
            continue;
        }
        let wrong = mismatches(width);
        if wrong < best.0 {
            best = (wrong, width);
        }
        if wrong == 0 {
            break;
        }
    }
    best.1
}
