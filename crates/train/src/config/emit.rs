//! From [`Config`] back to YAML.

use std::fmt::Write;
use std::path::Path;

use super::{
    Config, LoaderConfig, OptimizerConfig, OptimizerMethod, Pretrained, ScheduleConfig, ScheduleKind, loss,
    mixing, ops, tree,
};

/// A YAML value to be written. Scalars are kept as their text.
#[derive(Clone)]
pub(crate) enum Yaml {
    /// One word.
    Scalar(String),
    /// A list of words on one line.
    List(Vec<Yaml>),
    /// A list with an item a line.
    Items(Vec<Yaml>),
    /// A section.
    Map(Vec<(&'static str, Yaml)>),
}

impl Yaml {
    pub fn null() -> Yaml {
        Yaml::Scalar("null".to_owned())
    }

    pub fn bool(value: bool) -> Yaml {
        Yaml::Scalar(if value { "True" } else { "False" }.to_owned())
    }

    pub fn int(value: impl Into<u64>) -> Yaml {
        Yaml::Scalar(value.into().to_string())
    }

    pub fn ints(values: &[u32]) -> Yaml {
        Yaml::List(values.iter().map(|v| Yaml::int(*v)).collect())
    }

    /// The shortest text that reads back to the same number, without an exponent, which Python's YAML
    /// reader would take for a text.
    pub fn float(value: f64) -> Yaml {
        let whole = if value.fract() == 0.0 { ".0" } else { "" };
        Yaml::Scalar(format!("{value}{whole}"))
    }

    /// As [`Yaml::float`], for single precision: shorter, where that is exact when rounded again.
    pub fn single(value: f32) -> Yaml {
        let short = format!("{value}").parse::<f64>().unwrap_or(f64::from(value));
        Yaml::float(if short as f32 == value { short } else { f64::from(value) })
    }

    /// A seed, in quotes where it is beyond YAML's whole numbers.
    fn seed(value: u64) -> Yaml {
        if i64::try_from(value).is_ok() { Yaml::int(value) } else { Yaml::text(&value.to_string()) }
    }

    pub fn floats(values: [f64; 2]) -> Yaml {
        Yaml::List(values.map(Yaml::float).to_vec())
    }

    /// A text, in quotes unless it is plainly one.
    pub fn text(value: &str) -> Yaml {
        let tame = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
        let starts_well = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '/');
        let reads_as_text =
            matches!(tree::Value::from_plain(value), tree::Value::Text(_)) && !is_truth_word(value);
        if starts_well && reads_as_text && value.chars().all(tame) {
            return Yaml::Scalar(value.to_owned());
        }
        let mut quoted = String::with_capacity(value.len() + 2);
        quoted.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                // All of Unicode's control characters lie below U+0100.
                c if c.is_control() => quoted.push_str(&format!("\\x{:02X}", u32::from(c))),
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        Yaml::Scalar(quoted)
    }

    fn path(value: &Path) -> Yaml {
        Yaml::text(&value.to_string_lossy())
    }

    fn path_or_null(value: Option<&Path>) -> Yaml {
        value.map_or_else(Yaml::null, Yaml::path)
    }
}

/// Words that a reader of YAML 1.1 takes for truth values.
fn is_truth_word(word: &str) -> bool {
    ["yes", "no", "on", "off", "y", "n"].contains(&word.to_lowercase().as_str())
}

pub(crate) fn to_yaml(config: &Config) -> String {
    let mut out = String::from("# The configuration of a run, with every value written out.\n");
    write(&mut out, &document(config), 0);
    out
}

/// The full paths of all keys that are written, those in lists left out.
pub(crate) fn paths(config: &Config) -> Vec<String> {
    let mut paths = Vec::new();
    collect(&document(config), "", &mut paths);
    paths
}

fn collect(value: &Yaml, above: &str, paths: &mut Vec<String>) {
    if let Yaml::Map(entries) = value {
        for (key, value) in entries {
            let path = if above.is_empty() { (*key).to_owned() } else { format!("{above}.{key}") };
            collect(value, &path, paths);
            paths.push(path);
        }
    }
}

/// Writes a section or a list of items, each line indented.
fn write(out: &mut String, value: &Yaml, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Yaml::Map(entries) => {
            for (key, value) in entries {
                out.push_str(&pad);
                write_entry(out, key, value, indent);
            }
        }
        Yaml::Items(items) => {
            for item in items {
                let _ = write!(out, "{pad}- ");
                match item {
                    Yaml::Map(entries) => {
                        for (i, (key, value)) in entries.iter().enumerate() {
                            if i > 0 {
                                let _ = write!(out, "{pad}  ");
                            }
                            write_entry(out, key, value, indent + 2);
                        }
                    }
                    other => {
                        let _ = writeln!(out, "{}", inline(other));
                    }
                }
            }
        }
        other => {
            let _ = writeln!(out, "{pad}{}", inline(other));
        }
    }
}

fn write_entry(out: &mut String, key: &str, value: &Yaml, indent: usize) {
    match value {
        Yaml::Scalar(_) | Yaml::List(_) => {
            let _ = writeln!(out, "{key}: {}", inline(value));
        }
        Yaml::Map(_) | Yaml::Items(_) => {
            let _ = writeln!(out, "{key}:");
            write(out, value, indent + 2);
        }
    }
}

/// A value on one line.
pub(crate) fn inline(value: &Yaml) -> String {
    match value {
        Yaml::Scalar(word) => word.clone(),
        Yaml::List(items) | Yaml::Items(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Yaml::Map(entries) => {
            let entries: Vec<String> = entries.iter().map(|(k, v)| format!("{k}: {}", inline(v))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// The whole configuration as it is written.
pub(crate) fn document(c: &Config) -> Yaml {
    let g = &c.global;
    let global = vec![
        ("checkpoints", Yaml::path_or_null(g.checkpoints.as_deref())),
        ("pretrained_model", Yaml::path_or_null(g.pretrained_model.as_deref())),
        ("output_dir", Yaml::path(&g.output_dir)),
        ("device", Yaml::text(&g.device)),
        ("save_interval", Yaml::int(g.save_interval)),
        ("eval_during_train", Yaml::bool(g.eval_during_train)),
        ("eval_interval", Yaml::int(g.eval_interval)),
        ("start_eval_epoch", Yaml::int(g.start_eval_epoch)),
        ("patience", Yaml::int(g.patience)),
        ("epochs", Yaml::int(g.epochs)),
        ("print_batch_step", Yaml::int(g.print_batch_step)),
        ("image_shape", Yaml::ints(&g.image_shape)),
        ("update_freq", Yaml::int(g.update_freq)),
        ("seed", Yaml::seed(g.seed)),
    ];
    let a = &c.arch;
    let pretrained = match &a.pretrained {
        Pretrained::No => Yaml::bool(false),
        Pretrained::Yes => Yaml::bool(true),
        Pretrained::Path(path) => Yaml::path(path),
    };
    let arch = vec![
        ("name", Yaml::text(&a.name())),
        ("class_num", a.class_num.map_or_else(Yaml::null, Yaml::int)),
        ("pretrained", pretrained),
        ("use_ssld", Yaml::bool(a.use_ssld)),
        ("dropout_prob", Yaml::float(a.dropout)),
        ("freeze_until", Yaml::Scalar(a.freeze_until.to_string())),
        ("freeze_bn", Yaml::bool(a.freeze_bn)),
    ];
    let weight = Yaml::Map(vec![("weight", Yaml::float(1.0))]);
    let eval_loss = Yaml::Items(vec![Yaml::Map(vec![("CELoss", weight)])]);
    let post = vec![
        ("name", Yaml::text("Topk")),
        ("topk", Yaml::int(c.infer.topk)),
        ("class_id_map_file", Yaml::path_or_null(c.infer.class_id_map_file.as_deref())),
    ];
    let infer = vec![
        ("infer_imgs", Yaml::path_or_null(c.infer.images.as_deref())),
        ("infer_list", Yaml::path_or_null(c.infer.list.as_deref())),
        ("batch_size", Yaml::int(c.infer.batch_size)),
        ("transforms", ops::write(&c.infer.recipe)),
        ("PostProcess", Yaml::Map(post)),
        ("save_dir", Yaml::path_or_null(c.infer.save_dir.as_deref())),
    ];
    let topk = |topk: &[u32]| {
        let options = Yaml::Map(vec![("topk", Yaml::ints(topk))]);
        Yaml::Items(vec![Yaml::Map(vec![("TopkAcc", options)])])
    };
    let mut sections = vec![
        ("Global", Yaml::Map(global)),
        ("Arch", Yaml::Map(arch)),
        ("Loss", Yaml::Map(vec![("Train", loss::write(&c.loss)), ("Eval", eval_loss)])),
        ("Optimizer", optimizer(&c.optimizer)),
        ("DataLoader", Yaml::Map(vec![("Train", loader(&c.train, true)), ("Eval", loader(&c.eval, false))])),
        ("Infer", Yaml::Map(infer)),
        ("Metric", Yaml::Map(vec![("Train", topk(&c.metric.train)), ("Eval", topk(&c.metric.eval))])),
        ("AMP", Yaml::Map(vec![("use_amp", Yaml::bool(c.amp))])),
    ];
    // In PaddleClas the section alone asks for it.
    sections.extend(c.ema.map(|decay| ("EMA", Yaml::Map(vec![("decay", Yaml::float(decay))]))));
    Yaml::Map(sections)
}

fn optimizer(o: &OptimizerConfig) -> Yaml {
    let mut keys = vec![("name", Yaml::text(o.method.name()))];
    keys.extend(o.method.settings());
    keys.push(("lr", schedule(&o.schedule)));
    let decay = Yaml::float(o.weight_decay);
    keys.push(match o.method {
        OptimizerMethod::AdamW { .. } => ("weight_decay", decay),
        _ => ("regularizer", Yaml::Map(vec![("name", Yaml::text("L2")), ("coeff", decay)])),
    });
    if o.method.can_spare() {
        let names = &o.no_weight_decay_name;
        let names = if names.is_empty() { Yaml::null() } else { Yaml::text(&names.join(" ")) };
        keys.push(("no_weight_decay_name", names));
        keys.push(("one_dim_param_no_weight_decay", Yaml::bool(o.one_dim_param_no_weight_decay)));
    }
    keys.push(("clip_norm", o.clip_norm.map_or_else(Yaml::null, Yaml::float)));
    keys.push(("head_lr", Yaml::float(o.head_lr)));
    Yaml::Map(keys)
}

fn schedule(s: &ScheduleConfig) -> Yaml {
    let (name, mut keys) = match &s.kind {
        ScheduleKind::Cosine { eta_min } => ("Cosine", vec![("eta_min", Yaml::float(*eta_min))]),
        ScheduleKind::Linear { end_lr, power, cycle } => {
            let cycle = ("cycle", Yaml::bool(*cycle));
            ("Linear", vec![("end_lr", Yaml::float(*end_lr)), ("power", Yaml::float(*power)), cycle])
        }
        ScheduleKind::Step { step_size, gamma } => {
            ("Step", vec![("step_size", Yaml::int(*step_size)), ("gamma", Yaml::float(*gamma))])
        }
        ScheduleKind::Piecewise { decay_epochs, values } => {
            let values = Yaml::List(values.iter().copied().map(Yaml::float).collect());
            ("Piecewise", vec![("decay_epochs", Yaml::ints(decay_epochs)), ("values", values)])
        }
        ScheduleKind::MultiStep { milestones, gamma } => {
            ("MultiStepDecay", vec![("milestones", Yaml::ints(milestones)), ("gamma", Yaml::float(*gamma))])
        }
        ScheduleKind::Const => ("Constant", Vec::new()),
    };
    keys.insert(0, ("name", Yaml::text(name)));
    keys.push(("learning_rate", Yaml::float(s.learning_rate)));
    keys.push(("warmup_epoch", Yaml::float(s.warmup_epoch)));
    keys.push(("warmup_start_lr", Yaml::float(s.warmup_start_lr)));
    keys.push(("by_epoch", Yaml::bool(s.by_epoch)));
    Yaml::Map(keys)
}

fn loader(l: &LoaderConfig, trains: bool) -> Yaml {
    let mut dataset = vec![
        ("name", Yaml::text("ImageNetDataset")),
        ("image_root", Yaml::path_or_null(l.image_root.as_deref())),
        ("cls_label_path", Yaml::path_or_null(l.cls_label_path.as_deref())),
        ("delimiter", l.delimiter.as_deref().map_or_else(Yaml::null, Yaml::text)),
        ("val_fraction", Yaml::float(l.val_fraction)),
        ("transform_ops", ops::write(&l.recipe)),
    ];
    if trains {
        dataset.push(("batch_transform_ops", mixing::write(&l.mixing)));
    }
    let sampler = vec![
        ("name", Yaml::text("DistributedBatchSampler")),
        ("batch_size", Yaml::int(l.batch_size)),
        ("drop_last", Yaml::bool(l.drop_last)),
        ("shuffle", Yaml::bool(l.shuffle)),
    ];
    let workers = vec![
        // What follows the computer is found anew where the file is used next.
        ("num_workers", l.num_workers.map_or_else(Yaml::null, Yaml::int)),
        ("cache_mb", l.cache_mb.map_or_else(Yaml::null, Yaml::int)),
        ("keep_short", l.keep_short.map_or_else(|| Yaml::text("auto"), Yaml::int)),
    ];
    Yaml::Map(vec![
        ("dataset", Yaml::Map(dataset)),
        ("sampler", Yaml::Map(sampler)),
        ("loader", Yaml::Map(workers)),
    ])
}
