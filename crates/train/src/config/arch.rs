//! Architecture names: `MobileNetV3_large_x1_0` and its kin.

use super::reader::{Item, Only, Section};
use super::reading::{ALL, Reading};
use photonet_model::Frozen;

use super::{Arch, ConfigError, Pretrained, Variant};

/// The widths with published weights, in both variants.
const PUBLISHED: [&str; 10] = [
    "MobileNetV3_large_x0_35",
    "MobileNetV3_large_x0_5",
    "MobileNetV3_large_x0_75",
    "MobileNetV3_large_x1_0",
    "MobileNetV3_large_x1_25",
    "MobileNetV3_small_x0_35",
    "MobileNetV3_small_x0_5",
    "MobileNetV3_small_x0_75",
    "MobileNetV3_small_x1_0",
    "MobileNetV3_small_x1_25",
];

impl Arch {
    /// The name in PaddleClas's form, for example `MobileNetV3_small_x0_35`.
    pub fn name(&self) -> String {
        let variant = match self.variant {
            Variant::Large => "large",
            Variant::Small => "small",
        };
        let width = format!("{:?}", self.width).replace('.', "_");
        format!("MobileNetV3_{variant}_x{width}")
    }

    /// Reads a name in PaddleClas's form; `None` if it is not one. The width may be any number, `x0_6`
    /// as well as the published `x0_5`.
    pub fn parse_name(name: &str) -> Option<(Variant, f64)> {
        let rest = name.strip_prefix("MobileNetV3_")?;
        let (variant, width) = rest.split_once("_x")?;
        let variant = match variant {
            "large" => Variant::Large,
            "small" => Variant::Small,
            _ => return None,
        };
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (whole, part) = width.split_once('_').unwrap_or((width, "0"));
        if !digits(whole) || !digits(part) {
            return None;
        }
        Some((variant, format!("{whole}.{part}").parse().ok()?))
    }
}

pub(crate) fn read(
    mut section: Section,
    base: Arch,
    global_class_num: Option<u32>,
    r: &mut Reading,
) -> Result<Arch, ConfigError> {
    let (variant, width) = section.get("name", read_name, (base.variant, base.width));
    let class_num = section.get_opt("class_num", Item::u32_positive);
    if let (Some(here), Some(global)) = (class_num, global_class_num)
        && here != global
    {
        r.warnings.push(format!(
            "Global.class_num is {global} and Arch.class_num is {here}: the latter counts, as in PaddleClas"
        ));
    }
    let class_num = class_num.or(global_class_num).or(base.class_num);
    let pretrained = section.get("pretrained", pretrained, base.pretrained);
    let use_ssld = section.get("use_ssld", Item::bool, base.use_ssld);
    let dropout = section.get("dropout_prob", Item::fraction, base.dropout);
    let freeze_until = section.get("freeze_until", frozen, base.freeze_until);
    let freeze_bn = section.get("freeze_bn", Item::bool, base.freeze_bn);
    section.only(&[
        ("class_expand", Only::Number(1280.0)),
        ("stop_after", Only::Absent),
        ("freeze_befor", Only::Absent),
        ("freeze_before", Only::Absent),
        ("update_res", Only::Absent),
        ("return_patterns", Only::Absent),
        ("return_stages", Only::Absent),
        ("use_fused_attn", Only::Bool(false)),
        ("use_fused_linear", Only::Bool(false)),
    ]);
    // Batch statistics are shared between several GPUs only; there is one here.
    section.ignore(&["use_sync_bn", "infer_add_softmax"], &mut r.ignored);
    r.keep(ALL, section.finish(), ());
    Ok(Arch { variant, width, class_num, pretrained, use_ssld, dropout, freeze_until, freeze_bn })
}

fn pretrained(item: &Item) -> Result<Pretrained, ConfigError> {
    Ok(match item.bool() {
        Ok(true) => Pretrained::Yes,
        Ok(false) => Pretrained::No,
        Err(_) => Pretrained::Path(item.path_buf().map_err(|_| item.wrong("True, False or a path"))?),
    })
}

fn frozen(item: &Item) -> Result<Frozen, ConfigError> {
    if let Ok(block) = item.u64() {
        return Ok(Frozen::Blocks(usize::try_from(block).unwrap_or(usize::MAX)));
    }
    item.text()?.parse().map_err(|reason: String| item.invalid(reason))
}

fn read_name(item: &Item) -> Result<(Variant, f64), ConfigError> {
    let name = item.text()?;
    let Some((variant, width)) = Arch::parse_name(&name) else {
        return Err(match item.unsupported_name(&name, &PUBLISHED) {
            ConfigError::Unsupported { place, path, what, suggestion, .. } => ConfigError::Unsupported {
                place,
                path,
                what: format!("the architecture {what}"),
                suggestion,
                supported: "MobileNetV3_large_xW and MobileNetV3_small_xW with any width W, as 1_0 or 0_35"
                    .to_owned(),
            },
            other => other,
        });
    };
    if !(0.05..=8.0).contains(&width) {
        return Err(item.invalid("its width must be from 0.05 to 8"));
    }
    Ok((variant, width))
}
