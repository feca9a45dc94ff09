//! What a run on files and a session in memory have in common.

pub mod beginning;
pub mod labels;
pub mod options;
pub mod scores;
