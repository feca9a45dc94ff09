//! What is wrong with a set of photos, and what to do about it.

use super::survey::{ClassCount, Copy, Photos, Small, Survey, Unreadable};
use photonet_train::dataset::{DatasetReport, count, first, unequal};
use serde::Serialize;
use std::path::Path;

/// A class with fewer photos to train on is learned poorly.
const FEW: usize = 20;

/// The most examples of a finding in text, and the most classes in a sentence.
const EXAMPLES: usize = 5;

/// Sentences about what was found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What would spoil a training.
    pub errors: Vec<String>,
    /// What to look at.
    pub warnings: Vec<String>,
    /// Examples of each, errors first.
    #[serde(skip)]
    examples: Vec<Vec<String>>,
}

impl Findings {
    /// Goes through everything.
    pub fn of(photos: &Photos, survey: &Survey) -> Self {
        let mut found = Self::default();
        found.errors(survey);
        found.copies(survey);
        found.single(survey);
        for (report, set) in photos.reports.iter().zip(["", "to evaluate on: "]) {
            // Photos that are not there are told above.
            let rest = DatasetReport { missing: Vec::new(), ..report.clone() };
            for warning in rest.warnings() {
                found.warn(format!("{set}{warning}"), Vec::new());
            }
        }
        found.numbers(photos, &survey.classes);
        found
    }

    fn warn(&mut self, sentence: String, examples: Vec<String>) {
        self.warnings.push(sentence);
        self.examples.push(examples);
    }

    fn errors(&mut self, survey: &Survey) {
        let mut fail = |sentence: String, examples: Vec<String>| {
            self.errors.push(sentence);
            self.examples.push(examples);
        };
        if survey.photos == 0 {
            fail("no photo can be read: there is nothing to train on".into(), Vec::new());
        }
        if !survey.missing.is_empty() {
            fail(
                format!(
                    "{} of the list {} not there: correct the paths, or take the lines out",
                    photos(survey.missing.len()),
                    is(survey.missing.len())
                ),
                survey.missing.iter().map(|path| shown(path)).collect(),
            );
        }
        if !survey.conflicts.is_empty() {
            fail(
                format!(
                    "{} in more than one class, as copies with the same bytes: keep each in the class that it belongs to",
                    photos(survey.conflicts.len())
                ),
                survey.conflicts.iter().map(|group| copies(group)).collect(),
            );
        }
    }

    fn copies(&mut self, survey: &Survey) {
        if !survey.leaks.is_empty() {
            self.warn(
                format!(
                    "{} both to train on and to evaluate on, which makes accuracy look better than it is: keep one copy of each",
                    photos(survey.leaks.len())
                ),
                survey.leaks.iter().map(|group| copies(group)).collect(),
            );
        }
        if !survey.duplicates.is_empty() {
            self.warn(
                format!(
                    "{} more than once in the same class, which gives them more weight: keep one copy of each",
                    photos(survey.duplicates.len())
                ),
                survey.duplicates.iter().map(|group| copies(group)).collect(),
            );
        }
    }

    fn single(&mut self, survey: &Survey) {
        if !survey.unreadable.is_empty() {
            let file = |of: &Unreadable| format!("{}: {}", shown(&of.file), of.reason);
            self.warn(
                format!(
                    "{} that cannot be read and would be left out: replace or remove {}",
                    count(survey.unreadable.len(), "file", "files"),
                    if survey.unreadable.len() == 1 { "it" } else { "them" }
                ),
                survey.unreadable.iter().map(file).collect(),
            );
        }
        if !survey.small.is_empty() {
            let size = survey.size;
            let file = |of: &Small| format!("{}: {} x {}", shown(&of.file), of.width, of.height);
            self.warn(
                format!(
                    "{} with a side below the network's input of {size} pixels, which {} enlarged: use larger \
                     photos, or train with a smaller --size",
                    photos(survey.small.len()),
                    is(survey.small.len())
                ),
                survey.small.iter().map(file).collect(),
            );
        }
    }

    /// What the numbers of photos that can be read say.
    fn numbers(&mut self, photos: &Photos, classes: &[ClassCount]) {
        let all = photos.train.class_counts();
        let unread: Vec<&ClassCount> =
            classes.iter().filter(|class| class.train == 0 && all[class.index] > 0).collect();
        if !unread.is_empty() {
            let names = first(EXAMPLES, unread.iter().map(|class| class.label.clone()));
            self.warn(
                format!("classes without one photo to train on that can be read: {names}; replace the files"),
                Vec::new(),
            );
        }
        // Those without a photo are told by the data set, or above.
        let few: Vec<&ClassCount> = classes.iter().filter(|class| (1..FEW).contains(&class.train)).collect();
        if !few.is_empty() {
            let names = first(EXAMPLES, few.iter().map(|class| format!("{} ({})", class.label, class.train)));
            self.warn(
                format!("classes with fewer than {FEW} photos to train on: {names}; add photos"),
                Vec::new(),
            );
        }
        let labels: Vec<String> = classes.iter().map(|class| class.label.clone()).collect();
        let counts: Vec<usize> = classes.iter().map(|class| class.train).collect();
        if let Some(sentence) = unequal(&labels, &counts) {
            self.warn(sentence, Vec::new());
        }
    }

    /// All findings with examples, and what they come to.
    pub fn text(&self) -> String {
        let kinds =
            self.errors.iter().map(|s| ("error", s)).chain(self.warnings.iter().map(|s| ("warning", s)));
        let mut lines = Vec::new();
        for ((kind, sentence), examples) in kinds.zip(&self.examples) {
            lines.push(format!("{kind}: {sentence}"));
            lines.extend(examples.iter().take(EXAMPLES).map(|example| format!("  {example}")));
            if examples.len() > EXAMPLES {
                lines.push(format!("  and {} more: --format json has all", examples.len() - EXAMPLES));
            }
        }
        let errors = count(self.errors.len(), "error", "errors");
        let warnings = count(self.warnings.len(), "warning", "warnings");
        lines.push(match (self.errors.len(), self.warnings.len()) {
            (0, 0) => "nothing wrong was found".into(),
            (0, _) => warnings,
            (_, 0) => format!("{errors} that would spoil a training"),
            _ => format!("{errors} that would spoil a training, {warnings}"),
        });
        lines.join("\n")
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn photos(n: usize) -> String {
    count(n, "photo", "photos")
}

fn is(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

/// The files of a group, each with its class where these differ.
fn copies(group: &[Copy]) -> String {
    let apart = group.iter().any(|copy| copy.index != group[0].index);
    let file = |copy: &Copy| match apart {
        true => format!("{} ({})", shown(&copy.file), copy.label),
        false => shown(&copy.file),
    };
    group.iter().map(file).collect::<Vec<_>>().join(" = ")
}
