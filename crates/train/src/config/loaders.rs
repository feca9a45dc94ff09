//! `DataLoader` and `Infer`: which photos, and what is done to them.

use super::reader::{Item, Only, Section};
use super::reading::{INFER, MEASURED, Reading, TRAIN, Task};
use super::{ConfigError, InferConfig, LoaderConfig, mixing, ops};
use photonet_vision::Recipe;

/// `DataLoader`.
pub(crate) fn read(
    mut section: Section,
    (train, eval): (LoaderConfig, LoaderConfig),
    r: &mut Reading,
) -> Result<(LoaderConfig, LoaderConfig), ConfigError> {
    let of_train = loader(section.section("Train")?, &train, TRAIN, r);
    let of_eval = loader(section.section("Eval")?, &eval, MEASURED, r);
    section.finish()?;
    Ok((of_train?, of_eval?))
}

fn loader(
    mut section: Section,
    base: &LoaderConfig,
    tasks: &[Task],
    r: &mut Reading,
) -> Result<LoaderConfig, ConfigError> {
    let mut data = section.section("dataset")?;
    r.keep(tasks, data.named(&["ImageNetDataset"]), ());
    // Paddle's samplers keep the last batch unless they are told otherwise.
    let drop_last = base.drop_last && !(r.from_file && section.has("sampler"));
    let mut sampler = section.section("sampler")?;
    r.keep(tasks, sampler.named(&["DistributedBatchSampler", "BatchSampler"]), ());
    let mut workers = section.section("loader")?;
    let transforms = data.take("transform_ops");
    let keep_short = match workers.take("keep_short") {
        Some(item) => r.keep(tasks, item.u32_or_auto(), base.keep_short),
        // A file's own steps are followed to the bit.
        None if transforms.is_some() => Some(0),
        None => base.keep_short,
    };
    let mixing = match data.take("batch_transform_ops") {
        Some(item) if tasks == TRAIN => {
            let read = mixing::read(&item, &mut r.warnings);
            r.keep(tasks, read, base.mixing)
        }
        Some(item) => r.keep(tasks, mixing::refuse(&item).map(|()| base.mixing), base.mixing),
        None => base.mixing,
    };
    let loader = LoaderConfig {
        image_root: data.get_opt("image_root", Item::path_buf),
        cls_label_path: data.get_opt("cls_label_path", Item::path_buf),
        delimiter: data.get_opt("delimiter", delimiter).flatten(),
        recipe: recipe(transforms, &base.recipe, tasks, r),
        mixing,
        val_fraction: data.get("val_fraction", Item::fraction, base.val_fraction),
        batch_size: sampler.get("batch_size", Item::u32_positive, base.batch_size),
        drop_last: sampler.get("drop_last", Item::bool, drop_last),
        shuffle: sampler.get("shuffle", Item::bool, base.shuffle),
        // PaddleClas's 0 means "in the main process"; here loading always has a thread of its own.
        num_workers: workers.get_opt("num_workers", Item::u32).or(base.num_workers).map(|n| n.max(1)),
        cache_mb: workers.get_opt("cache_mb", Item::u32).or(base.cache_mb),
        keep_short,
    };
    if tasks == MEASURED {
        // Every validation photo counts once, in the order of its list.
        let moot =
            [("drop_last", loader.drop_last), ("shuffle", loader.shuffle)].into_iter().filter(|(_, on)| *on);
        r.ignored.extend(moot.map(|(key, _)| format!("DataLoader.Eval.sampler.{key}")));
    }
    data.only(&[("relabel", Only::Bool(false))]);
    data.ignore(&["backend"], &mut r.ignored);
    workers.ignore(&["use_shared_memory", "prefetch_factor"], &mut r.ignored);
    for part in [data, sampler, workers, section] {
        r.keep(tasks, part.finish(), ());
    }
    Ok(loader)
}

/// What is done to each photo; `base` where nothing is said, or what is not supported and needed for another task.
fn recipe(steps: Option<Item>, base: &Recipe, tasks: &[Task], r: &mut Reading) -> Recipe {
    let Some(item) = steps else { return base.clone() };
    let read = ops::read(&item, &mut r.ignored).map_err(|error| error.with_way_out(&item.path));
    if read.is_err() {
        r.unread.push(item.path);
    }
    r.keep(tasks, read, base.clone())
}

/// A blank, PaddleClas's default, is the same as none: the last run of blanks separates either way.
fn delimiter(item: &Item) -> Result<Option<String>, ConfigError> {
    // A shell passes on a backslash and a t.
    let text = item.text()?.replace("\\t", "\t");
    Ok((!text.trim_matches(' ').is_empty()).then_some(text))
}

/// `Infer`.
pub(crate) fn infer(
    mut section: Section,
    base: InferConfig,
    r: &mut Reading,
) -> Result<InferConfig, ConfigError> {
    let mut post = section.section("PostProcess")?;
    r.keep(INFER, post.named(&["Topk"]), ());
    let infer = InferConfig {
        images: section.get_opt("infer_imgs", Item::path_buf),
        list: section.get_opt("infer_list", Item::path_buf),
        batch_size: section.get("batch_size", Item::u32_positive, base.batch_size),
        recipe: recipe(section.take("transforms"), &base.recipe, INFER, r),
        topk: post.get("topk", Item::u32_positive, base.topk),
        class_id_map_file: post.get_opt("class_id_map_file", Item::path_buf),
        save_dir: section.get_opt("save_dir", Item::path_buf),
    };
    post.ignore(&["delimiter", "label_list"], &mut r.ignored);
    for part in [post, section] {
        r.keep(INFER, part.finish(), ());
    }
    Ok(infer)
}
