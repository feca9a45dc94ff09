//! From the tree to [`Config`]: one function per top-level section.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::reader::{Item, Only, Section};
use super::reading::{ALL, INFER, MEASURED, Reading, TRAIN, Task};
use super::tree::{Node, Value};
use super::{Config, ConfigError, Given, Global, MetricConfig, arch, loaders, loss, optimizer};

pub(crate) fn read(root: Node, mut r: Reading) -> Result<Config, ConfigError> {
    let base = Config::defaults();
    let mut given = given(&root);
    let mut root = Item::root(root).section()?;
    let (global, class_num) = part(&mut r, ALL, &mut root, "Global", (base.global, None), global);
    let arch = part(&mut r, ALL, &mut root, "Arch", base.arch, |section, base, r| {
        arch::read(section, base, class_num, r)
    });
    let loss = part(&mut r, MEASURED, &mut root, "Loss", base.loss, loss::read);
    let optimizer = part(&mut r, TRAIN, &mut root, "Optimizer", base.optimizer, optimizer::read);
    let (train, eval) =
        part(&mut r, MEASURED, &mut root, "DataLoader", (base.train, base.eval), loaders::read);
    let mut infer = part(&mut r, INFER, &mut root, "Infer", base.infer, loaders::infer);
    let metric = part(&mut r, MEASURED, &mut root, "Metric", base.metric, metric);
    let amp = root.take("AMP").map_or(Ok(base.amp), |item| amp(item.section()?, &mut r.ignored));
    let amp = r.keep(TRAIN, amp, base.amp);
    let ema = root.take("EMA").map_or(Ok(base.ema), ema);
    let ema = r.keep(TRAIN, ema, base.ema);
    let absent = root.only_default(&[("Slim", Only::Absent), ("AttrMetric", Only::Absent)]);
    r.keep(TRAIN, absent, ());
    // How the work is spread over several GPUs and how it is measured: neither changes a result here.
    root.ignore(&["DistributedStrategy", "profiler_options", "Profiler", "VisualDL"], &mut r.ignored);
    r.keep(ALL, root.finish(), ());
    if r.unread.iter().any(|path| path == "Infer.transforms") {
        infer.recipe.clone_from(&eval.recipe);
    }
    given.0.retain(|path| !r.unread.contains(path));
    let (ignored, warnings) = r.finish()?;
    Ok(Config {
        global,
        arch,
        loss,
        optimizer,
        train,
        eval,
        infer,
        metric,
        ema,
        amp,
        given,
        ignored,
        warnings,
    })
}

/// Reads a section with what stands for it where it cannot be read.
fn part<T: Clone>(
    r: &mut Reading,
    tasks: &[Task],
    root: &mut Section,
    key: &'static str,
    base: T,
    read: impl FnOnce(Section, T, &mut Reading) -> Result<T, ConfigError>,
) -> T {
    let result = root.section(key).and_then(|section| read(section, base.clone(), r));
    r.keep(tasks, result, base)
}

/// The full paths of all keys that hold something, those in lists left out.
fn given(root: &Node) -> Given {
    let mut given = Given::default();
    collect(root, "", &mut given.0);
    given
}

fn collect(node: &Node, above: &str, paths: &mut BTreeSet<String>) {
    let Value::Map(entries) = &node.value else { return };
    for (key, node) in entries.iter().filter(|(_, node)| !matches!(node.value, Value::Null)) {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        collect(node, &path, paths);
        paths.insert(path);
    }
}

fn global(
    mut section: Section,
    (base, _): (Global, Option<u32>),
    r: &mut Reading,
) -> Result<(Global, Option<u32>), ConfigError> {
    let class_num = section.get_opt("class_num", Item::u32_positive);
    let global = Global {
        checkpoints: section.get_opt("checkpoints", unless_false).flatten(),
        pretrained_model: section.get_opt("pretrained_model", unless_false).flatten(),
        output_dir: section.get("output_dir", Item::path_buf, base.output_dir),
        device: section.get("device", device, base.device),
        epochs: section.get("epochs", Item::u32_positive, base.epochs),
        save_interval: section.get("save_interval", Item::u32_positive, base.save_interval),
        eval_during_train: section.get("eval_during_train", Item::bool, base.eval_during_train),
        eval_interval: section.get("eval_interval", Item::u32_positive, base.eval_interval),
        start_eval_epoch: section.get("start_eval_epoch", Item::u32, base.start_eval_epoch),
        patience: section.get("patience", Item::u32, base.patience),
        print_batch_step: section.get("print_batch_step", Item::u32_positive, base.print_batch_step),
        image_shape: section.get("image_shape", image_shape, base.image_shape),
        update_freq: section.get("update_freq", Item::u32_positive, base.update_freq),
        seed: section.get("seed", seed, None).unwrap_or(base.seed),
    };
    let training = section.only_default(&[
        ("train_mode", Only::Absent),
        ("ema", Only::Off),
        ("freeze_befor", Only::Absent),
    ]);
    r.keep(TRAIN, training, ());
    section.only(&[
        ("eval_mode", Only::Word("classification")),
        ("task", Only::Word("classification")),
        ("use_multilabel", Only::Bool(false)),
    ]);
    section.ignore(
        &[
            "use_visualdl",
            "save_inference_dir",
            "to_static",
            "use_dali",
            "use_fused_attn",
            "use_fused_linear",
            "uniform_output_enabled",
            "print_mem_info",
            "profiler_options",
            "export_for_fd",
            "export_with_pir",
            "vdl_dir",
            "model_name",
            "distributed",
            "cal_metric_during_train",
            "max_num_latest_checkpoint",
            "use_npu",
            "use_xpu",
            "use_mlu",
        ],
        &mut r.ignored,
    );
    r.keep(ALL, section.finish(), ());
    Ok((global, class_num))
}

/// A path; PaddleClas takes False and an empty text for none.
fn unless_false(item: &Item) -> Result<Option<PathBuf>, ConfigError> {
    match &item.node.value {
        Value::Bool(false) => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        _ => item.path_buf().map(Some),
    }
}

/// A seed; False, PaddleClas's default, is none.
fn seed(item: &Item) -> Result<Option<u64>, ConfigError> {
    if matches!(item.node.value, Value::Bool(false)) { Ok(None) } else { item.u64().map(Some) }
}

fn image_shape(item: &Item) -> Result<[u32; 3], ConfigError> {
    let sides = item.list()?.iter().map(Item::u32_positive).collect::<Result<Vec<_>, _>>()?;
    match sides[..] {
        [3, height, width] => Ok([3, height, width]),
        _ => Err(item.invalid("it must be [3, height, width]")),
    }
}

/// PaddleClas's device words in Photonet's terms; any other word passes through.
fn device(item: &Item) -> Result<String, ConfigError> {
    let word = item.text()?;
    Ok(match word.split_once(':').map_or(word.as_str(), |(kind, _)| kind) {
        "gpu" => "auto".to_owned(),
        "cpu" => "software".to_owned(),
        "npu" | "xpu" | "mlu" | "gcu" | "mps" => {
            let devices = "gpu or auto, cpu or software, discrete, integrated, or part of a GPU's name";
            return Err(item.unsupported(&word, devices));
        }
        _ => word,
    })
}

fn metric(mut section: Section, base: MetricConfig, r: &mut Reading) -> Result<MetricConfig, ConfigError> {
    let train = section.take("Train").map(|item| accuracies(&item)).transpose();
    let eval = section.take("Eval").map(|item| accuracies(&item)).transpose();
    section.finish()?;
    let (train, eval) = (r.keep(TRAIN, train, None), r.keep(MEASURED, eval, None));
    // Where one is not given, the other one's are reported.
    let (other_train, other_eval) = (eval.clone().unwrap_or(base.train), train.clone().unwrap_or(base.eval));
    Ok(MetricConfig { train: train.unwrap_or(other_train), eval: eval.unwrap_or(other_eval) })
}

/// Python's `(1, 5)`, which YAML takes for a text, as the list that it is there.
fn tuple(item: Item) -> Item {
    let inner = match &item.node.value {
        Value::Text(text) => text.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')')),
        _ => None,
    };
    let Some(inner) = inner else { return item };
    let numbers = inner.split(',').map(str::trim).filter(|word| !word.is_empty());
    let node = |word| Node { value: Value::from_plain(word), place: item.node.place.clone() };
    let list = Value::List(numbers.map(node).collect());
    Item { node: Node { value: list, ..item.node.clone() }, ..item }
}

/// Each k of the `TopkAcc` in a list.
fn accuracies(item: &Item) -> Result<Vec<u32>, ConfigError> {
    let mut all: Vec<u32> = Vec::new();
    for entry in item.list()? {
        let (name, named, mut options) = entry.named()?;
        if name != "TopkAcc" {
            return Err(named.unsupported_name(&name, &["TopkAcc"]));
        }
        let Some(topk) = options.take("topk") else { return Err(options.missing("topk")) };
        let topk = tuple(topk);
        let list = match topk.node.value {
            Value::List(_) => topk.list()?.iter().map(Item::u32_positive).collect::<Result<_, _>>()?,
            _ => vec![topk.u32_positive()?],
        };
        for k in list {
            if !all.contains(&k) {
                all.push(k);
            }
        }
        options.finish()?;
    }
    let most = MetricConfig::MOST;
    match all.len() {
        0 => Err(item.invalid("it must name a k, as in [{TopkAcc: {topk: [1, 5]}}]")),
        n if n > most => {
            Err(item.unsupported(&format!("top-k of {n} numbers k"), format!("up to {most} of them")))
        }
        _ => Ok(all),
    }
}

/// The decay of a moving average, which a section that is there asks for unless it says `enable: False`.
fn ema(item: Item) -> Result<Option<f64>, ConfigError> {
    if matches!(item.node.value, Value::Bool(false)) {
        return Ok(None);
    }
    let mut section = item.section()?;
    let on = section.get("enable", Item::bool, true);
    let decay = section.get("decay", Item::fraction, 0.9999);
    section.finish()?;
    Ok(on.then_some(decay))
}

/// Whether mixed precision is on: in PaddleClas a section that is there asks for it unless it says otherwise. Its other keys have no effect: while it is off they need none, and nothing is said.
fn amp(mut section: Section, ignored: &mut Vec<String>) -> Result<bool, ConfigError> {
    let on = section.read("use_amp", Item::bool, true)?;
    section.only_default(&[("use_fp16_test", Only::Bool(false))])?;
    let mut unsaid = Vec::new();
    let quiet =
        ["scale_loss", "use_dynamic_loss_scaling", "use_promote", "level", "use_ampo2", "custom_white_list"];
    section.ignore(&quiet, if on { ignored } else { &mut unsaid });
    section.finish()?;
    Ok(on)
}
