//! Reading configurations, as the tests of several files do.

use photonet_train::config::{Config, ConfigError};

pub const QUICK_START: &str = include_str!("../fixtures/quick_start.yaml");

pub fn quick_start(overrides: &[&str]) -> Result<Config, ConfigError> {
    read(QUICK_START, overrides)
}

pub fn read(text: &str, overrides: &[&str]) -> Result<Config, ConfigError> {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    Config::from_yaml(text, "run.yaml", &overrides)
}

/// The error's text, for a configuration that must be refused.
pub fn refused(text: &str, overrides: &[&str]) -> String {
    read(text, overrides).expect_err("must be refused").to_string()
}
