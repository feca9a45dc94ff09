//! Adding up what weight gradients left of their slabs of rows, for several layers in one launch.

use crate::Slabs;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

/// Tensors of one launch, as in `shaders/reduce/slabs.wgsl`.
const MOST_PARTS: usize = 8;

/// Bytes that wait in one tensor: half of what every device can bind.
const MOST_BYTES: u64 = 64 << 20;

/// Slabs that one invocation adds up where there are others to share them with.
const SLABS_IN_TURN: usize = 16;

#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
struct Part {
    begin: u32,
    to: u32,
    length: u32,
    slabs: u32,
    group: u32,
    width: u32,
    apart: u32,
    unused: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    parts: [Part; MOST_PARTS],
    count: u32,
    unused: [u32; 3],
}

/// Slabs of one tensor that wait to be added up.
#[derive(Clone, Debug)]
struct Waiting {
    label: String,
    slabs: usize,
    apart: u64,
    partial: Tensor,
    output: Tensor,
}

/// Memory for sums and weight gradients that one kernel leaves.
pub(crate) struct BehindSums {
    /// All of it.
    pub partial: Tensor,
    /// The sums.
    pub sums: Tensor,
    /// Bytes before the weight gradients.
    pub weights_at: u64,
}

/// Weight gradients whose slabs lie in memory and are still to be added up. A launch for each layer would take a GPU longer to
/// begin than to do, so they are kept until [`SlabSums::flush`], which must come before anybody reads the gradients.
#[derive(Debug, Default)]
pub struct SlabSums {
    /// Where all slabs lie, and how much of it is taken.
    store: Option<(Tensor, u64)>,
    waiting: Vec<Waiting>,
}

impl SlabSums {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Memory for slabs that are then given to [`SlabSums::add`], and for what lies beside them.
    pub(crate) fn reserve(&mut self, plan: &mut PlanBuilder, bytes: u64) -> Tensor {
        if self.store.is_some_and(|(_, taken)| taken + bytes > MOST_BYTES) {
            self.flush(plan);
        }
        let (store, at) = self.store.unwrap_or_else(|| (plan.transient("weight gradient slabs", 0), 0));
        let end = (at + bytes).next_multiple_of(256);
        plan.lengthen(store, end);
        self.store = Some((store, end));
        store.slice(at, bytes)
    }

    /// Where a kernel leaves of each of `slabs` slabs the two sums of `groups` channel groups, and behind all of these a weight gradient of
    /// `bytes` bytes, of which `output` becomes the sum.
    pub(crate) fn place_behind_sums(
        &mut self,
        plan: &mut PlanBuilder,
        label: &str,
        (slabs, groups, bytes): (usize, usize, u64),
        output: Tensor,
    ) -> BehindSums {
        let of_sums = Slabs::bytes(slabs, groups);
        let weights_at = of_sums.next_multiple_of(256);
        let of_weights = bytes * slabs as u64;
        let partial = self.reserve(plan, weights_at + of_weights);
        self.add(plan, label, (slabs, bytes), partial.slice(weights_at, of_weights), output);
        BehindSums { partial, sums: partial.slice(0, of_sums), weights_at }
    }

    /// Where a kernel leaves `slabs` tensors of `bytes` bytes, of which `output` becomes the sum: `output` itself where there is but
    /// one.
    pub(crate) fn place(
        &mut self,
        plan: &mut PlanBuilder,
        label: &str,
        (slabs, bytes): (usize, u64),
        output: Tensor,
    ) -> Tensor {
        if slabs == 1 {
            return output;
        }
        let partial = self.reserve(plan, bytes * slabs as u64);
        self.add(plan, label, (slabs, bytes), partial, output);
        partial
    }

    /// `output` becomes the sum of `slabs` tensors of its size of which the first begins `partial`, a part of what was reserved here,
    /// and each next one lies so many bytes behind.
    pub(crate) fn add(
        &mut self,
        plan: &mut PlanBuilder,
        label: &str,
        (slabs, apart): (usize, u64),
        partial: Tensor,
        output: Tensor,
    ) {
        let elsewhere = |waiting: &Waiting| waiting.output.span(output).is_none();
        if self.waiting.len() == MOST_PARTS || self.waiting.last().is_some_and(elsewhere) {
            self.launch(plan);
        }
        self.waiting.push(Waiting { label: label.into(), slabs, apart, partial, output });
    }

    /// Appends the sums of all that waits.
    pub fn flush(&mut self, plan: &mut PlanBuilder) {
        self.launch(plan);
        self.store = None;
    }

    /// The same, but what is added next may lie beside it.
    fn launch(&mut self, plan: &mut PlanBuilder) {
        let waiting = std::mem::take(&mut self.waiting);
        let (Some((store, taken)), Some(first)) = (self.store, waiting.first()) else { return };
        // All lie in one buffer, see `add`.
        let whole = waiting.iter().try_fold(first.output, |whole, next| whole.span(next.output));
        let whole = whole.unwrap_or(first.output);
        let workgroup = workgroup(plan.class());
        let mut params = Params { parts: Default::default(), count: waiting.len() as u32, unused: [0; 3] };
        let (mut groups, mut bytes) = (0, 0);
        for (part, waiting) in params.parts.iter_mut().zip(&waiting) {
            let Waiting { slabs, apart, partial, output, .. } = *waiting;
            let length = (output.bytes() / 16) as usize;
            let width = width(plan.class(), slabs);
            *part = Part {
                begin: (partial.offset_in(store) / 16) as u32,
                to: (output.offset_in(whole) / 16) as u32,
                length: length as u32,
                slabs: slabs as u32,
                group: groups as u32,
                width: width as u32,
                apart: (apart / 16) as u32,
                unused: 0,
            };
            groups += length.div_ceil(width);
            bytes += output.bytes() * (slabs as u64 + 1);
        }
        plan.dispatch(
            Dispatch::new(&kernels::REDUCE_SLABS, format!("{} slabs", first.label))
                .bind("partial", store.slice(0, taken))
                .bind("output", whole)
                .constant("WORKGROUP", workgroup as u32)
                .params(&params)
                .groups(groups as u64)
                .cost(0, bytes),
        );
    }
}

/// Invocations of a workgroup.
fn workgroup(class: DeviceClass) -> usize {
    match class {
        DeviceClass::Software => 64,
        DeviceClass::Integrated | DeviceClass::Discrete => 256,
    }
}

/// Neighbouring sums that a workgroup takes: all invocations one each, or several of them the slabs of one. At least 64 bytes side
/// by side are read at a time.
fn width(class: DeviceClass, slabs: usize) -> usize {
    let workgroup = workgroup(class);
    match class {
        // One after the other is the fastest there, and barriers take long.
        DeviceClass::Software => workgroup,
        DeviceClass::Integrated | DeviceClass::Discrete => {
            let lanes = slabs.div_ceil(SLABS_IN_TURN).next_power_of_two();
            (workgroup / lanes).max(4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slabs_are_shared_by_many_invocations() {
        let of = |slabs| width(DeviceClass::Discrete, slabs);
        assert_eq!([2, 16, 17, 64, 300, 4096].map(of), [256, 256, 128, 64, 8, 4]);
        assert_eq!(width(DeviceClass::Software, 64), 64);
    }
}
