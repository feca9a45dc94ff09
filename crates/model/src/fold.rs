//! Folding batch normalisation and inference's dropout factor into the weights.

use crate::layers::Layers;
use crate::{Architecture, HostTensor, ModelError, ParameterLayout, Weights};

/// Weights of the inference network: every convolution has a `weight` and a `bias`, and there is
/// no normalisation left. Exact up to rounding; worked out in `f64`.
///
/// A convolution `NAME` of [`Layers`] becomes `NAME.weight`, `[outputs][inputs][k][k]`, and
/// `NAME.bias`, `[outputs]`; all other tensors (squeeze-excite, head, classifier) keep their names and
/// shapes in [`ParameterLayout`].
///
/// # Errors
/// As [`ParameterLayout::check`].
pub fn fold(architecture: &Architecture, weights: &Weights) -> Result<Weights, ModelError> {
    ParameterLayout::new(architecture).check(weights)?;
    let switches = &architecture.switches;
    let mut folded = Weights::default();
    for unit in Layers::new(architecture).normalised() {
        let of = |part: &str| tensor(weights, &format!("{}.{part}", unit.name));
        let filters = of("conv.weight");
        let (gamma, beta) = (of("bn.weight"), of("bn.bias"));
        let (mean, variance) = (of("bn.running_mean"), of("bn.running_var"));
        let mut data = filters.data.clone();
        let mut bias = Vec::with_capacity(unit.outputs);
        let of_filter = data.len() / unit.outputs;
        for (o, filter) in data.chunks_mut(of_filter).enumerate() {
            let value = |t: &HostTensor| f64::from(t.data[o]);
            let scale = value(gamma) / (value(variance) + f64::from(switches.bn_epsilon)).sqrt();
            for weight in filter {
                *weight = (f64::from(*weight) * scale) as f32;
            }
            bias.push((value(beta) - value(mean) * scale) as f32);
        }
        folded.insert(format!("{}.weight", unit.name), filters.shape.clone(), data);
        folded.insert(format!("{}.bias", unit.name), vec![unit.outputs], bias);
    }
    let keep = if switches.downscale_in_infer { 1.0 - f64::from(switches.dropout) } else { 1.0 };
    for (name, source) in &weights.tensors {
        if name.contains(".bn.") || name.ends_with(".conv.weight") {
            continue;
        }
        let mut copy = source.clone();
        if name == "classifier.weight" {
            copy.data.iter_mut().for_each(|w| *w = (f64::from(*w) * keep) as f32);
        }
        folded.tensors.insert(name.clone(), copy);
    }
    Ok(folded)
}

/// The tensor that is left of a parameter, of the same shape; nothing is left of a normalisation's scale.
pub(crate) fn folded_name(parameter: &str) -> Option<String> {
    if let Some(unit) = parameter.strip_suffix(".conv.weight") {
        return Some(format!("{unit}.weight"));
    }
    if let Some(unit) = parameter.strip_suffix(".bn.bias") {
        return Some(format!("{unit}.bias"));
    }
    (!parameter.ends_with(".bn.weight")).then(|| parameter.to_string())
}

/// A tensor that [`ParameterLayout::check`] has found to be there.
fn tensor<'a>(weights: &'a Weights, name: &str) -> &'a HostTensor {
    &weights.tensors[name]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, Variant, initialise};

    #[test]
    fn what_is_left_is_named_as_folding_names_it() {
        for (family, variant) in [(Family::Paddle, Variant::Small), (Family::Timm, Variant::Large)] {
            let architecture = Architecture::new(family, variant, 0.35, 5).unwrap();
            let folded = fold(&architecture, &initialise(&architecture, 0)).unwrap();
            let layout = ParameterLayout::new(&architecture);
            let mut left = 0;
            for spec in &layout.parameters {
                let Some(name) = folded_name(&spec.name) else { continue };
                assert_eq!(folded.tensors[&name].shape, spec.shape, "{name}");
                left += 1;
            }
            assert_eq!(folded.tensors.len(), left);
        }
    }
}
