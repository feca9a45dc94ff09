//! `Optimizer`: Momentum, its schedule and its regularisation.

use super::reader::{Item, Only, Section};
use super::reading::Reading;
use super::{ConfigError, OptimizerConfig, ScheduleConfig, ScheduleKind};

pub(crate) fn read(
    mut section: Section,
    base: OptimizerConfig,
    r: &mut Reading,
) -> Result<OptimizerConfig, ConfigError> {
    section.named(&["Momentum"])?;
    let momentum = section.get("momentum", Item::fraction, base.momentum);
    let schedule = section.get("lr", |item| schedule(item.clone().section()?), base.schedule);
    // A file that names none, and one that is emptied, ask for no decay, as in PaddleClas.
    let none = section.has("regularizer") || r.from_file;
    let l2 = if none { 0.0 } else { base.l2 };
    let l2 = section.get("regularizer", |item| regularizer(item.clone().section()?), l2);
    section.only(&[
        ("use_nesterov", Only::Bool(false)),
        ("clip_norm", Only::Absent),
        ("grad_clip", Only::Absent),
        ("weight_decay", Only::Absent),
        ("no_weight_decay_name", Only::Absent),
        ("one_dim_param_no_weight_decay", Only::Bool(false)),
    ]);
    section.ignore(&["multi_precision"], &mut r.ignored);
    let head_lr = section.get("head_lr", Item::f64_not_negative, base.head_lr);
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
    section.named(&["L2"])?;
    let coeff = section.get("coeff", Item::f64_not_negative, 0.0);
    section.finish()?;
    Ok(coeff)
}
