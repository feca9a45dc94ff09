//! The configuration that was asked for, and what it says of a model that exists.

use crate::arguments::ConfigOptions;
use crate::error::CliError;
use photonet_model::{Input, Model};
use photonet_train::config::{Config, ConfigError, Task, difference, random_steps};
use photonet_vision::Recipe;
use std::path::Path;

impl ConfigOptions {
    /// The configuration that was asked for; none without a file and without changes. What the user should know of it is
    /// told.
    pub fn load(&self, task: Task) -> Result<Option<Config>, ConfigError> {
        let config = match &self.config {
            Some(path) => Config::load(task, path, &self.overrides)?,
            None if self.overrides.is_empty() => return Ok(None),
            None => Config::from_yaml_for(task, "", "the defaults", &self.overrides)?,
        };
        for warning in &config.warnings {
            eprintln!("photonet: {warning}");
        }
        Ok(Some(config))
    }
}

/// Refuses a configuration that names another network than `model`, which was read from `path`.
///
/// # Errors
/// Another `Arch.name` or `Arch.class_num`.
pub fn check_network(config: &Config, model: &Model, path: &Path) -> Result<(), CliError> {
    let held = &model.architecture;
    let mut others = Vec::new();
    if config.gives("Arch.name") && (config.arch.variant, config.arch.width) != (held.variant, held.width) {
        others.push(format!("Arch.name is {}", config.arch.name()));
    }
    if let Some(classes) = config.arch.class_num.filter(|n| *n as usize != held.classes) {
        others.push(format!("Arch.class_num is {classes}"));
    }
    if others.is_empty() {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{} holds {held}, but {}: give the model of that configuration, or set them to match it by -o",
        path.display(),
        others.join(" and ")
    )))
}

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
    if let Some(text) = random_steps(recipe, key) {
        return Err(CliError::Usage(text));
    }
    model.architecture.check_size(Input::of(recipe)?.size)?;
    let file = given.config.as_deref().unwrap_or(Path::new(key));
    eprintln!("photonet: preprocessing of {}: {text}", file.display());
    model.recipe = recipe.clone();
    Ok(())
}
