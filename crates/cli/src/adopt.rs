//! What a configuration says of a model that exists.

use crate::arguments::ConfigOptions;
use crate::error::CliError;
use photonet_model::{Input, Model};
use photonet_train::config::difference;
use photonet_vision::Recipe;
use std::path::Path;

/// Prepares photos for `model` as the configuration's `recipe`, given under `key`, says, and tells how that differs from
/// the model's own way.
///
/// # Errors
/// Steps that draw random numbers, or whose size the network does not take.
pub fn preprocessing(
    model: &mut Model,
    recipe: &Recipe,
    key: &str,
    given: &ConfigOptions,
) -> Result<(), CliError> {
    let Some(text) = difference(recipe, &model.recipe, "the model") else { return Ok(()) };
    if recipe.is_random() {
        return Err(CliError::Usage(format!(
            "{key} holds steps that draw random numbers, which are for training: leave them out, each by -o {key}.N=None"
        )));
    }
    model.architecture.check_size(Input::of(recipe)?.size)?;
    let file = given.config.as_deref().unwrap_or(Path::new(key));
    eprintln!("photonet: preprocessing of {}: {text}", file.display());
    model.recipe = recipe.clone();
    Ok(())
}
