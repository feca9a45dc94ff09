//! The operators that change a photo's colours and shape at random.

mod colors;
mod hide;

use photonet_vision::augment::{Filter, Mixture, TimmAugment};
use photonet_vision::{Augmentation, Flip, Recipe};

use super::{IMAGENET_MEAN, triple};
use crate::config::ConfigError;
use crate::config::emit::Yaml;
use crate::config::reader::{Item, Only, Section};

/// The operators that are read here.
pub(super) const NAMES: [&str; 13] = [
    "RandFlipImage",
    "AutoAugment",
    "RandAugment",
    "RandAugmentV2",
    "TimmAutoAugment",
    "AugMix",
    "ColorJitter",
    "RandomGrayscale",
    "RandomRotation",
    "RandomErasing",
    "Cutout",
    "HideAndSeek",
    "GridMask",
];

/// Those that may follow `NormalizeImage`.
pub(super) const AFTER_NORMALIZATION: [&str; 4] = ["RandomErasing", "Cutout", "HideAndSeek", "GridMask"];

/// What a photo has been through before an operator.
pub(super) struct Before<'a> {
    /// How the recipe goes on from bytes, where that has been done.
    pub normalized: Option<&'a Recipe>,
    /// Whether the channels come first.
    pub planar: bool,
}

type Keys = Vec<(&'static str, Yaml)>;

/// Reads one of [`NAMES`]; `None` where it never does anything.
pub(super) fn read(
    name: &str,
    item: &Item,
    options: &mut Section,
    before: Before<'_>,
) -> Result<Option<Augmentation>, ConfigError> {
    match name {
        "RandFlipImage" => random_flip(options).map(Some),
        "AutoAugment" => Ok(Some(Augmentation::AutoAugment { fill: fill(options)? })),
        "RandAugment" => rand_augment(options).map(Some),
        "RandAugmentV2" => rand_augment_v2(options).map(Some),
        "TimmAutoAugment" => timm(item, options),
        "AugMix" => aug_mix(options).map(Some),
        "ColorJitter" => colors::jitter(options),
        "RandomGrayscale" => colors::grey(options),
        "RandomRotation" => colors::rotation(options),
        "RandomErasing" | "Cutout" if before.planar => {
            Err(item.unsupported(&format!("{name} after ToCHWImage"), format!("{name} before it")))
        }
        "RandomErasing" => hide::random_erasing(item, options, before.normalized),
        "Cutout" => hide::cutout(item, options, before.normalized).map(Some),
        "HideAndSeek" => hide::hide_and_seek(item, options, before.normalized).map(Some),
        "GridMask" => hide::grid_mask(item, options, before.normalized).map(Some),
        _ => Err(item.unsupported_name(name, &NAMES)),
    }
}

/// A step as an operator that [`read`] reads back to it.
pub(super) fn write(step: &Augmentation) -> (&'static str, Keys) {
    match *step {
        Augmentation::RandomFlip { probability, sides } => {
            ("RandFlipImage", vec![("flip_code", flip_code(sides)), ("prob", Yaml::float(probability))])
        }
        Augmentation::AutoAugment { fill } => ("AutoAugment", vec![("fillcolor", bytes(fill))]),
        Augmentation::RandAugment { layers, magnitude, fill } => {
            ("RandAugment", rand_augment_keys(layers, magnitude, fill))
        }
        Augmentation::RandAugmentV2 { layers, magnitude, fill } => {
            ("RandAugmentV2", rand_augment_keys(layers, magnitude, fill))
        }
        Augmentation::TimmAugment { augment } => ("TimmAutoAugment", timm_keys(augment)),
        Augmentation::AugMix { mixture } => ("AugMix", aug_mix_keys(mixture)),
        Augmentation::ColorJitter { jitter } => ("ColorJitter", colors::jitter_keys(jitter)),
        Augmentation::RandomGrey { probability } => {
            ("RandomGrayscale", vec![("p", Yaml::float(probability))])
        }
        Augmentation::RandomRotation { rotation } => ("RandomRotation", colors::rotation_keys(rotation)),
        Augmentation::RandomErasing { erasing, fill } => {
            ("RandomErasing", hide::random_erasing_keys(erasing, fill))
        }
        Augmentation::Cutout { holes, length, fill } => {
            let squares = vec![("n_holes", Yaml::int(holes)), ("length", Yaml::int(length))];
            ("Cutout", [squares, vec![("fill", bytes(fill))]].concat())
        }
        Augmentation::HideAndSeek { fill } => ("HideAndSeek", vec![("fill", bytes(fill))]),
        Augmentation::GridMask { grid, fill } => ("GridMask", hide::grid_mask_keys(grid, fill)),
    }
}

fn random_flip(options: &mut Section) -> Result<Augmentation, ConfigError> {
    let sides = options.read("flip_code", flip, Flip::Horizontal)?;
    Ok(Augmentation::RandomFlip { probability: options.read("prob", Item::f64_not_negative, 0.5)?, sides })
}

/// OpenCV's codes of flips.
const FLIPS: [(f64, &str, Flip); 3] =
    [(1.0, "1", Flip::Horizontal), (0.0, "0", Flip::Vertical), (-1.0, "-1", Flip::Both)];

fn flip(item: &Item) -> Result<Flip, ConfigError> {
    let code = item.f64()?;
    let found = FLIPS.iter().find(|(number, ..)| *number == code).map(|(_, _, flip)| *flip);
    found.ok_or_else(|| item.unsupported(&format!("the value {code}"), "1, 0, -1"))
}

fn flip_code(flip: Flip) -> Yaml {
    let found = FLIPS.iter().find(|(_, _, known)| *known == flip);
    Yaml::Scalar(found.map_or("1", |(_, code, _)| code).to_owned())
}

/// How many operations, how strong, and the colour beside a photo that was moved.
fn strengths(options: &mut Section) -> Result<(u32, f64, [u8; 3]), ConfigError> {
    let layers = options.read("num_layers", Item::u32, 2)?;
    Ok((layers, options.read("magnitude", Item::f64, 5.0)?, fill(options)?))
}

fn rand_augment(options: &mut Section) -> Result<Augmentation, ConfigError> {
    let (layers, magnitude, fill) = strengths(options)?;
    Ok(Augmentation::RandAugment { layers, magnitude, fill })
}

fn rand_augment_v2(options: &mut Section) -> Result<Augmentation, ConfigError> {
    options.only_default(&[("progress_magnitude", Only::Absent)])?;
    let (layers, magnitude, fill) = strengths(options)?;
    Ok(Augmentation::RandAugmentV2 { layers, magnitude, fill })
}

fn rand_augment_keys(layers: u32, magnitude: f64, fill: [u8; 3]) -> Keys {
    vec![("num_layers", Yaml::int(layers)), ("magnitude", Yaml::float(magnitude)), ("fillcolor", bytes(fill))]
}

fn aug_mix(options: &mut Section) -> Result<Augmentation, ConfigError> {
    let mixture = Mixture {
        probability: options.read("prob", Item::f64_not_negative, 0.5)?,
        alpha: options.read("aug_prob_coeff", Item::f64, 0.1)?,
        width: options.read("mixture_width", Item::u32, 3)?,
        // Any number that is not above 0 is drawn.
        depth: options.read("mixture_depth", Item::f64, 1.0)?.max(0.0) as u32,
        severity: options.read("aug_severity", Item::f64, 1.0)?,
    };
    Ok(Augmentation::AugMix { mixture })
}

fn aug_mix_keys(mixture: Mixture) -> Keys {
    let Mixture { probability, alpha, width, depth, severity } = mixture;
    vec![
        ("prob", Yaml::float(probability)),
        ("aug_prob_coeff", Yaml::float(alpha)),
        ("mixture_width", Yaml::int(width)),
        ("mixture_depth", Yaml::int(depth)),
        ("aug_severity", Yaml::float(severity)),
    ]
}

/// The filters that Pillow has for transforms, as PaddleClas calls them; `random` draws one each time.
const FILTERS: [(&str, Option<Filter>); 3] =
    [("bilinear", Some(Filter::Bilinear)), ("bicubic", Some(Filter::Bicubic)), ("random", None)];

/// `None` where it never does anything, whatever its other values.
fn timm(item: &Item, options: &mut Section) -> Result<Option<Augmentation>, ConfigError> {
    let probability = options.read("prob", Item::f64_not_negative, 1.0)?;
    let setting = options.take("config_str");
    let filter = options.take("interpolation");
    let mean = options.read("mean", triple, IMAGENET_MEAN)?;
    // What moves by a share of the photo's size needs none.
    options.take("img_size");
    if probability == 0.0 {
        return Ok(None);
    }
    let mut augment = TimmAugment {
        probability,
        fill: mean.map(|mean| (f64::from(mean) * 255.0).round_ties_even() as u8),
        ..TimmAugment::default()
    };
    if let Some(setting) = setting {
        timm_setting(&setting, &mut augment)?;
    }
    if let Some(filter) = filter {
        let word = filter.text()?;
        let found = FILTERS.iter().find(|(name, _)| *name == word);
        augment.filter =
            found.ok_or_else(|| filter.unsupported_name(&word, &FILTERS.map(|(name, _)| name)))?.1;
    }
    if mean.iter().any(|mean| !(0.0..=1.0).contains(mean)) {
        return Err(item.invalid("its mean, a colour, must be three numbers from 0 to 1"));
    }
    Ok(Some(Augmentation::TimmAugment { augment }))
}

/// Reads a setting such as `rand-m9-n2-mstd0.5-inc1`; what it leaves out is as timm has it.
fn timm_setting(item: &Item, augment: &mut TimmAugment) -> Result<(), ConfigError> {
    let text = item.text()?;
    let mut parts = text.split('-');
    if parts.next() != Some("rand") {
        return Err(item.unsupported(&text, "settings that begin with rand-"));
    }
    (augment.magnitude, augment.layers, augment.deviation, augment.increasing) = (10, 2, 0.0, false);
    for part in parts {
        let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let (key, value) = part.split_at(at);
        let read = match key {
            // Whatever number follows, as in timm.
            "inc" if !value.is_empty() => {
                augment.increasing = true;
                Some(())
            }
            "m" => value.parse().ok().map(|magnitude| augment.magnitude = magnitude),
            "n" => value.parse().ok().map(|layers| augment.layers = layers),
            "mstd" => value.parse().ok().map(|deviation| augment.deviation = deviation),
            _ => None,
        };
        if read.is_none() {
            let supported = "m, n, mstd and inc, each with its number, as in rand-m9-n2-mstd0.5-inc1";
            return Err(item.unsupported(&format!("the part {part}"), supported));
        }
    }
    Ok(())
}

fn timm_keys(augment: TimmAugment) -> Keys {
    let TimmAugment { probability, layers, magnitude, deviation, increasing, filter, fill } = augment;
    let increasing = if increasing { "-inc1" } else { "" };
    let setting = format!("rand-m{magnitude}-n{layers}-mstd{deviation}{increasing}");
    let found = FILTERS.iter().find(|(_, known)| *known == filter);
    vec![
        ("prob", Yaml::float(probability)),
        ("config_str", Yaml::text(&setting)),
        ("interpolation", Yaml::text(found.map_or("bilinear", |(name, _)| name))),
        ("mean", Yaml::List(fill.map(|byte| Yaml::single(f32::from(byte) / 255.0)).to_vec())),
    ]
}

/// The colour beside a photo that was moved: by default PaddleClas's grey.
fn fill(options: &mut Section) -> Result<[u8; 3], ConfigError> {
    options.read("fillcolor", color, [128; 3])
}

fn color(item: &Item) -> Result<[u8; 3], ConfigError> {
    let byte = |item: &Item| item.u32().ok().and_then(|byte| u8::try_from(byte).ok());
    match item.list()?.iter().map(byte).collect::<Vec<_>>()[..] {
        [Some(r), Some(g), Some(b)] => Ok([r, g, b]),
        _ => Err(item.invalid("it must be three whole numbers from 0 to 255, for red, green and blue")),
    }
}

fn bytes(color: [u8; 3]) -> Yaml {
    Yaml::ints(&color.map(u32::from))
}
