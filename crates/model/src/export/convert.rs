//! From one family's network to another's, where they compute the same.

use super::ExportError;
use crate::layers::{Block, Layers};
use crate::{Architecture, Family, Model, Naming, Switches, Weights};

/// The network that `naming`'s project would load the weights into, and the weights for it.
pub(super) fn convert(model: &Model, naming: Naming) -> Result<(Architecture, Weights), ExportError> {
    let source = &model.architecture;
    if Naming::of(source.family) == naming {
        return Ok((source.clone(), model.weights.clone()));
    }
    let family = match naming {
        Naming::Paddle => Family::Paddle,
        Naming::Torchvision => Family::Torchvision,
        Naming::Timm => Family::Timm,
    };
    let switches = Switches { minimal: source.switches.minimal, ..Switches::of(family) };
    let target = Architecture { family, switches, ..source.clone() };
    let reasons = differences(source, &target);
    if !reasons.is_empty() {
        return Err(ExportError::Lossy { from: source.to_string(), to: family.to_string(), reasons });
    }
    let weights = with_epsilon(&model.weights, source.switches.bn_epsilon, switches.bn_epsilon);
    Ok((target, weights))
}

/// A property of a block in words.
type OfBlock = fn(&Block) -> String;

/// In what two networks differ that no change of weights makes up for.
fn differences(source: &Architecture, target: &Architecture) -> Vec<String> {
    let (a, b) = (&source.switches, &target.switches);
    let (from, to) = (Layers::new(source), Layers::new(target));
    let mut reasons = Vec::new();
    let mut differ = |what: &str, source: String, target: String| {
        if source != target {
            reasons.push(format!("{what} is {source} here and {target} there"));
        }
    };
    let padding = |s: &Switches| if s.same_padding { "SAME" } else { "symmetric" }.to_string();
    differ("the padding", padding(a), padding(b));
    differ("the slope of the squeeze-excite gate", a.gate_slope.to_string(), b.gate_slope.to_string());
    differ("the kind", kind(a), if target.family == Family::Timm { kind(b) } else { "full".into() });
    differ("the stem's width", from.stem.outputs.to_string(), to.stem.outputs.to_string());
    let of_block: [(&str, OfBlock); 4] = [
        ("whether there is an expansion in block", |b| if b.expand.is_some() { "yes" } else { "no" }.into()),
        ("the expanded width of block", |b| b.depthwise.outputs.to_string()),
        ("the output of block", |b| b.project.outputs.to_string()),
        ("the width of squeeze-excite in block", |b| b.squeeze.map_or("-".into(), |s| s.to_string())),
    ];
    for (what, of) in of_block {
        // The first block that differs says it; which others do is more than anybody reads.
        let pairs = from.blocks.iter().zip(&to.blocks).map(|(a, b)| (of(a), of(b)));
        if let Some((block, (a, b))) = pairs.enumerate().find(|(_, (a, b))| a != b) {
            differ(&format!("{what} {block}"), a, b);
        }
    }
    differ("the number of blocks", from.blocks.len().to_string(), to.blocks.len().to_string());
    differ("the last convolution's width", from.last.outputs.to_string(), to.last.outputs.to_string());
    differ("the head's width", from.head.to_string(), to.head.to_string());
    let bias = |s: &Switches| if s.head_bias { "present" } else { "missing" }.to_string();
    differ("the head's bias", bias(a), bias(b));
    reasons
}

fn kind(switches: &Switches) -> String {
    if switches.minimal { "minimal" } else { "full" }.into()
}

/// Weights that do with `target` epsilon what they did with `source`, up to rounding: batch normalisation
/// divides by `sqrt(variance + epsilon)`, so its scale makes up for another epsilon exactly.
fn with_epsilon(weights: &Weights, source: f32, target: f32) -> Weights {
    let mut converted = weights.clone();
    if source == target {
        return converted;
    }
    for (name, tensor) in &mut converted.tensors {
        let Some(unit) = name.strip_suffix(".bn.weight") else { continue };
        let Some(variance) = weights.get(&format!("{unit}.bn.running_var")) else { continue };
        for (scale, variance) in tensor.data.iter_mut().zip(&variance.data) {
            let deviation = |epsilon: f32| (f64::from(*variance) + f64::from(epsilon)).sqrt();
            *scale = (f64::from(*scale) * deviation(target) / deviation(source)) as f32;
        }
    }
    converted
}
