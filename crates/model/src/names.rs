//! The names and shapes of PaddleClas, torchvision and timm for the same tensors.

use crate::layers::Layers;
use crate::{Architecture, Family, ParameterKind, ParameterSpec, Variant};
use serde::{Deserialize, Serialize};

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// PaddleClas's state dictionaries.
    Paddle,
    /// torchvision's state dictionaries.
    Torchvision,
    /// timm's state dictionaries.
    Timm,
}

impl Naming {
    /// The names that a family's weights are published under.
    pub fn of(family: Family) -> Self {
        match family {
            Family::Paddle => Self::Paddle,
            Family::Torchvision => Self::Torchvision,
            Family::Timm | Family::TimmTf => Self::Timm,
        }
    }

    /// The shape of a parameter in that project's files.
    pub fn shape(self, spec: &ParameterSpec) -> Vec<usize> {
        match (self, spec.shape.as_slice()) {
            // A linear layer there, a 1x1 convolution here and in the others.
            (Self::Torchvision, [outputs, inputs, 1, 1]) if spec.name == "head.weight" => {
                vec![*outputs, *inputs]
            }
            (Self::Paddle, [outputs, inputs]) => vec![*inputs, *outputs],
            (_, shape) => shape.to_vec(),
        }
    }

    /// Whether that project stores a parameter transposed: PaddlePaddle keeps linear weights as
    /// `[inputs][outputs]`.
    pub fn transposes(self, spec: &ParameterSpec) -> bool {
        self == Self::Paddle && spec.kind == ParameterKind::Linear
    }
}

/// The name of tensor `name` (as in [`ParameterLayout`](crate::ParameterLayout)) in another project.
///
/// Returns `None` where that project's network has no such tensor.
pub fn external_name(architecture: &Architecture, naming: Naming, name: &str) -> Option<String> {
    external(architecture.variant, &Layers::new(architecture), naming, name)
}

/// The names of many tensors, in order, without working out the layers for each.
pub(crate) fn external_names<'a>(
    architecture: &Architecture,
    naming: Naming,
    specs: impl IntoIterator<Item = &'a ParameterSpec>,
) -> Vec<Option<String>> {
    let layers = Layers::new(architecture);
    specs.into_iter().map(|spec| external(architecture.variant, &layers, naming, &spec.name)).collect()
}

fn external(variant: Variant, layers: &Layers, naming: Naming, name: &str) -> Option<String> {
    match naming {
        Naming::Paddle => paddle(name),
        Naming::Torchvision => torchvision(variant, layers, name),
        Naming::Timm => timm(variant, layers, name),
    }
}

fn paddle(name: &str) -> Option<String> {
    let (prefix, rest) = split_block(name);
    let module = match rest.split('.').next()? {
        "stem" => "conv",
        "expand" => "expand_conv",
        "depthwise" => "bottleneck_conv",
        "project" => "linear_conv",
        "last" => "last_second_conv",
        "head" => "last_conv",
        "classifier" => "fc",
        "squeeze" => {
            let rest =
                rest.replace("squeeze.reduce", "mid_se.conv1").replace("squeeze.expand", "mid_se.conv2");
            return Some(format!("{prefix}{rest}"));
        }
        _ => return None,
    };
    let tail = rest.split_once('.')?.1.replace("running_mean", "_mean").replace("running_var", "_variance");
    Some(format!("{prefix}{module}.{tail}"))
}

fn torchvision(variant: Variant, layers: &Layers, name: &str) -> Option<String> {
    let features = match variant {
        Variant::Large => 16,
        Variant::Small => 12,
    };
    let (prefix, rest) = split_block(name);
    let (module, tail) = rest.split_once('.')?;
    // Inside a convolution unit, 0 is the convolution and 1 its normalisation.
    let unit = |place: String| {
        let (part, leaf) = tail.split_once('.')?;
        let number = if part == "conv" { 0 } else { 1 };
        Some(format!("{place}.{number}.{leaf}"))
    };
    let Some(index) =
        prefix.strip_prefix("blocks.").and_then(|p| p.trim_end_matches('.').parse::<usize>().ok())
    else {
        return match module {
            "stem" => unit("features.0".into()),
            "last" => unit(format!("features.{features}")),
            "head" => Some(format!("classifier.0.{tail}")),
            "classifier" => Some(format!("classifier.3.{tail}")),
            _ => None,
        };
    };
    let block = layers.blocks.get(index)?;
    let depthwise = usize::from(block.expand.is_some());
    let squeeze = depthwise + 1;
    let project = squeeze + usize::from(block.squeeze.is_some());
    let place = |number: usize| format!("features.{}.block.{number}", index + 1);
    match module {
        "expand" => unit(place(0)),
        "depthwise" => unit(place(depthwise)),
        "project" => unit(place(project)),
        "squeeze" => {
            let tail = tail.replace("reduce", "fc1").replace("expand", "fc2");
            Some(format!("{}.{tail}", place(squeeze)))
        }
        _ => None,
    }
}

/// The first block of each stage, in which timm groups blocks.
fn stages(variant: Variant) -> &'static [usize] {
    match variant {
        Variant::Large => &[0, 1, 3, 6, 10, 12],
        Variant::Small => &[0, 1, 3, 6, 8],
    }
}

fn timm(variant: Variant, layers: &Layers, name: &str) -> Option<String> {
    let (prefix, rest) = split_block(name);
    let (module, tail) = rest.split_once('.')?;
    // A unit's convolution and its normalisation are siblings with names of their own.
    let unit = |place: &str, convolution: &str, norm: usize| {
        let (part, leaf) = tail.split_once('.')?;
        let member = if part == "conv" { convolution.to_string() } else { format!("bn{norm}") };
        Some(format!("{place}{member}.{leaf}"))
    };
    let Some(index) =
        prefix.strip_prefix("blocks.").and_then(|p| p.trim_end_matches('.').parse::<usize>().ok())
    else {
        return match module {
            "stem" => unit("", "conv_stem", 1),
            // The last convolution is a stage of one block.
            "last" => unit(&format!("blocks.{}.0.", stages(variant).len()), "conv", 1),
            "head" => Some(format!("conv_head.{tail}")),
            "classifier" => Some(format!("classifier.{tail}")),
            _ => None,
        };
    };
    let block = layers.blocks.get(index)?;
    let stage = stages(variant).iter().rposition(|first| *first <= index)?;
    let place = format!("blocks.{stage}.{}.", index - stages(variant)[stage]);
    // Without an expanding convolution it is another kind of block there, which projects with `conv_pw`.
    let expands = usize::from(block.expand.is_some());
    match module {
        "expand" => unit(&place, "conv_pw", 1),
        "depthwise" => unit(&place, "conv_dw", expands + 1),
        "project" => unit(&place, if expands == 1 { "conv_pwl" } else { "conv_pw" }, expands + 2),
        "squeeze" => {
            let tail = tail.replace("reduce", "conv_reduce").replace("expand", "conv_expand");
            Some(format!("{place}se.{tail}"))
        }
        _ => None,
    }
}

/// `blocks.3.expand.conv.weight` to (`blocks.3.`, `expand.conv.weight`); other names have no prefix.
fn split_block(name: &str) -> (&str, &str) {
    let end = name.strip_prefix("blocks.").and_then(|r| r.find('.')).map_or(0, |at| "blocks.".len() + at + 1);
    name.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn names_of_all_projects() {
        let small = Architecture::new(Family::Torchvision, Variant::Small, 1.0, 10).unwrap();
        let large = Architecture::new(Family::Torchvision, Variant::Large, 1.0, 10).unwrap();
        for (architecture, name, expected) in [
            (&small, "stem.conv.weight", "features.0.0.weight"),
            (&small, "blocks.0.depthwise.bn.bias", "features.1.block.0.1.bias"),
            (&small, "blocks.0.squeeze.reduce.weight", "features.1.block.1.fc1.weight"),
            (&small, "blocks.0.project.conv.weight", "features.1.block.2.0.weight"),
            (&small, "blocks.1.project.bn.running_var", "features.2.block.2.1.running_var"),
            (&small, "last.bn.weight", "features.12.1.weight"),
            (&large, "blocks.0.project.conv.weight", "features.1.block.1.0.weight"),
            (&large, "blocks.3.squeeze.expand.bias", "features.4.block.2.fc2.bias"),
            (&large, "last.conv.weight", "features.16.0.weight"),
            (&large, "head.bias", "classifier.0.bias"),
            (&large, "classifier.weight", "classifier.3.weight"),
        ] {
            assert_eq!(external_name(architecture, Naming::Torchvision, name).as_deref(), Some(expected));
        }
        for (architecture, name, expected) in [
            (&small, "stem.conv.weight", "conv_stem.weight"),
            (&small, "stem.bn.running_var", "bn1.running_var"),
            (&small, "blocks.0.depthwise.bn.bias", "blocks.0.0.bn1.bias"),
            (&small, "blocks.0.project.conv.weight", "blocks.0.0.conv_pw.weight"),
            (&small, "blocks.0.project.bn.weight", "blocks.0.0.bn2.weight"),
            (&small, "blocks.4.expand.conv.weight", "blocks.2.1.conv_pw.weight"),
            (&small, "blocks.7.squeeze.reduce.bias", "blocks.3.1.se.conv_reduce.bias"),
            (&small, "blocks.10.project.conv.weight", "blocks.4.2.conv_pwl.weight"),
            (&small, "last.bn.weight", "blocks.5.0.bn1.weight"),
            (&large, "blocks.9.depthwise.conv.weight", "blocks.3.3.conv_dw.weight"),
            (&large, "blocks.12.project.bn.bias", "blocks.5.0.bn3.bias"),
            (&large, "last.conv.weight", "blocks.6.0.conv.weight"),
            (&large, "head.weight", "conv_head.weight"),
            (&large, "classifier.bias", "classifier.bias"),
        ] {
            assert_eq!(external_name(architecture, Naming::Timm, name).as_deref(), Some(expected));
        }
        for (name, expected) in [
            ("stem.conv.weight", "conv.conv.weight"),
            ("stem.bn.running_mean", "conv.bn._mean"),
            ("blocks.10.squeeze.reduce.bias", "blocks.10.mid_se.conv1.bias"),
            ("blocks.1.depthwise.bn.running_var", "blocks.1.bottleneck_conv.bn._variance"),
            ("last.conv.weight", "last_second_conv.conv.weight"),
            ("head.weight", "last_conv.weight"),
            ("classifier.bias", "fc.bias"),
        ] {
            assert_eq!(external_name(&small, Naming::Paddle, name).as_deref(), Some(expected));
        }
    }
}
