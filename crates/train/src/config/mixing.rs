//! `batch_transform_ops`: PaddleClas's operators on batches to and from a [`Mixing`].

use photonet_vision::{Mixing, Strength};

use super::ConfigError;
use super::emit::Yaml;
use super::reader::{Item, Section};

/// The operators that are carried out; the last draws one of the others for each batch.
const OPERATORS: [&str; 3] = ["MixupOperator", "CutmixOperator", "OpSampler"];

/// What PaddleClas's operators take for `alpha` where nothing is said.
const MIXUP_ALPHA: f64 = 1.0;
const CUTMIX_ALPHA: f64 = 0.2;

pub(super) fn read(list: &Item, warnings: &mut Vec<String>) -> Result<Mixing, ConfigError> {
    let operators = list.list()?;
    let [only] = operators.as_slice() else {
        if operators.is_empty() {
            return Ok(Mixing::default());
        }
        // The second would find mixed labels in place of classes, in PaddleClas too.
        let what = format!("mixing a batch {} times", operators.len());
        return Err(list.unsupported(&what, "one operator, such as an OpSampler of several"));
    };
    let (name, item, mut options) = only.named()?;
    let mut mixing = Mixing::default();
    match name.as_str() {
        "MixupOperator" => mixing.mixup = strength(&mut options, 1.0, MIXUP_ALPHA)?,
        "CutmixOperator" => mixing.cutmix = strength(&mut options, 1.0, CUTMIX_ALPHA)?,
        "OpSampler" => {
            let mut drawn = |key, alpha| match options.take(key) {
                Some(item) => sampled(item, alpha, warnings),
                None => Ok(Strength::default()),
            };
            mixing.mixup = drawn("MixupOperator", MIXUP_ALPHA)?;
            mixing.cutmix = drawn("CutmixOperator", CUTMIX_ALPHA)?;
            if let Some(fmix) = options.take("FmixOperator") {
                return Err(fmix.unsupported_name("FmixOperator", &OPERATORS[..2]));
            }
        }
        _ => return Err(item.unsupported_name(&name, &OPERATORS)),
    }
    options.finish()?;
    mixing.check().map_err(|rule| item.invalid(rule))?;
    Ok(mixing)
}

/// An operator of an `OpSampler`.
fn sampled(item: Item, alpha: f64, warnings: &mut Vec<String>) -> Result<Strength, ConfigError> {
    let path = item.path.clone();
    let mut options = item.section()?;
    let probability = options.read_opt("prob", Item::f64_not_negative)?;
    if probability.is_none() {
        warnings.push(format!("{path}.prob is not given: it is never taken, as in PaddleClas"));
    }
    let strength = strength(&mut options, probability.unwrap_or(0.0), alpha)?;
    options.finish()?;
    Ok(strength)
}

fn strength(options: &mut Section, probability: f64, alpha: f64) -> Result<Strength, ConfigError> {
    Ok(Strength { probability, alpha: options.read("alpha", Item::f64, alpha)? })
}

/// Refuses operators, by their names, for photos that are not trained on.
pub(super) fn refuse(list: &Item) -> Result<(), ConfigError> {
    let names = list.list()?.iter().map(|entry| Ok(entry.named()?.0)).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Ok(());
    }
    Err(list.unsupported(&names.join(", "), format!("leaving the key out, as by -o {}=None", list.path)))
}

/// A mixing as a list of operators that [`read`] reads back to the same.
pub(super) fn write(mixing: &Mixing) -> Yaml {
    let Mixing { mixup, cutmix } = mixing;
    let op = |name: &'static str, options| Yaml::Map(vec![(name, Yaml::Map(options))]);
    let alpha = |strength: &Strength| ("alpha", Yaml::float(strength.alpha));
    match (mixup.probability == 1.0, cutmix.probability == 1.0) {
        _ if *mixing == Mixing::default() => Yaml::List(Vec::new()),
        (true, _) if *cutmix == Strength::default() => {
            Yaml::Items(vec![op("MixupOperator", vec![alpha(mixup)])])
        }
        (_, true) if *mixup == Strength::default() => {
            Yaml::Items(vec![op("CutmixOperator", vec![alpha(cutmix)])])
        }
        _ => {
            let drawn =
                |strength| Yaml::Map(vec![alpha(strength), ("prob", Yaml::float(strength.probability))]);
            let operators = vec![("MixupOperator", drawn(mixup)), ("CutmixOperator", drawn(cutmix))];
            Yaml::Items(vec![op("OpSampler", operators)])
        }
    }
}
