//! How one preprocessing differs from another, in the words of the configuration.

use photonet_vision::Recipe;

use super::emit::{Yaml, inline};
use super::ops;

/// What `recipe` has in place of what `other` has, as `CropImage.size 96 where OTHER has 64; ...`; `None` where they are
/// the same. `owner` names the other one.
pub fn difference(recipe: &Recipe, other: &Recipe, owner: &str) -> Option<String> {
    if recipe == other {
        return None;
    }
    let (ours, theirs) = (operators(recipe), operators(other));
    let names = |operators: &Operators| operators.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    if names(&ours) != names(&theirs) {
        let (ours, theirs) = (names(&ours).join(", "), names(&theirs).join(", "));
        return Some(format!("{ours} where {owner} has {theirs}"));
    }
    let mut others = Vec::new();
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        for (key, value) in ours {
            let found = theirs.iter().find(|(other, _)| other == key).map(|(_, value)| value);
            match found {
                Some(found) if found == value => {}
                Some(found) => others.push(format!("{name}.{key} {value} where {owner} has {found}")),
                None => others.push(format!("{name}.{key} {value} where {owner} has none")),
            }
        }
        let more = theirs.iter().filter(|(key, _)| ours.iter().all(|(own, _)| own != key));
        others.extend(more.map(|(key, value)| format!("no {name}.{key} where {owner} has {value}")));
    }
    Some(others.join("; "))
}

/// What to do about steps that draw random numbers in a `recipe`, given under `key`, that is not for training; `None` where
/// there are none.
pub fn random_steps(recipe: &Recipe, key: &str) -> Option<String> {
    recipe.is_random().then(|| {
        format!(
            "{key} holds steps that draw random numbers, which are for training: leave them out, each by -o {key}.N=None"
        )
    })
}

type Operators = Vec<(&'static str, Vec<(&'static str, String)>)>;

/// The operators as they are written, each with its options.
fn operators(recipe: &Recipe) -> Operators {
    let Yaml::Items(items) = ops::write(recipe) else { return Vec::new() };
    let maps = items.into_iter().filter_map(|item| match item {
        Yaml::Map(entries) => entries.into_iter().next(),
        _ => None,
    });
    let options = |value: Yaml| match value {
        Yaml::Map(options) => options.iter().map(|(key, value)| (*key, inline(value))).collect(),
        _ => Vec::new(),
    };
    maps.map(|(name, value)| (name, options(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_that_differs_is_named_with_both_values() {
        let model = Recipe::eval(64);
        assert_eq!(difference(&model, &model, "the model"), None);
        let mut other = Recipe::eval(96);
        other.mean = [0.0; 3];
        assert_eq!(
            difference(&other, &model, "the model").unwrap(),
            "ResizeImage.resize_short 110 where the model has 73; CropImage.size 96 where the model has 64; \
             NormalizeImage.mean [0.0, 0.0, 0.0] where the model has [0.485, 0.456, 0.406]"
        );
        other.transforms.remove(0);
        assert_eq!(
            difference(&other, &model, "the model").unwrap(),
            "DecodeImage, CropImage, NormalizeImage where the model has DecodeImage, ResizeImage, CropImage, \
             NormalizeImage"
        );
    }
}
