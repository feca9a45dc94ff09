//! Which MobileNetV3: family, variant, width, classes, and the switches in which families differ.

use crate::ModelError;
use photonet_nn::{DropoutMode, Padding, RunningVariance};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The published families, which are different networks under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// PaddleClas, `ppcls/arch/backbone/legendary_models/mobilenet_v3.py`.
    Paddle,
    /// torchvision, `torchvision/models/mobilenetv3.py`.
    Torchvision,
    /// timm, `timm/models/mobilenetv3.py`.
    Timm,
    /// timm's `tf_` models, ported from TensorFlow.
    TimmTf,
}

/// The two block tables of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// 15 blocks.
    Large,
    /// 11 blocks.
    Small,
}

/// How the hidden width of squeeze-excite follows from the expanded width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqueezeWidth {
    /// Integer division by 4.
    Quarter,
    /// A quarter, rounded to a multiple of 8.
    RoundedQuarter,
}

/// How the expanded width of a block scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expansion {
    /// The table's width times the width factor.
    Scaled,
    /// The table's ratio times the block's rounded input.
    Ratio,
}

/// How the width of the last 1x1 convolution scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastWidth {
    /// 960 or 576 times the width factor.
    Scaled,
    /// Six times the last block's output.
    SixTimesOutput,
}

/// How the width of the classifier's hidden layer scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadWidth {
    /// 1280 at every width.
    Always1280,
    /// 1280 (large) or 1024 (small) at every width.
    Fixed,
    /// 1280 (large) or 1024 (small) times the width factor.
    Scaled,
}

/// Everything in which the families differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Switches {
    /// Batch normalisation's epsilon.
    pub bn_epsilon: f32,
    /// Share of the old running statistics kept at an update.
    pub bn_keep: f32,
    /// Whether the running variance is the biased one.
    pub bn_biased_variance: bool,
    /// Slope of the squeeze-excite gate's hardsigmoid.
    pub gate_slope: f32,
    /// Whether a block whose expanded width equals its input still has an expanding convolution.
    pub always_expand: bool,
    /// Hidden width of squeeze-excite.
    pub squeeze: SqueezeWidth,
    /// Expanded widths.
    pub expansion: Expansion,
    /// Whether the stem keeps 16 channels below width 0.75.
    pub fixed_narrow_stem: bool,
    /// Width of the last 1x1 convolution.
    pub last: LastWidth,
    /// Width of the head.
    pub head: HeadWidth,
    /// Whether the head has a bias.
    pub head_bias: bool,
    /// TensorFlow's SAME padding instead of symmetric.
    pub same_padding: bool,
    /// Dropout before the classifier.
    pub dropout: f32,
    /// Multiply by 1 - dropout at inference instead of dividing by it in training.
    pub downscale_in_infer: bool,
    /// No squeeze-excite, ReLU throughout, 3x3 kernels only.
    pub minimal: bool,
}

impl Switches {
    /// The switches of a family's published models.
    pub fn of(family: Family) -> Self {
        let paddle = Self {
            bn_epsilon: 1e-5,
            bn_keep: 0.9,
            bn_biased_variance: true,
            gate_slope: 0.2,
            always_expand: true,
            squeeze: SqueezeWidth::Quarter,
            expansion: Expansion::Scaled,
            fixed_narrow_stem: false,
            last: LastWidth::Scaled,
            head: HeadWidth::Always1280,
            head_bias: false,
            same_padding: false,
            dropout: 0.2,
            downscale_in_infer: true,
            minimal: false,
        };
        let torchvision = Self {
            bn_epsilon: 1e-3,
            bn_keep: 0.99,
            bn_biased_variance: false,
            gate_slope: 1.0 / 6.0,
            always_expand: false,
            squeeze: SqueezeWidth::RoundedQuarter,
            last: LastWidth::SixTimesOutput,
            head: HeadWidth::Scaled,
            head_bias: true,
            downscale_in_infer: false,
            ..paddle
        };
        let timm = Self {
            bn_epsilon: 1e-5,
            bn_keep: 0.9,
            expansion: Expansion::Ratio,
            fixed_narrow_stem: true,
            last: LastWidth::Scaled,
            head: HeadWidth::Fixed,
            ..torchvision
        };
        match family {
            Family::Paddle => paddle,
            Family::Torchvision => torchvision,
            Family::Timm => timm,
            Family::TimmTf => Self { bn_epsilon: 1e-3, bn_keep: 0.99, same_padding: true, ..timm },
        }
    }

    /// Padding of every convolution with a kernel larger than 1.
    pub fn padding(&self) -> Padding {
        if self.same_padding { Padding::Same } else { Padding::Symmetric }
    }

    /// Which variance goes into the running statistics.
    pub fn running_variance(&self) -> RunningVariance {
        if self.bn_biased_variance { RunningVariance::Biased } else { RunningVariance::Unbiased }
    }

    /// Where dropout scales.
    pub fn dropout_mode(&self) -> DropoutMode {
        if self.downscale_in_infer { DropoutMode::DownscaleInInfer } else { DropoutMode::UpscaleInTrain }
    }
}

/// A complete description of one network, without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Family.
    pub family: Family,
    /// Block table.
    pub variant: Variant,
    /// Width factor.
    pub width: f64,
    /// Classes.
    pub classes: usize,
    /// Where it differs from the other families.
    pub switches: Switches,
}

impl Architecture {
    /// The smallest image side that leaves at least one pixel in the last layers: they stride 32 times.
    pub const MIN_SIZE: usize = 32;

    /// A network of `family` with its published switches.
    ///
    /// # Errors
    /// A width that is not positive and finite or that is absurd, or no classes.
    pub fn new(family: Family, variant: Variant, width: f64, classes: usize) -> Result<Self, ModelError> {
        if !(0.05..=8.0).contains(&width) {
            return Err(ModelError::Architecture(format!(
                "width {width} is out of range: use a factor between 0.05 and 8, such as 0.35, 0.5, 0.75, 1.0 or 1.25"
            )));
        }
        if classes == 0 {
            return Err(ModelError::Architecture("a classifier needs at least one class".into()));
        }
        Ok(Self { family, variant, width, classes, switches: Switches::of(family) })
    }

    /// The same network in its minimal form: no squeeze-excite, ReLU throughout, 3x3 kernels only.
    #[must_use]
    pub fn minimal(mut self) -> Self {
        self.switches.minimal = true;
        self
    }

    /// Checks an image side.
    ///
    /// # Errors
    /// Names the smallest side that works.
    pub fn check_size(&self, size: usize) -> Result<(), ModelError> {
        if (Self::MIN_SIZE..=4096).contains(&size) {
            return Ok(());
        }
        Err(ModelError::Architecture(format!(
            "image size {size} is out of range: MobileNetV3 takes {} to 4096 pixels a side",
            Self::MIN_SIZE
        )))
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} MobileNetV3 {} x{} with {} classes",
            self.family, self.variant, self.width, self.classes
        )
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paddle => "paddle",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::TimmTf => "timm-tf",
        })
    }
}

impl FromStr for Family {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Paddle, Self::Torchvision, Self::Timm, Self::TimmTf]
            .into_iter()
            .find(|f| f.to_string() == text)
            .ok_or_else(|| {
                ModelError::Architecture(format!(
                    "no family `{text}`: use paddle, torchvision, timm or timm-tf"
                ))
            })
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Large => "large",
            Self::Small => "small",
        })
    }
}

impl FromStr for Variant {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "large" => Ok(Self::Large),
            "small" => Ok(Self::Small),
            _ => Err(ModelError::Architecture(format!("no variant `{text}`: use small or large"))),
        }
    }
}
