//! The layers of a network with their packed weights: each is made once and run on slices.

mod depthwise;
mod pointwise;
mod squeeze_excite;
mod stem;
#[cfg(test)]
mod tests;

pub(crate) use depthwise::Depthwise;
pub(crate) use pointwise::Pointwise;
pub(crate) use squeeze_excite::SqueezeExcite;
pub(crate) use stem::Stem;
