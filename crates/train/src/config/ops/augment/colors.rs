//! The operators that PaddleClas has from PaddlePaddle: colours and turns.

use photonet_vision::Augmentation;
use photonet_vision::augment::{Filter, Jitter, Rotation};

use super::{Keys, bytes, color};
use crate::config::ConfigError;
use crate::config::emit::Yaml;
use crate::config::ops::pair;
use crate::config::reader::{Item, Only, Section};

/// `None` where it never changes anything.
pub(super) fn jitter(options: &mut Section) -> Result<Option<Augmentation>, ConfigError> {
    let mut about = |key, middle| match options.take(key) {
        Some(item) => range(&item, middle),
        None => Ok((middle, middle)),
    };
    let (brightness, contrast) = (about("brightness", 1.0)?, about("contrast", 1.0)?);
    let (saturation, hue) = (about("saturation", 1.0)?, about("hue", 0.0)?);
    // PaddleClas's own is 2, which is always.
    let probability = options.read("prob", Item::f64_not_negative, 2.0)?.min(1.0);
    options.only_default(&[("keys", Only::Absent)])?;
    let jitter = Jitter { probability, brightness, contrast, saturation, hue };
    let never = probability == 0.0 || jitter == Jitter { probability, ..Jitter::default() };
    Ok((!never).then_some(Augmentation::ColorJitter { jitter }))
}

/// The least and the greatest, or how far they are from `middle`; no factor is below 0.
fn range(item: &Item, middle: f64) -> Result<(f64, f64), ConfigError> {
    if item.list().is_ok() {
        return pair(item);
    }
    let far = item.f64_not_negative()?;
    let least = if middle > 0.0 { (middle - far).max(0.0) } else { middle - far };
    Ok((least, middle + far))
}

pub(super) fn jitter_keys(jitter: Jitter) -> Keys {
    let Jitter { probability, brightness, contrast, saturation, hue } = jitter;
    let range = |(least, greatest)| Yaml::floats([least, greatest]);
    vec![
        ("prob", Yaml::float(probability)),
        ("brightness", range(brightness)),
        ("contrast", range(contrast)),
        ("saturation", range(saturation)),
        ("hue", range(hue)),
    ]
}

/// `None` where it never changes anything.
pub(super) fn grey(options: &mut Section) -> Result<Option<Augmentation>, ConfigError> {
    let probability = options.read("p", Item::f64_not_negative, 0.1)?;
    Ok((probability > 0.0).then_some(Augmentation::RandomGrey { probability }))
}

/// OpenCV's filters that are carried out.
const FILTERS: [(&str, Filter); 2] = [("nearest", Filter::Nearest), ("bilinear", Filter::Bilinear)];

/// `None` where it never changes anything.
pub(super) fn rotation(options: &mut Section) -> Result<Option<Augmentation>, ConfigError> {
    let probability = options.read("prob", Item::f64_not_negative, 0.5)?;
    let Some(degrees) = options.take("degrees") else { return Err(options.missing("degrees")) };
    let filter = match options.take("interpolation") {
        None => Filter::Nearest,
        Some(item) => {
            let word = item.text()?;
            let found = FILTERS.iter().find(|(name, _)| *name == word).map(|(_, filter)| *filter);
            found.ok_or_else(|| item.unsupported_name(&word, &FILTERS.map(|(name, _)| name)))?
        }
    };
    let fill = options.read("fill", one_or_three, [0; 3])?;
    options.only_default(&[
        ("expand", Only::Bool(false)),
        ("center", Only::Absent),
        ("keys", Only::Absent),
    ])?;
    let rotation = Rotation { probability, degrees: range(&degrees, 0.0)?, filter, fill };
    Ok((probability > 0.0).then_some(Augmentation::RandomRotation { rotation }))
}

/// A colour, or one byte for all of its channels.
fn one_or_three(item: &Item) -> Result<[u8; 3], ConfigError> {
    if item.list().is_ok() {
        return color(item);
    }
    match u8::try_from(item.u32()?) {
        Ok(byte) => Ok([byte; 3]),
        Err(_) => Err(item.invalid("it must be at most 255")),
    }
}

pub(super) fn rotation_keys(rotation: Rotation) -> Keys {
    let Rotation { probability, degrees: (least, greatest), filter, fill } = rotation;
    let found = FILTERS.iter().find(|(_, known)| *known == filter);
    vec![
        ("prob", Yaml::float(probability)),
        ("degrees", Yaml::floats([least, greatest])),
        ("interpolation", Yaml::text(found.map_or("nearest", |(name, _)| name))),
        ("fill", bytes(fill)),
    ]
}
