//! Which parts of a network learn, and how fast.

use std::fmt;
use std::str::FromStr;

/// The part that keeps its weights and running statistics as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frozen {
    /// Nothing: everything learns.
    #[default]
    Nothing,
    /// The stem and this many blocks, counted from the input.
    Blocks(usize),
    /// All but the classifier's two layers.
    Backbone,
}

/// How a network that starts from given weights learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// What does not learn.
    pub frozen: Frozen,
    /// Normalise by the running statistics in training too, and leave them as they are; scale and shift of
    /// the parts that learn still do.
    pub constant_statistics: bool,
    /// Learning rate of the classifier's two layers, in units of that of the rest.
    pub head_rate: f32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { frozen: Frozen::Nothing, constant_statistics: false, head_rate: 1.0 }
    }
}

impl Frozen {
    /// Whether the part with tensor or unit `name`, such as `blocks.3.expand`, keeps its weights.
    pub fn holds(self, name: &str) -> bool {
        let block = name.strip_prefix("blocks.").and_then(|rest| rest.split('.').next()?.parse().ok());
        match self {
            Self::Nothing => false,
            Self::Blocks(count) => block.map_or_else(|| name.starts_with("stem."), |b: usize| b < count),
            Self::Backbone => !is_head(name),
        }
    }
}

fn is_head(name: &str) -> bool {
    name.starts_with("head.") || name.starts_with("classifier.")
}

impl Tuning {
    /// Learning rate of the parameter `name` in units of the step's.
    pub fn rate(&self, name: &str) -> f32 {
        match (self.frozen.holds(name), is_head(name)) {
            (true, _) => 0.0,
            (false, true) => self.head_rate,
            (false, false) => 1.0,
        }
    }

    /// Whether the normalisation of unit `name` uses its running statistics in training.
    pub fn is_constant(&self, name: &str) -> bool {
        // A unit's own name has no dot at its end, which tells `stem` from other beginnings.
        self.constant_statistics || self.frozen.holds(&format!("{name}."))
    }
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Blocks(count) => write!(f, "{count}"),
            Self::Backbone => f.write_str("head"),
        }
    }
}

impl FromStr for Frozen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::Nothing),
            "head" => Ok(Self::Backbone),
            _ => text.parse().map(Self::Blocks).map_err(|_| {
                format!("`{text}` is no place to freeze until: use the number of a block, `head` or `none`")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_names() {
        for (frozen, name, holds) in [
            (Frozen::Nothing, "stem.conv.weight", false),
            (Frozen::Blocks(0), "stem.conv.weight", true),
            (Frozen::Blocks(2), "blocks.1.project.bn.bias", true),
            (Frozen::Blocks(2), "blocks.2.expand.conv.weight", false),
            (Frozen::Blocks(2), "blocks.10.squeeze.reduce.bias", false),
            (Frozen::Blocks(20), "last.conv.weight", false),
            (Frozen::Backbone, "last.bn.weight", true),
            (Frozen::Backbone, "head.weight", false),
            (Frozen::Backbone, "classifier.bias", false),
        ] {
            assert_eq!(frozen.holds(name), holds, "{frozen:?} {name}");
        }
    }

    #[test]
    fn rates_and_statistics() {
        let tuning = Tuning { frozen: Frozen::Blocks(1), head_rate: 10.0, ..Tuning::default() };
        let rates = ["blocks.0.expand.bn.bias", "blocks.1.expand.bn.bias", "head.weight"];
        assert_eq!(rates.map(|name| tuning.rate(name)), [0.0, 1.0, 10.0]);
        assert!(tuning.is_constant("stem") && tuning.is_constant("blocks.0.project"));
        assert!(!tuning.is_constant("blocks.1.project") && !tuning.is_constant("last"));
        assert!(Tuning { constant_statistics: true, ..Tuning::default() }.is_constant("last"));
    }

    #[test]
    fn places_print_as_they_are_read() {
        for frozen in [Frozen::Nothing, Frozen::Blocks(7), Frozen::Backbone] {
            assert_eq!(frozen.to_string().parse(), Ok(frozen));
        }
        assert!("tail".parse::<Frozen>().is_err());
    }
}
