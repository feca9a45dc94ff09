//! Variants of kernels that were measured to be the fastest on a device, by the shape of the layer.
//!
//! Without measurements a pure function of shape and device class chooses; `photonet tune` measures.

#![cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page keeps nothing on a disk"))]

use crate::{AdapterSummary, Gpu};
use std::collections::BTreeMap;
use std::fmt::Write as _;
#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// What a file begins with; the number rises when the form changes.
const MAGIC: &str = "photonet choices 1";

/// Answers to the question which of a kernel's variants to take, each the number of an option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    made: BTreeMap<String, usize>,
}

impl Choices {
    /// The answer to `question`, if it was measured.
    pub fn get(&self, question: &str) -> Option<usize> {
        self.made.get(question).copied()
    }

    /// Sets an answer.
    pub fn set(&mut self, question: impl Into<String>, option: usize) {
        self.made.insert(question.into(), option);
    }

    /// A file's text: magic, owner, then a line for each answer.
    pub(crate) fn to_text(&self, owner: &str) -> String {
        let mut text = format!("{MAGIC}\n{owner}\n");
        for (question, option) in &self.made {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{option} {question}");
        }
        text
    }

    /// Reads [`Choices::to_text`]; what is of another owner or damaged is an error that says so.
    pub(crate) fn parse(text: &str, owner: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(MAGIC) {
            return Err("is damaged".into());
        }
        match lines.next() {
            Some(found) if found == owner => {}
            found => return Err(format!("was measured for {}", found.unwrap_or("nothing"))),
        }
        let mut choices = Self::default();
        for line in lines {
            let answer = line.split_once(' ').and_then(|(option, q)| Some((q, option.parse().ok()?)));
            let Some((question, option)) = answer else { return Err("is damaged".into()) };
            choices.set(question, option);
        }
        Ok(choices)
    }
}

impl Gpu {
    /// Variants that were measured on this device.
    pub fn choices(&self) -> Arc<Choices> {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces them, for plans that are recorded from now on.
    pub fn set_choices(&self, choices: Choices) {
        *self.choices.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(choices);
    }

    /// Adapter, driver and shaders, for which alone measurements hold.
    fn choices_owner(&self) -> String {
        let AdapterSummary { name, backend, driver, .. } = self.adapter();
        let watched = if self.is_watched() { ", watched" } else { "" };
        let (hash, kernels) = (crate::kernels::HASH, self.kernels_owner());
        format!("{name} | {backend} | {driver} | shaders {hash:016x}{watched} | {kernels}")
    }

    /// The class that kernels are chosen for, and how half precision is read and multiplied: each has kernels of its own.
    fn kernels_owner(&self) -> String {
        let units = if self.matrix_units().is_some() { " on matrix units" } else { "" };
        let subgroups = if self.subgroups() { " in subgroups" } else { "" };
        format!("{:?} | halves {:?}{units}{subgroups}", self.class(), self.half())
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn with_kept_choices(self) -> Self {
        self
    }

    /// Takes the choices that an earlier run has kept.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn with_kept_choices(mut self) -> Self {
        let Some(file) = self.choices_file() else { return self };
        let Ok(text) = std::fs::read_to_string(&file) else { return self };
        match Choices::parse(&text, &self.choices_owner()) {
            Ok(choices) => self.set_choices(choices),
            Err(why) => {
                let notice = format!("{} {why}: run `photonet tune` again, or delete it", file.display());
                self.cache_notice.get_or_insert(notice);
            }
        }
        self
    }

    /// Where choices are kept: a file for each adapter, driver and way to half precision.
    #[cfg(not(target_arch = "wasm32"))]
    fn choices_file(&self) -> Option<PathBuf> {
        let AdapterSummary { name, backend, driver, .. } = self.adapter();
        let kernels = self.kernels_owner();
        let number = crate::driver_cache::short_digest(&format!("{name} {backend} {driver} {kernels}"));
        Some(self.cache.as_ref()?.join(format!("tuned_{number}")))
    }

    /// Keeps the choices for later runs; returns the file, or `None` where nothing is kept.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn keep_choices(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(file) = self.choices_file() else { return Ok(None) };
        crate::driver_cache::replace(&file, self.choices().to_text(&self.choices_owner()).as_bytes())?;
        Ok(Some(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_back_by_their_owner_only() {
        let mut choices = Choices::default();
        choices.set("pointwise/forward 49x96x576", 2);
        choices.set("depthwise/forward k3s1 1x7x7x96", 0);
        let text = choices.to_text("card | driver 1 | shaders 7");
        assert_eq!(Choices::parse(&text, "card | driver 1 | shaders 7").unwrap(), choices);
        assert!(Choices::parse(&text, "card | driver 2 | shaders 7").unwrap_err().contains("driver 1"));
        for bad in ["", "something else", &text.replace("2 pointwise", "x pointwise"), &text[..40]] {
            assert!(Choices::parse(bad, "card | driver 1 | shaders 7").is_err(), "{bad}");
        }
    }
}
