//! What is unusual in a run's configuration.

use crate::config::{Config, difference};
use photonet_vision::Recipe;

/// A sentence for each thing in `config` that may not be meant.
pub(super) fn unusual(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.gives("Infer.transforms")
        && let Some(text) = difference(&config.infer.recipe, &config.eval.recipe, "DataLoader.Eval")
    {
        notes.push(format!(
            "Infer.transforms has {text}: the model keeps the preprocessing of DataLoader.Eval, with which its accuracy \
             is measured; `photonet infer -c` follows Infer.transforms"
        ));
    }
    if let Some(text) = normalisation(&config.train.recipe, &config.eval.recipe, "DataLoader.Eval") {
        notes.push(format!(
            "DataLoader.Train has {text}: the network is trained on other numbers than it is evaluated on; give both the \
             same NormalizeImage"
        ));
    }
    notes
}

/// What the NormalizeImage of `recipe` has in place of that of `other`, which belongs to `owner`; `None` where they are
/// the same.
pub(super) fn normalisation(recipe: &Recipe, other: &Recipe, owner: &str) -> Option<String> {
    difference(&Recipe { transforms: other.transforms.clone(), ..recipe.clone() }, other, owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
        Config::from_yaml("", "test", &overrides).unwrap()
    }

    #[test]
    fn training_on_other_numbers_than_evaluation_is_told() {
        let train = "DataLoader.Train.dataset.transform_ops=[{RandCropImage: {size: 64}}]";
        let text = unusual(&config(&[train])).concat();
        let start =
            "DataLoader.Train has NormalizeImage.scale 1.0 where DataLoader.Eval has 0.003921569; Norm";
        assert!(text.starts_with(start), "{text}");
        let normalised = train.replace("}]", "}, NormalizeImage]");
        assert_eq!(unusual(&config(&[&normalised])), Vec::<String>::new());
    }

    #[test]
    fn another_preprocessing_of_infer_is_told() {
        let eval = "DataLoader.Eval.dataset.transform_ops=[{ResizeImage: {resize_short: 73}}, {CropImage: {size: 64}}, NormalizeImage]";
        let same = eval.replace("DataLoader.Eval.dataset.transform_ops", "Infer.transforms");
        assert_eq!(unusual(&config(&[eval, &same])), Vec::<String>::new());
        assert_eq!(unusual(&config(&[eval])), Vec::<String>::new());
        let text = unusual(&config(&[eval, &same.replace("73", "80")])).concat();
        let start =
            "Infer.transforms has ResizeImage.resize_short 80 where DataLoader.Eval has 73: the model keeps";
        assert!(text.starts_with(start), "{text}");
        // What only infer needs and is not supported keeps no run from starting.
        assert_eq!(unusual(&config(&[eval, "Infer.transforms=[{AutoAugment: {}}]"])), Vec::<String>::new());
    }
}
