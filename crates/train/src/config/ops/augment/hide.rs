//! The operators that hide parts of a photo.

use photonet_vision::augment::{Erasing, Grid};
use photonet_vision::{Augmentation, Recipe};

use super::{Keys, bytes, color};
use crate::config::ConfigError;
use crate::config::emit::Yaml;
use crate::config::ops::triple;
use crate::config::reader::{Item, Section};

/// `None` where it never erases, whatever its other values. `normalized` is how the recipe goes on from
/// bytes, where the operator comes after that.
pub(super) fn random_erasing(
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

pub(super) fn random_erasing_keys(erasing: Erasing, fill: [u8; 3]) -> Keys {
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

pub(super) fn cutout(
    item: &Item,
    options: &mut Section,
    normalized: Option<&Recipe>,
) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation::Cutout {
        holes: options.read("n_holes", Item::u32, 1)?,
        length: options.read("length", Item::u32, 112)?,
        fill: nothing(item, options, normalized)?,
    })
}

pub(super) fn hide_and_seek(
    item: &Item,
    options: &mut Section,
    normalized: Option<&Recipe>,
) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation::HideAndSeek { fill: nothing(item, options, normalized)? })
}

pub(super) fn grid_mask(
    item: &Item,
    options: &mut Section,
    normalized: Option<&Recipe>,
) -> Result<Augmentation, ConfigError> {
    let grid = Grid {
        probability: options.read("prob", Item::f64_not_negative, 1.0)?,
        distance: (options.read("d1", Item::u32, 96)?, options.read("d2", Item::u32, 224)?),
        ratio: options.read("ratio", Item::f64, 0.5)?,
        rotate: options.read("rotate", Item::u32, 1)?,
        inverted: options.read("mode", Item::u32, 0)? == 1,
    };
    Ok(Augmentation::GridMask { grid, fill: nothing(item, options, normalized)? })
}

pub(super) fn grid_mask_keys(grid: Grid, fill: [u8; 3]) -> Keys {
    let Grid { probability, distance: (least, end), ratio, rotate, inverted } = grid;
    vec![
        ("d1", Yaml::int(least)),
        ("d2", Yaml::int(end)),
        ("rotate", Yaml::int(rotate)),
        ("ratio", Yaml::float(ratio)),
        ("mode", Yaml::int(u32::from(inverted))),
        ("prob", Yaml::float(probability)),
        ("fill", bytes(fill)),
    ]
}

/// What stands for a hidden pixel: the bytes in the key `fill`, which is Photonet's own, or else those of 0.
fn nothing(item: &Item, options: &mut Section, normalized: Option<&Recipe>) -> Result<[u8; 3], ConfigError> {
    if let Some(given) = options.read_opt("fill", color)? {
        return Ok(given);
    }
    color_of([0.0; 3], normalized)
        .ok_or_else(|| item.invalid("what it hides would be no byte: set its fill, such as [124, 116, 104]"))
}
