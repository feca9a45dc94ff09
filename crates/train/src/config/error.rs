//! What can be wrong with a configuration, and the words for it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where in the user's input a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a file or of a text, counted from 1.
    Line {
        /// The file's name, or what the caller called the text.
        origin: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// An override of the command line, as it was typed after `-o`.
    Override(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { origin, line } => write!(f, "{origin}, line {line}"),
            Place::Override(text) => write!(f, "-o {text}"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is in another encoding.
    #[error("{}, line {line}: not UTF-8: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first line that is not, from 1.
        line: usize,
    },
    /// The text is not YAML.
    #[error("{place}: not valid YAML: {message}")]
    Syntax {
        /// Where the reading stopped.
        place: Arc<Place>,
        /// What the YAML reader said.
        message: String,
    },
    /// An override that is not `Key.Sub=value`, or whose path leads nowhere.
    #[error("-o {text}: {reason}")]
    Override {
        /// The override as typed.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that neither PaddleClas nor Photonet knows.
    #[error("{place}: unknown key {path}{}", hint(suggestion))]
    UnknownKey {
        /// Where it stands.
        place: Arc<Place>,
        /// The key with all its parents, joined by dots.
        path: String,
        /// The nearest key that does exist at this place.
        suggestion: Option<String>,
    },
    /// A value of the wrong type.
    #[error("{place}: {path} must be {expected}, not {found}")]
    Type {
        /// Where it stands.
        place: Arc<Place>,
        /// The key with all its parents.
        path: String,
        /// What is wanted.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value of the right type that makes no sense.
    #[error("{place}: {path} is {found}, but {rule}")]
    Value {
        /// Where it stands.
        place: Arc<Place>,
        /// The key with all its parents.
        path: String,
        /// What is there.
        found: String,
        /// The rule it breaks.
        rule: String,
    },
    /// Something PaddleClas can do, that would change the result, and that Photonet cannot do.
    #[error("{place}: {path}: {what} is not supported{}; supported: {supported}", hint(suggestion))]
    Unsupported {
        /// Where it stands.
        place: Arc<Place>,
        /// The key with all its parents.
        path: String,
        /// What was asked for.
        what: String,
        /// What can be had in its place.
        supported: String,
        /// The supported name nearest to the one asked for, if one is near.
        suggestion: Option<String>,
    },
    /// A key without which nothing can be done.
    #[error("{place}: {path} is missing")]
    Missing {
        /// The section in which it should stand.
        place: Arc<Place>,
        /// The key with all its parents.
        path: String,
    },
    /// More than one problem, each of another kind than this.
    #[error("{} problems in the configuration:\n{}", .0.len(), lines(.0))]
    Several(Vec<ConfigError>),
}

impl ConfigError {
    /// One error for some; `None` where there are none.
    pub(crate) fn all(mut problems: Vec<ConfigError>) -> Option<ConfigError> {
        match problems.len() {
            0 | 1 => problems.pop(),
            _ => Some(ConfigError::Several(problems)),
        }
    }

    /// The problems one by one.
    pub(crate) fn each(self) -> Vec<ConfigError> {
        match self {
            ConfigError::Several(problems) => problems,
            one => vec![one],
        }
    }

    /// Says how to leave out the operator of `list` that is not supported.
    pub(crate) fn with_way_out(mut self, list: &str) -> ConfigError {
        if let ConfigError::Unsupported { path, supported, .. } = &mut self
            && let Some(rest) = path.strip_prefix(list).and_then(|rest| rest.strip_prefix('.'))
            && let Some(index) = rest.split('.').next()
        {
            supported.push_str(&format!("; to leave it out: -o {list}.{index}=None"));
        }
        self
    }

    /// Whether something is misspelt or of the wrong type, whatever it is for.
    pub(crate) fn is_slip(&self) -> bool {
        matches!(self, ConfigError::UnknownKey { .. } | ConfigError::Type { .. })
    }
}

fn lines(problems: &[ConfigError]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|s| format!(" (did you mean {s}?)")).unwrap_or_default()
}

/// The candidate nearest to `word`, if one is near enough to have been meant.
///
/// Case does not count, since `batchsize` and `Batch_Size` are slips of the same kind.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::normalized_damerau_levenshtein(&wanted, &c.to_lowercase()), c))
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}
