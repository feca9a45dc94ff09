//! From the tree to [`Config`]: one function per top-level section.

use super::reader::{Item, Only, Section};
use super::tree::{Node, Value};
use super::{
    Config, ConfigError, Global, InferConfig, LoaderConfig, Loss, OptimizerConfig, ScheduleConfig,
    ScheduleKind, arch, ops,
};

pub(crate) fn read(root: Node) -> Result<Config, ConfigError> {
    let base = Config::defaults();
    let mut root = Item::root(root).section()?;
    let mut ignored = Vec::new();
    let (global, class_num) = global(root.section("Global")?, &base.global, &mut ignored)?;
    let arch = arch::read(root.section("Arch")?, &base.arch, class_num, &mut ignored)?;
    let loss = loss(root.section("Loss")?, base.loss)?;
    let optimizer = optimizer(root.section("Optimizer")?, &base.optimizer, &mut ignored)?;
    let mut loaders = root.section("DataLoader")?;
    let train = loader(loaders.section("Train")?, &base.train, &mut ignored)?;
    let eval = loader(loaders.section("Eval")?, &base.eval, &mut ignored)?;
    loaders.finish()?;
    let infer = infer(root.section("Infer")?, &base.infer, &mut ignored)?;
    let topk = metric(root.section("Metric")?, &base.topk)?;
    let amp = amp(root.section("AMP")?, &mut ignored)?;
    root.only_default(&[("EMA", Only::Absent), ("Slim", Only::Absent), ("AttrMetric", Only::Absent)])?;
    // How the work is spread over several GPUs and how it is measured: neither changes a result here.
    root.ignore(&["DistributedStrategy", "profiler_options", "Profiler", "VisualDL"], &mut ignored);
    root.finish()?;
    Ok(Config { global, arch, loss, optimizer, train, eval, infer, topk, amp, ignored })
}

type ClassNum = Option<(u32, Item)>;

fn global(
    mut section: Section,
    base: &Global,
    ignored: &mut Vec<String>,
) -> Result<(Global, ClassNum), ConfigError> {
    let class_num = section.take("class_num").map(|item| Ok((item.u32_positive()?, item))).transpose()?;
    let image_shape = match section.take("image_shape") {
        None => base.image_shape,
        Some(item) => image_shape(&item)?,
    };
    let device = match section.take("device") {
        None => base.device.clone(),
        Some(item) => device(&item.text()?),
    };
    let global = Global {
        checkpoints: section.read_opt("checkpoints", Item::path_buf)?,
        pretrained_model: section.read_opt("pretrained_model", Item::path_buf)?,
        output_dir: section.read("output_dir", Item::path_buf, base.output_dir.clone())?,
        device,
        epochs: section.read("epochs", Item::u32_positive, base.epochs)?,
        save_interval: section.read("save_interval", Item::u32_positive, base.save_interval)?,
        eval_during_train: section.read("eval_during_train", Item::bool, base.eval_during_train)?,
        eval_interval: section.read("eval_interval", Item::u32_positive, base.eval_interval)?,
        print_batch_step: section.read("print_batch_step", Item::u32_positive, base.print_batch_step)?,
        image_shape,
        seed: section.read("seed", Item::u64, base.seed)?,
    };
    section.only_default(&[
        ("update_freq", Only::Number(1.0)),
        ("eval_mode", Only::Word("classification")),
        ("task", Only::Word("classification")),
        ("train_mode", Only::Absent),
        ("use_multilabel", Only::Bool(false)),
        ("start_eval_epoch", Only::Number(0.0)),
        ("freeze_befor", Only::Absent),
    ])?;
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
        ignored,
    );
    section.finish()?;
    Ok((global, class_num))
}

fn image_shape(item: &Item) -> Result<[u32; 3], ConfigError> {
    let sides = item.list()?.iter().map(Item::u32_positive).collect::<Result<Vec<_>, _>>()?;
    match sides[..] {
        [3, height, width] => Ok([3, height, width]),
        _ => Err(item.invalid("it must be [3, height, width]")),
    }
}

/// PaddleClas's device words in Photonet's terms; any other word passes through.
fn device(word: &str) -> String {
    match word.split_once(':').map_or(word, |(kind, _)| kind) {
        "gpu" => "auto".to_owned(),
        "cpu" => "software".to_owned(),
        _ => word.to_owned(),
    }
}

fn loss(mut section: Section, base: Loss) -> Result<Loss, ConfigError> {
    let train = section.take("Train").map(|item| cross_entropy(&item)).transpose()?;
    // The evaluation loss is reported without smoothing, as PaddleClas's files ask for; only its form
    // is checked.
    if let Some(item) = section.take("Eval") {
        let epsilon = cross_entropy(&item)?.epsilon;
        if epsilon != 0.0 {
            return Err(item.unsupported("label smoothing in evaluation", "CELoss without epsilon"));
        }
    }
    section.finish()?;
    Ok(train.unwrap_or(base))
}

fn cross_entropy(item: &Item) -> Result<Loss, ConfigError> {
    let terms = item.list()?;
    let [only] = terms.as_slice() else {
        return Err(item.unsupported(&format!("a sum of {} losses", terms.len()), "one CELoss"));
    };
    let (name, named, mut options) = only.named()?;
    if name != "CELoss" {
        return Err(named.unsupported_name(&name, &["CELoss"]));
    }
    let epsilon = options.read("epsilon", Item::fraction, 0.0)?;
    options.only_default(&[("weight", Only::Number(1.0)), ("reduction", Only::Word("mean"))])?;
    options.finish()?;
    Ok(Loss { epsilon })
}

fn optimizer(
    mut section: Section,
    base: &OptimizerConfig,
    ignored: &mut Vec<String>,
) -> Result<OptimizerConfig, ConfigError> {
    if let Some(item) = section.take("name") {
        let name = item.text()?;
        if name != "Momentum" {
            return Err(item.unsupported_name(&name, &["Momentum"]));
        }
    }
    let momentum = section.read("momentum", Item::fraction, base.momentum)?;
    let schedule = match section.take("lr") {
        None => base.schedule,
        Some(item) => schedule(item.section()?)?,
    };
    let l2 = match section.take("regularizer") {
        None => base.l2,
        Some(item) => regularizer(item.section()?)?,
    };
    section.only_default(&[
        ("use_nesterov", Only::Bool(false)),
        ("clip_norm", Only::Absent),
        ("grad_clip", Only::Absent),
        ("weight_decay", Only::Absent),
        ("no_weight_decay_name", Only::Absent),
        ("one_dim_param_no_weight_decay", Only::Bool(false)),
    ])?;
    section.ignore(&["multi_precision"], ignored);
    let head_lr = section.read("head_lr", Item::f64_not_negative, base.head_lr)?;
    section.finish()?;
    Ok(OptimizerConfig { momentum, schedule, l2, head_lr })
}

fn schedule(mut section: Section) -> Result<ScheduleConfig, ConfigError> {
    let name = section.take("name");
    let word = name.as_ref().map(Item::text).transpose()?;
    let kind = match (word.as_deref(), name) {
        (Some("Cosine"), _) => {
            ScheduleKind::Cosine { eta_min: section.read("eta_min", Item::f64_not_negative, 0.0)? }
        }
        (Some("Const" | "ConstLR") | None, _) => ScheduleKind::Const,
        (Some(other), Some(item)) => return Err(item.unsupported_name(other, &["Cosine", "ConstLR"])),
        (Some(_), None) => ScheduleKind::Const,
    };
    let learning_rate = section
        .read_opt("learning_rate", Item::f64_not_negative)?
        .ok_or_else(|| section.missing("learning_rate"))?;
    let schedule = ScheduleConfig {
        kind,
        learning_rate,
        warmup_epoch: section.read("warmup_epoch", Item::f64_not_negative, 0.0)?,
        warmup_start_lr: section.read("warmup_start_lr", Item::f64_not_negative, 0.0)?,
    };
    section.only_default(&[("last_epoch", Only::Number(-1.0)), ("by_epoch", Only::Bool(false))])?;
    section.finish()?;
    Ok(schedule)
}

fn regularizer(mut section: Section) -> Result<f64, ConfigError> {
    if let Some(item) = section.take("name") {
        let name = item.text()?;
        if name != "L2" {
            return Err(item.unsupported_name(&name, &["L2"]));
        }
    }
    let coeff = section.read("coeff", Item::f64_not_negative, 0.0)?;
    section.finish()?;
    Ok(coeff)
}

fn loader(
    mut section: Section,
    base: &LoaderConfig,
    ignored: &mut Vec<String>,
) -> Result<LoaderConfig, ConfigError> {
    let mut data = section.section("dataset")?;
    if let Some(item) = data.take("name") {
        let name = item.text()?;
        if name != "ImageNetDataset" {
            return Err(item.unsupported_name(&name, &["ImageNetDataset"]));
        }
    }
    let mut sampler = section.section("sampler")?;
    if let Some(item) = sampler.take("name") {
        let name = item.text()?;
        if !["DistributedBatchSampler", "BatchSampler"].contains(&name.as_str()) {
            return Err(item.unsupported_name(&name, &["DistributedBatchSampler", "BatchSampler"]));
        }
    }
    let mut workers = section.section("loader")?;
    let transforms = data.take("transform_ops");
    let keep_short = match workers.take("keep_short") {
        Some(item) => item.u32_or_auto()?,
        // A file's own steps are followed to the bit.
        None if transforms.is_some() => Some(0),
        None => base.keep_short,
    };
    let loader = LoaderConfig {
        image_root: data.read_opt("image_root", Item::path_buf)?,
        cls_label_path: data.read_opt("cls_label_path", Item::path_buf)?,
        delimiter: data.read_opt("delimiter", delimiter)?.flatten(),
        recipe: match transforms {
            None => base.recipe.clone(),
            Some(item) => ops::read(&item, ignored)?,
        },
        val_fraction: data.read("val_fraction", Item::fraction, base.val_fraction)?,
        batch_size: sampler.read("batch_size", Item::u32_positive, base.batch_size)?,
        drop_last: sampler.read("drop_last", Item::bool, base.drop_last)?,
        shuffle: sampler.read("shuffle", Item::bool, base.shuffle)?,
        // PaddleClas's 0 means "in the main process"; here loading always has a thread of its own.
        num_workers: workers.read_opt("num_workers", Item::u32)?.or(base.num_workers).map(|n| n.max(1)),
        cache_mb: workers.read_opt("cache_mb", Item::u32)?.or(base.cache_mb),
        keep_short,
    };
    data.only_default(&[("batch_transform_ops", Only::Absent), ("relabel", Only::Bool(false))])?;
    data.ignore(&["backend"], ignored);
    workers.ignore(&["use_shared_memory", "prefetch_factor"], ignored);
    data.finish()?;
    sampler.finish()?;
    workers.finish()?;
    section.finish()?;
    Ok(loader)
}

/// A blank, PaddleClas's default, is the same as none: the last run of blanks separates either way.
fn delimiter(item: &Item) -> Result<Option<String>, ConfigError> {
    let text = item.text()?;
    Ok((!text.trim_matches(' ').is_empty()).then_some(text))
}

fn infer(
    mut section: Section,
    base: &InferConfig,
    ignored: &mut Vec<String>,
) -> Result<InferConfig, ConfigError> {
    let mut post = section.section("PostProcess")?;
    if let Some(item) = post.take("name") {
        let name = item.text()?;
        if name != "Topk" {
            return Err(item.unsupported_name(&name, &["Topk"]));
        }
    }
    let infer = InferConfig {
        images: section.read_opt("infer_imgs", Item::path_buf)?,
        batch_size: section.read("batch_size", Item::u32_positive, base.batch_size)?,
        recipe: match section.take("transforms") {
            None => base.recipe.clone(),
            Some(item) => ops::read(&item, ignored)?,
        },
        topk: post.read("topk", Item::u32_positive, base.topk)?,
        class_id_map_file: post.read_opt("class_id_map_file", Item::path_buf)?,
        save_dir: section.read_opt("save_dir", Item::path_buf)?,
    };
    post.ignore(&["delimiter", "label_list"], ignored);
    post.finish()?;
    section.finish()?;
    Ok(infer)
}

fn metric(mut section: Section, base: &[u32]) -> Result<Vec<u32>, ConfigError> {
    let mut all: Vec<u32> = Vec::new();
    let mut given = false;
    for key in ["Train", "Eval"] {
        let Some(item) = section.take(key) else { continue };
        for entry in item.list()? {
            let (name, named, mut options) = entry.named()?;
            if name != "TopkAcc" {
                return Err(named.unsupported_name(&name, &["TopkAcc"]));
            }
            let Some(topk) = options.take("topk") else { return Err(options.missing("topk")) };
            given = true;
            if matches!(topk.node.value, Value::List(_)) {
                for k in topk.list()? {
                    all.push(k.u32_positive()?);
                }
            } else {
                all.push(topk.u32_positive()?);
            }
            options.finish()?;
        }
    }
    section.finish()?;
    if !given {
        return Ok(base.to_vec());
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Whether mixed precision is on. Its other keys have no effect: while it is off they need none, and nothing is said.
fn amp(mut section: Section, ignored: &mut Vec<String>) -> Result<bool, ConfigError> {
    let on = section.read("use_amp", Item::bool, false)?;
    section.only_default(&[("use_fp16_test", Only::Bool(false))])?;
    let mut unsaid = Vec::new();
    let quiet =
        ["scale_loss", "use_dynamic_loss_scaling", "use_promote", "level", "use_ampo2", "custom_white_list"];
    section.ignore(&quiet, if on { ignored } else { &mut unsaid });
    section.finish()?;
    Ok(on)
}
