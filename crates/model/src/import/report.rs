//! What an import found of what it expected.

use crate::Naming;
use serde::Serialize;
use std::fmt;

/// How a tensor of the file became one of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Another name, the same shape.
    Renamed,
    /// Another name and shape, the same order of values.
    Reshaped,
    /// Another name, rows and columns exchanged.
    Transposed,
}

/// A tensor that was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// Its name in the file.
    pub source: String,
    /// Its shape in the file.
    pub source_shape: Vec<usize>,
    /// Its name in the model.
    pub target: String,
    /// Its shape in the model.
    pub target_shape: Vec<usize>,
    /// What it took.
    pub change: Change,
}

/// A tensor that was not taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// Its name in the file.
    pub name: String,
    /// Its shape in the file; none where the file does not have it.
    pub found: Option<Vec<usize>>,
    /// The shape that the network has; none where the network has no such tensor.
    pub expected: Option<Vec<usize>>,
}

/// Everything a file held, and everything a network needed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportReport {
    /// The network.
    pub network: String,
    /// Whose names the file has.
    pub naming: Naming,
    /// Which dictionary of a checkpoint was taken.
    pub dictionary: Option<String>,
    /// Tensors that fit.
    pub taken: Vec<Taken>,
    /// Tensors that the network needs and the file does not have.
    pub missing: Vec<LeftOut>,
    /// Tensors of the right name and the wrong shape or type.
    pub misshapen: Vec<LeftOut>,
    /// Tensors that the network does not have.
    pub unexpected: Vec<LeftOut>,
    /// Batch counters, which only training in PyTorch uses.
    pub counters: usize,
    /// Other entries of the file, which are not weights.
    pub others: Vec<String>,
    /// What was taken for granted.
    pub notes: Vec<String>,
}

impl ImportReport {
    /// Whether every tensor of the file and of the network has its counterpart.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.misshapen.is_empty() && self.unexpected.is_empty()
    }

    fn changed(&self, change: Change) -> usize {
        self.taken.iter().filter(|t| t.change == change).count()
    }
}

impl fmt::Display for ImportReport {
    /// Counts, and every tensor that does not fit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} of {} tensors matched ({} renamed, {} reshaped, {} transposed)",
            self.network,
            self.taken.len(),
            self.taken.len() + self.missing.len() + self.misshapen.len(),
            self.changed(Change::Renamed),
            self.changed(Change::Reshaped),
            self.changed(Change::Transposed),
        )?;
        let shape = |shape: &Option<Vec<usize>>| shape.as_ref().map_or("none".into(), |s| format!("{s:?}"));
        for t in &self.missing {
            writeln!(f, "  missing     {} {}", t.name, shape(&t.expected))?;
        }
        for t in &self.misshapen {
            let (found, expected) = (shape(&t.found), shape(&t.expected));
            writeln!(f, "  wrong shape {} {found}, expected {expected}", t.name)?;
        }
        for t in &self.unexpected {
            writeln!(f, "  unexpected  {} {}", t.name, shape(&t.found))?;
        }
        if let Some(dictionary) = &self.dictionary {
            writeln!(f, "  weights taken from `{dictionary}` of the checkpoint")?;
        }
        if self.counters > 0 {
            writeln!(f, "  {} batch counters kept for exports", self.counters)?;
        }
        if !self.others.is_empty() {
            writeln!(f, "  beside the weights: {}", self.others.join(", "))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
