//! What is unusual in a run's configuration.

use crate::config::{Config, difference};

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
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
        Config::from_yaml("", "test", &overrides).unwrap()
    }

    #[test]
    fn another_preprocessing_of_infer_is_told() {
        let eval = "DataLoader.Eval.dataset.transform_ops=[{ResizeImage: {resize_short: 73}}, {CropImage: {size: 64}}]";
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
