//! `Optimizer`: which one, its schedule and its weight decay.

use super::reader::{Item, Only, Section};
use super::reading::Reading;
use super::{ConfigError, OptimizerConfig, OptimizerMethod, ScheduleConfig, ScheduleKind, method};

pub(crate) fn read(
    mut section: Section,
    base: OptimizerConfig,
    r: &mut Reading,
) -> Result<OptimizerConfig, ConfigError> {
    let method = OptimizerMethod::read(&mut section, base.method);
    let schedule = section.get("lr", |item| schedule(item.clone().section()?), base.schedule);
    let weight_decay = weight_decay(&mut section, &method, r);
    let (mut one_dim, mut spared) = (false, Vec::new());
    if method.can_spare() {
        one_dim = section.get("one_dim_param_no_weight_decay", Item::bool, false);
        spared = section.get("no_weight_decay_name", words, Vec::new());
        if one_dim && spared.is_empty() && matches!(method, OptimizerMethod::Momentum { .. }) {
            one_dim = false;
            r.warnings.push(
                "Optimizer.one_dim_param_no_weight_decay has no effect with Momentum, as in PaddleClas, unless \
                 no_weight_decay_name is given too"
                    .to_owned(),
            );
        }
    }
    let clip_norm = section.get_opt("clip_norm", method::above_zero);
    section.only(&[("grad_clip", Only::Absent)]);
    section.ignore(&["multi_precision", "lazy_mode"], &mut r.ignored);
    let head_lr = section.get("head_lr", Item::f64_not_negative, base.head_lr);
    section.finish()?;
    Ok(OptimizerConfig {
        method,
        schedule,
        weight_decay,
        no_weight_decay_name: spared,
        one_dim_param_no_weight_decay: one_dim,
        clip_norm,
        head_lr,
    })
}

/// The coefficient, of one of two keys. A file that names none, and one that is emptied, ask for no decay, as in PaddleClas.
fn weight_decay(section: &mut Section, method: &OptimizerMethod, r: &mut Reading) -> f64 {
    let keys = ["regularizer", "weight_decay"];
    let none = r.from_file || keys.iter().any(|key| section.has(key));
    let otherwise = if none { 0.0 } else { method.default_decay() };
    let decoupled = matches!(method, OptimizerMethod::AdamW { .. });
    if decoupled && let Some(item) = section.look("regularizer") {
        section.problem(item.invalid("AdamW decays without one: give weight_decay in its place"));
    } else if decoupled && r.from_file && section.look("weight_decay").is_none() {
        section.problem(section.missing("weight_decay"));
    }
    let regularizer = section.get_opt("regularizer", |item| regularizer(item.clone().section()?));
    let weight_decay = section.get_opt("weight_decay", Item::f64_not_negative);
    if let (Some(_), Some(_), false) = (regularizer, weight_decay, decoupled) {
        r.warnings.push(
            "Optimizer.regularizer and Optimizer.weight_decay are given: the regularizer counts, as in PaddleClas"
                .to_owned(),
        );
    }
    regularizer.or(weight_decay).unwrap_or(otherwise)
}

/// The words of a text.
fn words(item: &Item) -> Result<Vec<String>, ConfigError> {
    Ok(item.text()?.split_whitespace().map(str::to_owned).collect())
}

/// PaddleClas's schedules; a constant one has three names.
const SCHEDULES: [&str; 8] =
    ["Cosine", "Linear", "Step", "Piecewise", "MultiStepDecay", "Constant", "Const", "ConstLR"];

/// Every setting that shapes one of them.
const SETTINGS: [&str; 9] =
    ["eta_min", "end_lr", "power", "cycle", "step_size", "gamma", "decay_epochs", "values", "milestones"];

/// Those of one.
fn settings(name: &str) -> &'static [&'static str] {
    match name {
        "Cosine" => &["eta_min"],
        "Linear" => &["end_lr", "power", "cycle"],
        "Step" => &["step_size", "gamma"],
        "Piecewise" => &["decay_epochs", "values"],
        "MultiStepDecay" => &["milestones", "gamma"],
        _ => &[],
    }
}

fn schedule(mut section: Section) -> Result<ScheduleConfig, ConfigError> {
    let (is_named, listed) = (section.look("name").is_some(), section.look("values"));
    let name = section.get_opt("name", |item| {
        let name = item.text()?;
        let known = SCHEDULES.contains(&name.as_str());
        if known { Ok(name) } else { Err(item.unsupported_name(&name, &SCHEDULES[..6])) }
    });
    let kind = match name.as_deref() {
        Some("Cosine") => {
            ScheduleKind::Cosine { eta_min: section.get("eta_min", Item::f64_not_negative, 0.0) }
        }
        Some("Linear") => ScheduleKind::Linear {
            end_lr: section.get("end_lr", Item::f64_not_negative, 0.0),
            power: section.get("power", Item::f64_not_negative, 1.0),
            cycle: section.get("cycle", Item::bool, false),
        },
        Some("Step") => ScheduleKind::Step {
            step_size: needed(&mut section, "step_size", Item::u32_positive, 1),
            gamma: needed(&mut section, "gamma", Item::fraction, 0.1),
        },
        Some("Piecewise") => ScheduleKind::Piecewise {
            decay_epochs: needed(&mut section, "decay_epochs", ascending, Vec::new()),
            values: needed(&mut section, "values", rates, Vec::new()),
        },
        Some("MultiStepDecay") => ScheduleKind::MultiStep {
            milestones: needed(&mut section, "milestones", ascending, Vec::new()),
            gamma: section.get("gamma", Item::fraction, 0.1),
        },
        _ => ScheduleKind::Const,
    };
    // The rate of Piecewise is the first of its values, whatever else is said.
    let is_said = section.look("learning_rate").is_some();
    let said = section.get_opt("learning_rate", Item::f64_not_negative);
    let learning_rate = match &kind {
        ScheduleKind::Piecewise { values, decay_epochs } => {
            if let Some(item) = &listed
                && values.len() != decay_epochs.len() + 1
            {
                let rule = format!(
                    "it must have one rate more than there are decay_epochs, {}",
                    decay_epochs.len() + 1
                );
                section.problem(item.invalid(rule));
            }
            values.first().copied().or(said).unwrap_or(0.0)
        }
        _ => {
            if !is_said {
                section.problem(section.missing("learning_rate"));
            }
            said.unwrap_or(0.0)
        }
    };
    // Beside a name that is not known, those of all are.
    let own = match name.as_deref() {
        Some(name) => settings(name),
        None if is_named => &SETTINGS[..],
        None => &[],
    };
    for key in SETTINGS {
        if let Some(item) = section.take(key)
            && !own.contains(&key)
        {
            let name = name.as_deref().unwrap_or("Constant");
            section.problem(item.has_no_such_setting(name));
        }
    }
    let schedule = ScheduleConfig {
        kind,
        learning_rate,
        warmup_epoch: section.get("warmup_epoch", Item::f64_not_negative, 0.0),
        warmup_start_lr: section.get("warmup_start_lr", Item::f64_not_negative, 0.0),
        by_epoch: section.get("by_epoch", Item::bool, false),
    };
    section.only(&[("last_epoch", Only::Number(-1.0))]);
    section.finish()?;
    Ok(schedule)
}

/// A key without which a schedule has no shape.
fn needed<T>(
    section: &mut Section,
    key: &'static str,
    convert: fn(&Item) -> Result<T, ConfigError>,
    otherwise: T,
) -> T {
    let missing = section.missing(key);
    match section.read_opt(key, convert) {
        Ok(Some(value)) => return value,
        Ok(None) => section.problem(missing),
        Err(problem) => section.problem(problem),
    }
    otherwise
}

fn ascending(item: &Item) -> Result<Vec<u32>, ConfigError> {
    let epochs = item.list()?.iter().map(Item::u32).collect::<Result<Vec<_>, _>>()?;
    if epochs.is_sorted_by(|a, b| a < b) { Ok(epochs) } else { Err(item.invalid("its epochs must ascend")) }
}

fn rates(item: &Item) -> Result<Vec<f64>, ConfigError> {
    let rates = item.list()?.iter().map(Item::f64_not_negative).collect::<Result<Vec<_>, _>>()?;
    if rates.is_empty() { Err(item.invalid("it must name a learning rate")) } else { Ok(rates) }
}

fn regularizer(mut section: Section) -> Result<f64, ConfigError> {
    section.named(&["L2"])?;
    let coeff = section.get("coeff", Item::f64_not_negative, 0.0);
    section.finish()?;
    Ok(coeff)
}
