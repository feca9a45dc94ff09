//! The operators that change a photo's colours and shape at random.

use photonet_vision::augment::{Erasing, Filter, TimmAugment};
use photonet_vision::{Augmentation, Flip, Recipe};

use super::{IMAGENET_MEAN, triple};
use crate::config::ConfigError;
use crate::config::emit::Yaml;
use crate::config::reader::{Item, Section};

/// The operators that are read here.
pub(super) const NAMES: [&str; 5] =
    ["RandFlipImage", "AutoAugment", "RandAugment", "TimmAutoAugment", "RandomErasing"];

/// Those that may follow `NormalizeImage`.
pub(super) const AFTER_NORMALIZATION: [&str; 1] = ["RandomErasing"];

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
        "TimmAutoAugment" => timm(item, options),
        "RandomErasing" if before.planar => {
            Err(item.unsupported("RandomErasing after ToCHWImage", "RandomErasing before it"))
        }
        "RandomErasing" => random_erasing(item, options, before.normalized),
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
            let strength = [("num_layers", Yaml::int(layers)), ("magnitude", Yaml::float(magnitude))];
            ("RandAugment", [strength.to_vec(), vec![("fillcolor", bytes(fill))]].concat())
        }
        Augmentation::TimmAugment { augment } => ("TimmAutoAugment", timm_keys(augment)),
        Augmentation::RandomErasing { erasing, fill } => {
            ("RandomErasing", random_erasing_keys(erasing, fill))
        }
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

fn rand_augment(options: &mut Section) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation::RandAugment {
        layers: options.read("num_layers", Item::u32, 2)?,
        magnitude: options.read("magnitude", Item::f64, 5.0)?,
        fill: fill(options)?,
    })
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

/// `None` where it never erases, whatever its other values. `normalized` is how the recipe goes on from
/// bytes, where the operator comes after that.
fn random_erasing(
    item: &Item,
    options: &mut Section,
    normalized: Option<&Recipe>,
) -> Result<Option<Augmentation>, ConfigError> {
    let erasing = Erasing {
        probability: options.read("EPSILON", Item::f64_not_negative, 0.5)?,
        area: (options.read("sl", Item::f64, 0.02)?, options.read("sh", Item::f64, 0.4)?),
        ratio: options.read("r1", Item::f64, 0.3)?,
        log_ratio: options.read("use_log_aspect", Item::bool, false)?,
        attempts: options.read("attempt", Item::u32, 100)?,
    };
    let never = erasing.probability == 0.0;
    if let Some(mode) = options.take("mode") {
        match mode.text()?.as_str() {
            "const" => {}
            "rand" | "pixel" if never => {}
            word @ ("rand" | "pixel") => {
                let what = format!("the mode {word}, noise beyond what 8 bits can hold,");
                return Err(mode.unsupported(&what, "const"));
            }
            word => return Err(mode.unsupported_name(word, &["const"])),
        }
    }
    let given = options.take("mean");
    let mean = given.as_ref().map_or(Ok([0.0; 3]), triple)?;
    let Some(fill) = color_of(mean, normalized) else {
        let rule = "it must be a colour that a photo's bytes can show, 0 to 255 before they are normalised";
        return Err(given.as_ref().unwrap_or(item).invalid(rule));
    };
    Ok((!never).then_some(Augmentation::RandomErasing { erasing, fill }))
}

fn random_erasing_keys(erasing: Erasing, fill: [u8; 3]) -> Keys {
    vec![
        ("EPSILON", Yaml::float(erasing.probability)),
        ("sl", Yaml::float(erasing.area.0)),
        ("sh", Yaml::float(erasing.area.1)),
        ("r1", Yaml::float(erasing.ratio)),
        ("use_log_aspect", Yaml::bool(erasing.log_ratio)),
        ("attempt", Yaml::int(erasing.attempts)),
        ("mode", Yaml::text("const")),
        // Of bytes, since it is written before NormalizeImage.
        ("mean", bytes(fill)),
    ]
}

/// The bytes of a colour: after normalisation those that come nearest to it, as with a photo's own pixels,
/// and before it the whole part, as NumPy stores it. `None` where there are no such bytes.
fn color_of(color: [f32; 3], normalized: Option<&Recipe>) -> Option<[u8; 3]> {
    let mut bytes = [0; 3];
    for (c, byte) in bytes.iter_mut().enumerate() {
        let value = f64::from(color[c]);
        let level = match normalized {
            Some(r) => ((value * f64::from(r.std[c]) + f64::from(r.mean[c])) / f64::from(r.scale)).round(),
            None => value.trunc(),
        };
        *byte = (0.0..=255.0).contains(&level).then_some(level as u8)?;
    }
    Some(bytes)
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
