//! The names under which the projects publish their networks.

use super::ImportError;
use crate::{Family, Variant};

/// What a published name says of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// Family.
    pub family: Family,
    /// Block table.
    pub variant: Variant,
    /// Width factor, where the name has one.
    pub width: Option<f64>,
    /// No squeeze-excite, ReLU, 3x3.
    pub minimal: bool,
}

impl Known {
    /// Reads a name: PaddleClas's `MobileNetV3_small_x0_35`, torchvision's `mobilenet_v3_large` (or with a
    /// width, `mobilenet_v3_large_x0.75`), timm's `mobilenetv3_small_050` and
    /// `tf_mobilenetv3_large_minimal_100`.
    ///
    /// # Errors
    /// A name of none of these forms.
    pub fn parse(name: &str) -> Result<Self, ImportError> {
        Self::read(name).ok_or_else(|| ImportError::UnknownName(name.into()))
    }

    fn read(name: &str) -> Option<Self> {
        let forms = [
            ("MobileNetV3_", Family::Paddle),
            ("mobilenet_v3_", Family::Torchvision),
            ("tf_mobilenetv3_", Family::TimmTf),
            ("mobilenetv3_", Family::Timm),
        ];
        let (rest, family) = forms.iter().find_map(|(form, f)| Some((name.strip_prefix(form)?, *f)))?;
        let (variant, rest) = [("large", Variant::Large), ("small", Variant::Small)]
            .iter()
            .find_map(|(word, v)| Some((*v, rest.strip_prefix(word)?)))?;
        let (minimal, rest) = rest.strip_prefix("_minimal").map_or((false, rest), |rest| (true, rest));
        let timm = matches!(family, Family::Timm | Family::TimmTf);
        if minimal && !timm {
            return None;
        }
        let width: Option<f64> = match rest.strip_prefix('_') {
            None if rest.is_empty() && !timm && family != Family::Paddle => None,
            Some(digits) if timm => Some(hundredths(digits)?),
            Some(width) => Some(width.strip_prefix('x')?.replace('_', ".").parse().ok()?),
            None => return None,
        };
        if width.is_some_and(|w| !(0.05..=8.0).contains(&w)) {
            return None;
        }
        Some(Self { family, variant, width, minimal })
    }

    /// Finds a published name in a file's name or a note, such as `mobilenet_v3_small-047dcff4.pth`.
    pub fn find(text: &str) -> Option<Self> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words
            .filter_map(|word| Self::read(word.trim_end_matches("_pretrained").trim_end_matches("_ssld")))
            .next()
    }
}

/// timm writes widths as hundredths in three digits.
fn hundredths(digits: &str) -> Option<f64> {
    let all_digits = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse::<f64>().ok().map(|n| n / 100.0)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names() {
        for (name, family, variant, width, minimal) in [
            ("MobileNetV3_large_x1_25", Family::Paddle, Variant::Large, Some(1.25), false),
            ("MobileNetV3_small_x0_35", Family::Paddle, Variant::Small, Some(0.35), false),
            ("mobilenet_v3_large", Family::Torchvision, Variant::Large, None, false),
            ("mobilenet_v3_small_x0.75", Family::Torchvision, Variant::Small, Some(0.75), false),
            ("mobilenetv3_small_050", Family::Timm, Variant::Small, Some(0.5), false),
            ("tf_mobilenetv3_large_minimal_100", Family::TimmTf, Variant::Large, Some(1.0), true),
        ] {
            let known = Known::parse(name).unwrap();
            assert_eq!(known, Known { family, variant, width, minimal }, "{name}");
            if !name.contains('.') {
                assert_eq!(Known::find(&format!("weights/{name}.safetensors")), Some(known), "{name}");
            }
        }
        for name in
            ["resnet50", "mobilenetv3_small", "MobileNetV3_small", "mobilenetv3_rw", "mobilenet_v3_small_075"]
        {
            let error = Known::parse(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("MobileNetV3_small_x1_0"), "{error}");
        }
        let paddle = Known::find("MobileNetV3_large_x0_5_ssld_pretrained.pdparams").unwrap();
        assert_eq!((paddle.family, paddle.width), (Family::Paddle, Some(0.5)));
        assert_eq!(Known::find("model.safetensors"), None);
    }
}
