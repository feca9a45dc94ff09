//! The photos and the class names that a configuration names.

use std::path::Path;

use super::{
    DataSplit, Dataset, DatasetError, DatasetReport, LabelList, Layout, ListOptions, SplitOptions, open,
};
use crate::config::Config;

/// The training and validation photos that a configuration names: by its list files, or by the
/// folder in `DataLoader.Train.dataset.image_root` in any layout that [`open`] knows.
///
/// Class names come from `Infer.PostProcess.class_id_map_file` where that file exists and names as many classes as there
/// are, otherwise from `label_list.txt` beside the training list or in its `image_root`, otherwise they are the labels'
/// numbers.
///
/// # Errors
/// As [`open`]; [`DatasetError::NotGiven`] if the configuration names no training photos, or a
/// training list without a validation list.
pub fn open_config(config: &Config) -> Result<DataSplit, DatasetError> {
    let not_given = |key: &'static str| DatasetError::NotGiven { key };
    let root = config.train.image_root.as_deref();
    let root = root.ok_or_else(|| not_given("DataLoader.Train.dataset.image_root"))?;
    let Some(list) = config.train.cls_label_path.as_deref() else {
        let seed = config.global.seed;
        return open(root, SplitOptions { fraction: config.train.val_fraction, seed });
    };
    let val_list = config.eval.cls_label_path.as_deref();
    let val_list = val_list.ok_or_else(|| not_given("DataLoader.Eval.dataset.cls_label_path"))?;
    let class_num = config.arch.class_num;
    let options =
        ListOptions { delimiter: config.train.delimiter.clone(), class_num, labels: None, configured: true };
    let (unnamed, _) = Dataset::from_list(list, root, &options)?;
    let Names { labels, notes } = Names::find(config, list, root, unnamed.labels.len())?;
    let (train, mut train_report) = Dataset::from_list(list, root, &ListOptions { labels, ..options })?;
    train_report.names = notes;
    train.check_classes(list)?;
    let options = ListOptions {
        delimiter: config.eval.delimiter.clone(),
        class_num,
        labels: Some(train.labels.clone()),
        configured: true,
    };
    let val_root = config.eval.image_root.as_deref().unwrap_or(root);
    let (val, val_report) = Dataset::from_list(val_list, val_root, &options)?;
    Ok(DataSplit { train, val, layout: Layout::Lists, train_report, val_report })
}

/// The photos that a configuration names to evaluate a model of the classes `labels` on: those of its evaluation list,
/// whose labels are the classes' numbers, or those that [`open_config`] sets apart.
///
/// # Errors
/// As [`Dataset::from_list`] and [`open_config`]; [`DatasetError::OtherClasses`] if folders have other classes.
pub fn open_config_eval(
    config: &Config,
    labels: &[String],
) -> Result<(Dataset, DatasetReport), DatasetError> {
    if let Some(list) = config.eval.cls_label_path.as_deref() {
        let root = config.eval.image_root.as_deref().or(config.train.image_root.as_deref());
        let root = root.ok_or(DatasetError::NotGiven { key: "DataLoader.Eval.dataset.image_root" })?;
        let delimiter = config.eval.delimiter.clone();
        let options =
            ListOptions { delimiter, labels: Some(labels.to_vec()), class_num: None, configured: true };
        return Dataset::from_list(list, root, &options);
    }
    let split = open_config(config)?;
    // Lists give the classes by number, folders by name.
    if split.layout != Layout::Lists && split.val.labels != labels {
        let [photos, model] = [&split.val.labels, labels].map(|names| names.join(", "));
        return Err(DatasetError::OtherClasses { photos, model });
    }
    Ok((split.val, split.val_report))
}

/// The names of the classes of a list.
struct Names {
    labels: Option<Vec<String>>,
    /// What is wrong with the files of names, and what was made of it.
    notes: Vec<String>,
}

impl Names {
    /// Looks for the names of the classes of a list, of which there are `classes` by its labels or by the configuration.
    fn find(config: &Config, list: &Path, root: &Path, classes: usize) -> Result<Names, DatasetError> {
        let map = config.infer.class_id_map_file.as_deref();
        let beside = [list.with_file_name("label_list.txt"), root.join("label_list.txt")];
        let beside = beside.iter().map(|path| path.as_path()).find(|path| path.is_file());
        let read = |path: Option<&'_ Path>| path.map(LabelList::read).transpose();
        let (of_map, of_list) = (read(map.filter(|path| path.is_file()))?, read(beside)?);
        let fits = |list: &LabelList| list.fits(classes);
        // Where nothing says how many classes there are, the list may lack photos of the last ones.
        let may_fit = |list: &LabelList| {
            config.arch.class_num.is_none() && list.names.len() > classes && !list.begins_at_one(classes)
        };
        let keeps_map = of_map
            .as_ref()
            .is_some_and(|names| fits(names) || (may_fit(names) && !of_list.as_ref().is_some_and(fits)));
        let instead = match beside {
            Some(list) => format!("the names of {} are taken", list.display()),
            None => "the classes are called by their numbers".to_owned(),
        };
        let problem = match (map, &of_map) {
            (Some(path), None) => Some(format!("class_id_map_file {} does not exist", path.display())),
            (_, Some(names)) if !keeps_map => Some(names.misfit(classes)),
            _ => None,
        };
        let mut notes: Vec<String> =
            problem.map(|problem| format!("{problem}: {instead}")).into_iter().collect();
        let taken = if keeps_map { of_map } else { of_list };
        notes.extend(taken.as_ref().and_then(LabelList::repeated));
        Ok(Names { labels: taken.map(|list| list.names), notes })
    }
}
