//! What is unusual in a run's configuration.

use crate::config::{Config, difference};
use crate::dataset::count;
use photonet_vision::Recipe;

/// A sentence for each thing in `config` that may not be meant, for a run on `photos` photos.
pub(super) fn unusual(config: &Config, photos: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let (epochs, warmup) = (config.global.epochs, config.optimizer.schedule.warmup_epoch);
    if warmup > 0.0 && warmup >= f64::from(epochs) {
        notes.push(format!(
            "Optimizer.lr.warmup_epoch is {warmup} and Global.epochs {epochs}: the warm-up is cut to {}, and the learning \
             rate rises to the end of the run; choose a shorter one",
            count(epochs as usize, "epoch", "epochs")
        ));
    }
    let batch = config.train.batch_size as usize;
    if config.train.drop_last && photos < batch {
        notes.push(format!(
            "{} do not fill a batch of {batch}: they make one together, though DataLoader.Train.sampler.drop_last is on",
            count(photos, "photo", "photos")
        ));
    }
    if config.global.patience > 0 && !config.global.eval_during_train {
        notes.push(
            "Global.patience has no effect: Global.eval_during_train is False, so that there are no evaluations to wait for"
                .to_owned(),
        );
    }
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

    fn unusual_of(config: &Config) -> Vec<String> {
        unusual(config, 1000)
    }

    #[test]
    fn a_warm_up_without_an_end_and_photos_short_of_a_batch_are_told() {
        let told = |overrides: &[&str], photos| unusual(&config(overrides), photos).concat();
        let (epochs, warmup) = ("Global.epochs=2", "Optimizer.lr={learning_rate: 0.1, warmup_epoch: 2}");
        let text = told(&[epochs, warmup], 40);
        assert!(
            text.starts_with(
                "Optimizer.lr.warmup_epoch is 2 and Global.epochs 2: the warm-up is cut to 2 epochs"
            ),
            "{text}"
        );
        assert_eq!(told(&[epochs, &warmup.replace(": 2}", ": 1.5}")], 40), "");
        let text = told(&[], 31);
        assert!(text.starts_with("31 photos do not fill a batch of 32: they make one together"), "{text}");
        let text = told(&["Global.patience=3", "Global.eval_during_train=False"], 40);
        assert!(text.starts_with("Global.patience has no effect"), "{text}");
        assert_eq!(told(&["Global.patience=3"], 40), "");
        assert_eq!(told(&[], 32) + &told(&["DataLoader.Train.sampler.drop_last=False"], 31), "");
    }

    #[test]
    fn training_on_other_numbers_than_evaluation_is_told() {
        let train = "DataLoader.Train.dataset.transform_ops=[{RandCropImage: {size: 64}}]";
        let text = unusual_of(&config(&[train])).concat();
        let start =
            "DataLoader.Train has NormalizeImage.scale 1.0 where DataLoader.Eval has 0.003921569; Norm";
        assert!(text.starts_with(start), "{text}");
        let normalised = train.replace("}]", "}, NormalizeImage]");
        assert_eq!(unusual_of(&config(&[&normalised])), Vec::<String>::new());
    }

    #[test]
    fn another_preprocessing_of_infer_is_told() {
        let eval = "DataLoader.Eval.dataset.transform_ops=[{ResizeImage: {resize_short: 73}}, {CropImage: {size: 64}}, NormalizeImage]";
        let same = eval.replace("DataLoader.Eval.dataset.transform_ops", "Infer.transforms");
        assert_eq!(unusual_of(&config(&[eval, &same])), Vec::<String>::new());
        assert_eq!(unusual_of(&config(&[eval])), Vec::<String>::new());
        let text = unusual_of(&config(&[eval, &same.replace("73", "80")])).concat();
        let start =
            "Infer.transforms has ResizeImage.resize_short 80 where DataLoader.Eval has 73: the model keeps";
        assert!(text.starts_with(start), "{text}");
        // What only infer needs and is not supported keeps no run from starting.
        assert_eq!(
            unusual_of(&config(&[eval, "Infer.transforms=[{AutoAugment: {}}]"])),
            Vec::<String>::new()
        );
    }
}
