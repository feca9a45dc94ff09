//! Plans: a list of dispatches recorded once, with everything made that running it needs.

mod builder;
mod dispatch;
mod interface;
mod launches;
mod order;
mod pool;
mod run;
mod tensor;

pub(crate) use launches::Launch;

pub use builder::{PlanBuilder, Question};
pub use dispatch::Dispatch;
pub use run::{Plan, PlanReport, Timing};
pub use tensor::Tensor;

/// What a dispatch costs, for reports and for bounding submits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written, each tensor counted once.
    pub bytes: u64,
}
