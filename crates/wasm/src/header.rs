//! The front of a model file, which is enough to compile its shaders while the rest still downloads, and to prepare photos
//! where the network itself is not.

use photonet_model::{Architecture, Input};
use photonet_vision::Recipe;
use serde::Deserialize;

/// What shapes the network's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Which network.
    pub architecture: Architecture,
    /// What it takes.
    pub input: Input,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    architecture: String,
    preprocessing: String,
}

/// The longest header that is waited for: a model with a thousand labels stays below a tenth of it.
const MAX_HEADER: u64 = 4 << 20;

/// How many bytes from the start of the file [`outline`] needs, once its first eight are there.
/// `None` for what cannot be a model file; the complete file then gives the error.
pub fn length(start: &[u8]) -> Option<usize> {
    let (first, _) = start.split_first_chunk::<8>()?;
    let header = u64::from_le_bytes(*first);
    (header <= MAX_HEADER).then_some(header as usize + 8)
}

fn metadata(start: &[u8]) -> Option<Metadata> {
    let header: Header = serde_json::from_slice(start.get(8..length(start)?)?).ok()?;
    Some(header.metadata)
}

/// Reads architecture and preprocessing from the first [`length`] bytes of a model file.
/// `None` for anything unusual; the complete file then gives the error.
pub fn outline(start: &[u8]) -> Option<Outline> {
    let metadata = metadata(start)?;
    let architecture = serde_json::from_str(&metadata.architecture).ok()?;
    let recipe: Recipe = serde_json::from_str(&metadata.preprocessing).ok()?;
    Some(Outline { architecture, input: Input::of(&recipe).ok()? })
}

/// The preprocessing as the file writes it, for [`crate::photo::tensor_by`]; `None` as [`outline`].
pub fn preprocessing(start: &[u8]) -> Option<String> {
    Some(metadata(start)?.preprocessing)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use photonet_model::{Family, Model, TrainingFacts, Variant, initialise};

    /// A small model with known labels.
    pub fn model(classes: usize) -> Model {
        let architecture = Architecture::new(Family::Paddle, Variant::Small, 0.35, classes).unwrap();
        Model {
            weights: initialise(&architecture, 7),
            labels: (0..classes).map(|c| format!("class {c}")).collect(),
            recipe: Recipe::eval(32),
            facts: TrainingFacts::default(),
            test_vectors: Vec::new(),
            architecture,
        }
    }

    #[test]
    fn the_front_of_a_file_tells_the_network() {
        let model = model(5);
        let bytes = model.to_bytes().unwrap();
        let needed = length(&bytes[..8]).unwrap();
        assert!(needed < bytes.len());
        let outline = outline(&bytes[..needed]).unwrap();
        assert_eq!(outline.architecture, model.architecture);
        assert_eq!(outline.input.size, 32);
        let recipe: Recipe = serde_json::from_str(&preprocessing(&bytes[..needed]).unwrap()).unwrap();
        assert_eq!(recipe, model.recipe);
    }

    #[test]
    fn what_is_no_model_has_no_outline() {
        assert_eq!(length(b"<!doctype html>"), None);
        assert_eq!(length(b"abc"), None);
        assert_eq!(outline(&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}']), None);
        let bytes = model(5).to_bytes().unwrap();
        assert_eq!(outline(&bytes[..100]), None);
        assert_eq!(preprocessing(&bytes[..100]), None);
    }
}
