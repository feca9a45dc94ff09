//! Which settings of one configuration are others than those of another.

use super::Config;
use super::emit::{self, Yaml, inline};

/// Sections and keys that may be others when a run goes on: where things lie, how far it goes, and what changes no result.
const FREE: [&str; 25] = [
    "Global.checkpoints",
    "Global.pretrained_model",
    "Global.output_dir",
    "Global.device",
    "Global.save_interval",
    "Global.patience",
    "Global.epochs",
    "Global.print_batch_step",
    // Refused where it is another.
    "Global.seed",
    "Global.update_freq",
    "Arch.name",
    "Arch.class_num",
    "Optimizer.name",
    "Arch.pretrained",
    "Arch.use_ssld",
    "Infer",
    // What is used is the size of the transforms.
    "Global.image_shape",
    "DataLoader.Train.dataset.image_root",
    "DataLoader.Train.dataset.cls_label_path",
    "DataLoader.Train.loader.num_workers",
    "DataLoader.Train.loader.cache_mb",
    "DataLoader.Eval.dataset.image_root",
    "DataLoader.Eval.dataset.cls_label_path",
    "DataLoader.Eval.loader",
    "DataLoader.Eval.sampler",
];

/// The keys of `config` that change a run and are others than in `first`: each with both values where these are short.
pub(crate) fn changes(config: &Config, first: &Config) -> Vec<String> {
    let [ours, theirs] = [config, first].map(|config| {
        let mut settings = Vec::new();
        collect(&emit::document(config), "", &mut settings);
        settings
    });
    let find = |settings: &[(String, String)], path: &str| {
        settings.iter().find(|(other, _)| other == path).map(|(_, value)| value.clone())
    };
    let gone = theirs.iter().filter(|(path, _)| find(&ours, path).is_none()).map(|(path, _)| path.clone());
    let paths: Vec<String> = ours.iter().map(|(path, _)| path.clone()).chain(gone).collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let [now, before] = [&ours, &theirs].map(|settings| find(settings, &path));
            (now != before).then(|| match (now, before) {
                (Some(now), Some(before)) if now.len().max(before.len()) <= SHORT => {
                    format!("{path} ({now}, there {before})")
                }
                _ => path,
            })
        })
        .collect()
}

/// Longer values are not shown.
const SHORT: usize = 30;

/// The values below a key, but for those that are [`FREE`].
fn collect(value: &Yaml, path: &str, settings: &mut Vec<(String, String)>) {
    if FREE.contains(&path) {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Yaml::Map(entries) => entries.iter().for_each(|(key, value)| collect(value, &below(key), settings)),
        // Of other lists of operators each may be another one.
        Yaml::Items(items) if items.len() == 1 => collect(&items[0], path, settings),
        value => settings.push((path.to_owned(), inline(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
        Config::from_yaml("", "test", &overrides).unwrap()
    }

    #[test]
    fn what_changes_a_run_is_named_and_nothing_else() {
        let first = config(&["EMA.decay=0.99"]);
        let free = [
            "Global.epochs=3",
            "Global.output_dir=b",
            "Global.patience=9",
            "Infer.batch_size=3",
            "EMA.decay=0.99",
        ];
        assert_eq!(changes(&config(&free), &first), Vec::<String>::new());
        let read_back = Config::from_yaml(&first.to_yaml(), "test", &[]).unwrap();
        assert_eq!(changes(&read_back, &first), Vec::<String>::new());
        let others = [
            "Arch.dropout_prob=0.5",
            "Loss.Train=[{CELoss: {epsilon: 0.1}}]",
            "Optimizer.momentum=0.8",
            "Optimizer.use_nesterov=True",
            "DataLoader.Eval.dataset.transform_ops=[{ResizeImage: {size: 64}}]",
        ];
        let expected = [
            "Arch.dropout_prob (0.5, there 0.2)",
            "Loss.Train.CELoss.epsilon (0.1, there 0.0)",
            "Optimizer.momentum (0.8, there 0.9)",
            "Optimizer.use_nesterov (True, there False)",
            "DataLoader.Eval.dataset.transform_ops",
            "EMA.decay",
        ];
        assert_eq!(changes(&config(&others), &first), expected);
    }
}
