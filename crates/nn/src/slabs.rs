//! Sums over many rows in two stages: slabs of rows, each by invocations of its own, and what is left of the slabs.

use crate::columns::Columns;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

/// Invocations that keep a device of a class busy: a large GPU has some 130 processors for a thousand each, and waits for
/// its memory where it has fewer.
pub(crate) fn busy(class: DeviceClass) -> usize {
    match class {
        DeviceClass::Software => 16_384,
        DeviceClass::Integrated => 32_768,
        DeviceClass::Discrete => 131_072,
    }
}

/// How many slabs of `rows` rows, where `invocations` handle one and leave `left` bytes of it: enough to keep the device busy,
/// so few that at most `most_left` bytes are left of all, and never an empty one.
pub(crate) fn slab_count(
    class: DeviceClass,
    rows: usize,
    invocations: usize,
    left: u64,
    most_left: u64,
) -> usize {
    let most = match class {
        DeviceClass::Software => 64,
        DeviceClass::Integrated | DeviceClass::Discrete => rows,
    };
    let little = (most_left / left.max(1)) as usize;
    let wanted = (busy(class) / invocations.max(1)).min(most).min(little).clamp(1, rows.max(1));
    rows.div_ceil(rows.div_ceil(wanted).max(1)).max(1)
}

/// How many times as much a kernel on matrix units moves beside what is left of its slabs, at the least.
pub(crate) const LITTLE: u64 = 16;

/// Slabs up to which a workgroup of the kernels that finish a batch normalisation's sums takes them as they are: for each of its 256
/// invocations as many as are on their way in two rounds, beyond which a launch of its own costs no more.
pub(crate) const FINISHED_AT_ONCE: usize = 4096;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SumParams {
    length: u32,
    slabs: u32,
    slabs_per_piece: u32,
    pieces: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MergeParams {
    channels: u32,
    slabs: u32,
    slabs_per_piece: u32,
    pieces: u32,
    rows: u32,
    rows_per_slab: u32,
    unused: [u32; 2],
}

/// Appends the sums of every `per_piece` slabs.
fn sum_pieces(
    plan: &mut PlanBuilder,
    label: String,
    slabs: usize,
    per_piece: usize,
    bytes: u64,
    partial: Tensor,
    output: Tensor,
) {
    let pieces = slabs.div_ceil(per_piece);
    let (length, slabs_per_piece) = ((bytes / 16) as u32, per_piece as u32);
    let params = SumParams { length, slabs: slabs as u32, slabs_per_piece, pieces: pieces as u32 };
    plan.dispatch(
        Dispatch::new(&kernels::REDUCE_SUM, label)
            .bind("partial", partial)
            .bind("output", output)
            .params(&params)
            .threads(bytes / 16 * pieces as u64)
            .cost(0, bytes * (slabs + pieces) as u64),
    );
}

/// What a kernel left of each slab of its rows for a batch normalisation, `[slabs][2][channels]`: mean and sum of
/// squared deviations on the way forward, the two sums of the gradient on the way back.
#[derive(Clone, Copy, Debug)]
pub struct Slabs {
    /// The values.
    pub partial: Tensor,
    /// How many slabs.
    pub slabs: usize,
    /// Rows of every slab but perhaps the last.
    pub rows_per_slab: usize,
}

impl Slabs {
    /// New ones, of `groups` groups of 4 channels.
    pub(crate) fn new(
        plan: &mut PlanBuilder,
        label: String,
        slabs: usize,
        rows_per_slab: usize,
        groups: usize,
    ) -> Self {
        let partial = plan.transient(label, Self::bytes(slabs, groups));
        Self { partial, slabs, rows_per_slab }
    }

    /// Bytes of so many, of `groups` groups of 4 channels.
    pub(crate) fn bytes(slabs: usize, groups: usize) -> u64 {
        (slabs * 2 * groups * 16) as u64
    }

    /// For a reduction over rows.
    pub(crate) fn of(plan: &mut PlanBuilder, label: String, columns: &Columns) -> Self {
        let Columns { slabs, rows_per_slab, channels, .. } = *columns;
        Self::new(plan, label, slabs as usize, rows_per_slab as usize, channels as usize)
    }

    /// How the kernels are spread that finish what slabs have: neighbouring channel groups that a workgroup takes, and its invocations. A
    /// GPU has so many to a group that each takes eight slabs, which are on their way together; a software device reads few best in order.
    pub(crate) fn spread(&self, class: DeviceClass, groups: usize) -> (usize, u32) {
        let lanes = match class {
            DeviceClass::Software if self.slabs <= 64 => 1,
            _ => self.slabs.div_ceil(8).next_power_of_two().min(256),
        };
        let workgroup = if lanes <= 16 { 64 } else { 256 };
        (groups.clamp(1, workgroup / lanes), workgroup as u32)
    }

    /// Slabs that were merged until they are few, and the new ones for them.
    fn fewer(&self, plan: &mut PlanBuilder, label: &str, groups: usize) -> Option<(usize, Self)> {
        if self.slabs <= FINISHED_AT_ONCE {
            return None;
        }
        let per_piece = self.slabs.div_ceil(FINISHED_AT_ONCE);
        let (pieces, rows) = (self.slabs.div_ceil(per_piece), self.rows_per_slab * per_piece);
        Some((per_piece, Self::new(plan, format!("{label} merged"), pieces, rows, groups)))
    }

    /// The same sums in few slabs; appends adding them up where there are many.
    pub(crate) fn few_sums(self, plan: &mut PlanBuilder, label: &str, groups: usize) -> Self {
        let Some((per_piece, few)) = self.fewer(plan, label, groups) else { return self };
        let (slabs, bytes) = (self.slabs, 2 * groups as u64 * 16);
        sum_pieces(plan, format!("{label} merge"), slabs, per_piece, bytes, self.partial, few.partial);
        few
    }

    /// The same statistics, of `rows` rows in all, in few slabs; appends merging them where there are many.
    pub(crate) fn few_moments(self, plan: &mut PlanBuilder, label: &str, rows: usize, groups: usize) -> Self {
        let Some((per_piece, few)) = self.fewer(plan, label, groups) else { return self };
        plan.dispatch(
            Dispatch::new(&kernels::BATCH_NORM_MERGE, format!("{label} merge"))
                .bind("partial", self.partial)
                .bind("merged", few.partial)
                .params(&MergeParams {
                    channels: groups as u32,
                    slabs: self.slabs as u32,
                    slabs_per_piece: per_piece as u32,
                    pieces: few.slabs as u32,
                    rows: rows as u32,
                    rows_per_slab: self.rows_per_slab as u32,
                    unused: [0; 2],
                })
                .threads((few.slabs * groups) as u64)
                .cost(0, self.partial.bytes() + few.partial.bytes()),
        );
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [DeviceClass; 3] = [DeviceClass::Software, DeviceClass::Integrated, DeviceClass::Discrete];

    #[test]
    fn slabs_are_never_empty_and_leave_little() {
        for class in CLASSES {
            for rows in [1, 7, 64, 100, 3584, 1_605_632] {
                for (invocations, left) in [(6, 96), (720, 11_520), (4096, 614_400)] {
                    let read = rows as u64 * 1024;
                    let slabs = slab_count(class, rows, invocations, left, read / 4);
                    let per = rows.div_ceil(slabs);
                    assert!(slabs >= 1 && per * (slabs - 1) < rows, "{rows} rows in {slabs}");
                    assert!(slabs == 1 || 4 * slabs as u64 * left <= read, "{rows} rows in {slabs}");
                    assert!(class != DeviceClass::Software || slabs <= 64);
                }
            }
        }
    }

    #[test]
    fn slabs_are_finished_in_two_rounds_of_loads() {
        let mut plan = PlanBuilder::for_class(DeviceClass::Discrete);
        for slabs in [1, 8, 9, 64, 65, 196, 500, 1000, 2048, FINISHED_AT_ONCE] {
            for groups in [1, 4, 18, 240] {
                let slabs = Slabs::new(&mut plan, "slabs".into(), slabs, 64, groups);
                for class in CLASSES {
                    let (width, workgroup) = slabs.spread(class, groups);
                    let lanes = workgroup as usize / width;
                    assert!(width <= groups && lanes >= 1, "{slabs:?} {groups}");
                    // AT_ONCE of `batch_norm/finalise`.
                    let (at_once, most) = match class {
                        DeviceClass::Software => (1, 64),
                        _ => (8, 1 + slabs.slabs / 2049),
                    };
                    let rounds = slabs.slabs.div_ceil(at_once * lanes);
                    assert!(rounds <= most, "{slabs:?} {groups}: {lanes} invocations, {rounds} rounds");
                }
            }
        }
    }

    #[test]
    fn a_large_gpu_is_kept_busy() {
        // The weight gradient of the depthwise convolution over 56x56x64, 32 images: 16 invocations for a slab of output rows.
        let slabs = slab_count(DeviceClass::Discrete, 32 * 56, 16, 9 * 256, 128_000_000 / 4);
        assert_eq!(slabs, 32 * 56);
        assert_eq!(slab_count(DeviceClass::Software, 32 * 56, 16, 9 * 256, 128_000_000 / 4), 64);
    }
}
