//! The names of PaddleClas and torchvision for the same tensors.

use crate::layers::Layers;
use crate::{Architecture, Variant};

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// PaddleClas's state dictionaries.
    Paddle,
    /// torchvision's state dictionaries.
    Torchvision,
}

/// The name of tensor `name` (as in [`ParameterLayout`](crate::ParameterLayout)) in another project.
///
/// Returns `None` where that project's network has no such tensor.
pub fn external_name(architecture: &Architecture, naming: Naming, name: &str) -> Option<String> {
    match naming {
        Naming::Paddle => paddle(name),
        Naming::Torchvision => torchvision(architecture, name),
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

fn torchvision(architecture: &Architecture, name: &str) -> Option<String> {
    let layers = Layers::new(architecture);
    let features = match architecture.variant {
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
    fn names_of_both_projects() {
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
