//! What a page asks a training for.

use crate::error::EngineError;
use photonet_model::{Frozen, Model};
use photonet_train::config::{ClassWeights, Config, Variant};
use serde::Deserialize;

/// Photos are kept with a short side of at most so many times that of the network's input: half of what the program keeps,
/// as a page has 4 GiB for everything.
const KEPT_SIDES: u32 = photonet_train::config::KEPT_SIDES / 2;

/// What a page asks for; all but the classes has a usual value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The classes' names.
    pub classes: Vec<String>,
    /// `small` or `large`.
    arch: Option<String>,
    width: Option<f64>,
    size: Option<u32>,
    epochs: Option<u32>,
    batch: Option<u32>,
    learning_rate: Option<f64>,
    patience: u32,
    seed: u32,
    pub half: bool,
    /// Whether all classes count alike, however many photos they have.
    balance: bool,
    /// `none`, `head` or a number of blocks.
    freeze: Option<String>,
}

impl Settings {
    /// The configuration of a run that starts from `model`, or from scratch.
    pub fn config(&self, model: Option<&Model>) -> Result<Config, EngineError> {
        let refuse = |reason: String| Err(EngineError::Training(reason));
        let mut config = Config::defaults();
        let batch = self.batch.unwrap_or(config.train.batch_size);
        config.train.batch_size = batch;
        if let Some(model) = model {
            if self.arch.is_some() || self.width.is_some() {
                return refuse(
                    "a run that starts from a model takes its network: leave arch and width out".into(),
                );
            }
            config.adopt(model, self.size);
            config.set_fine_tuning();
        } else {
            config.arch.variant = match self.arch.as_deref() {
                None | Some("small") => Variant::Small,
                Some("large") => Variant::Large,
                Some(other) => return refuse(format!("arch is \"small\" or \"large\", not {other:?}")),
            };
            config.arch.width = self.width.unwrap_or(config.arch.width);
            config.set_size(self.size.unwrap_or(config.global.image_shape[1]));
        }
        config.optimizer.schedule.learning_rate =
            self.learning_rate.unwrap_or_else(|| config.usual_rate(batch, model.is_some()));
        if let Some(epochs) = self.epochs {
            config.set_epochs(epochs);
        }
        if let Some(freeze) = &self.freeze {
            if model.is_none() && freeze != "none" {
                return refuse(
                    "only what a model has learned can be frozen: give one to start from, as `from`".into(),
                );
            }
            config.arch.freeze_until = freeze.parse::<Frozen>().map_err(EngineError::Training)?;
        }
        if self.balance {
            config.loss.class_weights = ClassWeights::Balanced;
        }
        config.global.patience = self.patience;
        config.global.seed = self.seed.into();
        config.amp = self.half;
        let side = config.train.recipe.output_size().map_or(0, |(width, height)| width.max(height));
        config.train.keep_short = Some(side.saturating_mul(KEPT_SIDES));
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use photonet_model::{Architecture, Family, TrainingFacts, initialise};
    use photonet_vision::Recipe;

    fn settings(text: &str) -> Settings {
        serde_json::from_str(text).unwrap()
    }

    fn model(size: u32) -> Model {
        let architecture = Architecture::new(Family::Paddle, Variant::Small, 0.35, 2).unwrap();
        Model {
            weights: initialise(&architecture, 3),
            labels: vec!["a".into(), "b".into()],
            recipe: Recipe::eval(size),
            facts: TrainingFacts::default(),
            test_vectors: Vec::new(),
            architecture,
        }
    }

    #[test]
    fn settings_are_those_of_the_program_where_nothing_is_said() {
        let plain = settings(r#"{"classes": ["a", "b"]}"#).config(None).unwrap();
        let mut expected = Config::defaults();
        expected.train.keep_short = Some(448);
        assert_eq!(plain, expected);
        let given = r#"{"arch": "large", "width": 0.5, "size": 96, "epochs": 7, "batch": 8, "learningRate": 0.1, "patience": 3,
                        "seed": 9, "half": true, "balance": true}"#;
        let config = settings(given).config(None).unwrap();
        assert_eq!((config.arch.variant, config.arch.width), (Variant::Large, 0.5));
        assert_eq!((config.global.epochs, config.global.patience, config.global.seed), (7, 3, 9));
        assert_eq!((config.train.batch_size, config.train.keep_short), (8, Some(192)));
        assert_eq!((config.optimizer.schedule.learning_rate, config.amp), (0.1, true));
        assert_eq!(config.loss.class_weights, ClassWeights::Balanced);
        let small = settings(r#"{"batch": 8}"#).config(None).unwrap();
        assert_eq!(small.optimizer.schedule.learning_rate, plain.optimizer.schedule.learning_rate / 4.0);
    }

    #[test]
    fn a_model_to_start_from_gives_network_and_size() {
        let config = settings(r#"{"freeze": "2"}"#).config(Some(&model(40))).unwrap();
        assert_eq!((config.arch.width, config.train.keep_short), (0.35, Some(80)));
        assert_eq!(config.arch.freeze_until, Frozen::Blocks(2));
        assert!(config.global.epochs < Config::defaults().global.epochs);
        assert_eq!((config.learning().optimiser.name(), config.arch.freeze_bn), ("AdamW", true));
        let other = settings(r#"{"size": 64}"#).config(Some(&model(40))).unwrap();
        assert_eq!(other.eval.recipe.output_size(), Some((64, 64)));
        for (text, part) in
            [(r#"{"arch": "small"}"#, "takes its network"), (r#"{"freeze": "tail"}"#, "`tail`")]
        {
            let error = settings(text).config(Some(&model(40))).unwrap_err();
            assert!(error.kind() == "training" && error.to_string().contains(part), "{error}");
        }
        let error = settings(r#"{"freeze": "head"}"#).config(None).unwrap_err().to_string();
        assert!(error.contains("as `from`"), "{error}");
        let error = settings(r#"{"arch": "huge"}"#).config(None).unwrap_err().to_string();
        assert!(error.contains("not \"huge\""), "{error}");
    }
}
