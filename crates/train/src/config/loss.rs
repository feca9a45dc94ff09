//! `Loss`.

use super::emit::Yaml;
use super::reader::{Item, Only, Section};
use super::reading::{MEASURED, Reading, TRAIN};
use super::{ClassWeights, Config, ConfigError, Loss};

/// PaddleClas's names of cross-entropy: the second was for mixed photos, until the first took them too.
const NAMES: [&str; 2] = ["CELoss", "MixCELoss"];

pub(super) fn read(mut section: Section, base: Loss, r: &mut Reading) -> Result<Loss, ConfigError> {
    let train = section.take("Train").map(|item| cross_entropy(&item, r)).transpose();
    let train = r.keep(TRAIN, train, None);
    let eval = section.take("Eval").map(|item| cross_entropy(&item, r)).transpose();
    let eval = r.keep(MEASURED, eval, None);
    if let Some(Loss { epsilon, class_weights }) = &eval {
        let without = match (*epsilon != 0.0, *class_weights != ClassWeights::Equal) {
            (true, false) => Some("label smoothing"),
            (false, true) => Some("weights of classes"),
            (true, true) => Some("label smoothing and weights of classes"),
            (false, false) => None,
        };
        r.warnings.extend(without.map(|what| {
            format!(
                "Loss.Eval has {what}, which changes no accuracy: the loss of evaluation is reported without it"
            )
        }));
    }
    section.finish()?;
    Ok(train.unwrap_or(base))
}

fn cross_entropy(item: &Item, r: &mut Reading) -> Result<Loss, ConfigError> {
    let terms = item.list()?;
    let [only] = terms.as_slice() else {
        return Err(item.unsupported(&format!("a sum of {} losses", terms.len()), "one CELoss"));
    };
    let (name, named, mut options) = only.named()?;
    if !NAMES.contains(&name.as_str()) {
        return Err(named.unsupported_name(&name, &NAMES[..1]));
    }
    let mut epsilon = options.read("epsilon", Item::f64, 0.0)?;
    if epsilon != 0.0 && !(0.0..1.0).contains(&epsilon) {
        // What PaddleClas makes of it, without a word.
        r.warnings.push(format!(
            "{}.epsilon is {epsilon}: label smoothing is off, as in PaddleClas; give a share above 0 and below 1",
            named.path
        ));
        epsilon = 0.0;
    }
    let class_weights = options.read("class_weights", class_weights, ClassWeights::Equal)?;
    options.only_default(&[("weight", Only::Number(1.0)), ("reduction", Only::Word("mean"))])?;
    options.finish()?;
    Ok(Loss { epsilon, class_weights })
}

fn class_weights(item: &Item) -> Result<ClassWeights, ConfigError> {
    if item.text().is_ok_and(|word| word == "balanced") {
        return Ok(ClassWeights::Balanced);
    }
    let Ok(items) = item.list() else {
        return Err(item.invalid("it must be balanced, or a list of one number for each class"));
    };
    let weights = items.iter().map(Item::f64_not_negative).collect::<Result<Vec<_>, _>>()?;
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(item.invalid("one class must count more than nothing"));
    }
    Ok(ClassWeights::Given(weights))
}

/// The loss of training as [`read`] reads it back.
pub(super) fn write(loss: &Loss) -> Yaml {
    let class_weights = match &loss.class_weights {
        ClassWeights::Equal => Yaml::null(),
        ClassWeights::Balanced => Yaml::text("balanced"),
        ClassWeights::Given(weights) => Yaml::List(weights.iter().copied().map(Yaml::float).collect()),
    };
    let weight = ("weight", Yaml::float(1.0));
    let options = vec![weight, ("epsilon", Yaml::float(loss.epsilon)), ("class_weights", class_weights)];
    Yaml::Items(vec![Yaml::Map(vec![(NAMES[0], Yaml::Map(options))])])
}

/// Where mixed labels are taken otherwise than in PaddleClas.
pub(super) fn unlike_paddleclas(config: &Config) -> Option<String> {
    (!config.train.mixing.is_off() && config.loss.epsilon == 0.0).then(|| {
        "Loss.Train has no epsilon: the labels of mixed photos are taken as they are; PaddleClas takes their softmax, which is \
         nearly the same for all classes"
            .to_owned()
    })
}
