//! What a configuration is read for, and what is found on the way.

use std::collections::BTreeSet;

use super::ConfigError;

/// What a configuration is read for. What only another task needs may ask for things that are not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// `photonet train`.
    Train,
    /// `photonet eval`.
    Eval,
    /// `photonet infer`.
    Infer,
}

/// The full paths of the keys and sections that were given and hold something, those within lists left out.
///
/// All are equal: configurations that mean the same are the same, however much of them was written out.
#[derive(Debug, Clone, Default)]
pub struct Given(pub(crate) BTreeSet<String>);

impl PartialEq for Given {
    fn eq(&self, _: &Given) -> bool {
        true
    }
}

/// The tasks that need a part of the configuration.
pub(crate) const ALL: &[Task] = &[Task::Train, Task::Eval, Task::Infer];
pub(crate) const TRAIN: &[Task] = &[Task::Train];
pub(crate) const MEASURED: &[Task] = &[Task::Train, Task::Eval];
pub(crate) const INFER: &[Task] = &[Task::Infer];

/// The reading of one configuration.
pub(crate) struct Reading {
    task: Task,
    /// Whether there is a file, whose gaps mean what they mean to PaddleClas.
    pub from_file: bool,
    /// Full paths of the keys that have no effect here.
    pub ignored: Vec<String>,
    /// What the user should know of the configuration.
    pub warnings: Vec<String>,
    /// Full paths of the parts that could not be read and are not needed.
    pub unread: Vec<String>,
    problems: Vec<ConfigError>,
}

impl Reading {
    pub fn new(task: Task, from_file: bool) -> Reading {
        let (ignored, warnings, unread, problems) = Default::default();
        Reading { task, from_file, ignored, warnings, unread, problems }
    }

    /// A part that was read, or `otherwise` with its problem noted, so that the rest is looked at as well.
    ///
    /// Where the task is none of `tasks`, only a slip is a problem: what is not supported is not needed either.
    pub fn keep<T>(&mut self, tasks: &[Task], read: Result<T, ConfigError>, otherwise: T) -> T {
        match read {
            Ok(part) => part,
            Err(error) => {
                let needed = tasks.contains(&self.task);
                self.problems.extend(error.each().into_iter().filter(|e| needed || e.is_slip()));
                otherwise
            }
        }
    }

    /// # Errors
    /// All problems that were noted.
    pub fn finish(self) -> Result<(Vec<String>, Vec<String>), ConfigError> {
        match ConfigError::all(self.problems) {
            None => Ok((self.ignored, self.warnings)),
            Some(error) => Err(error),
        }
    }
}
