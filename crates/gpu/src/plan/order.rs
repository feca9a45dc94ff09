//! Which launches may run at the same time.

use std::collections::HashMap;
use std::ops::Range;

/// What a launch does to part of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// Which buffer, by any number of its own.
    pub buffer: usize,
    /// Bytes of it.
    pub bytes: Range<u64>,
    /// Whether they are written; read they may be in any case.
    pub written: bool,
}

/// One launch, as far as its order is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub uses: Vec<Use>,
    /// How long it takes, in any unit.
    pub weight: u64,
}

impl Use {
    /// Whether two uses have to keep their order.
    fn conflicts(&self, other: &Self) -> bool {
        let overlap = self.bytes.start < other.bytes.end && other.bytes.start < self.bytes.end;
        self.buffer == other.buffer && overlap && (self.written || other.written)
    }
}

impl Ordered {
    /// Whether the launch writes what it uses a second time.
    pub fn conflicts(&self) -> bool {
        let before = |at: usize| self.uses[..at].iter();
        self.uses.iter().enumerate().any(|(at, own)| before(at).any(|other| own.conflicts(other)))
    }
}

/// Sorts launches, by their numbers, into phases: each waits for those that it shares bytes with, of which one of the two writes some, and
/// which come before it in `launches`. There are as few phases as the longest chain has launches; where one may be in several of them it goes to the
/// shortest so far, so that long launches run beside the short ones that something waits for.
pub(super) fn phases(launches: &[Ordered]) -> Vec<Vec<usize>> {
    let before = dependencies(launches);
    let mut earliest = vec![0usize; launches.len()];
    for (launch, before) in before.iter().enumerate() {
        earliest[launch] = before.iter().map(|&other| earliest[other] + 1).max().unwrap_or(0);
    }
    let count = earliest.iter().max().map_or(0, |last| last + 1);
    let mut latest = vec![count.saturating_sub(1); launches.len()];
    for (launch, before) in before.iter().enumerate().rev() {
        for &other in before {
            latest[other] = latest[other].min(latest[launch] - 1);
        }
    }
    // What the launches of a phase take together.
    let mut length = vec![0u64; count];
    let mut taken: Vec<usize> = Vec::with_capacity(launches.len());
    for (launch, &phase) in earliest.iter().enumerate() {
        if phase == latest[launch] {
            length[phase] += launches[launch].weight;
        }
    }
    for (launch, before) in before.iter().enumerate() {
        let first = before.iter().map(|&other| taken[other] + 1).max().unwrap_or(0);
        let phase = (first..=latest[launch]).min_by_key(|&phase| length[phase]).unwrap_or(first);
        if earliest[launch] < latest[launch] {
            length[phase] += launches[launch].weight;
        }
        taken.push(phase);
    }
    let mut phases = vec![Vec::new(); count];
    for (launch, &phase) in taken.iter().enumerate() {
        phases[phase].push(launch);
    }
    // A device begins launches in order: the short ones need not wait until a long one has no more workgroups to begin.
    for phase in &mut phases {
        phase.sort_by_key(|&launch| launches[launch].weight);
    }
    phases
}

/// For each launch those before it that it has to wait for. What follows from others may be left out.
fn dependencies(launches: &[Ordered]) -> Vec<Vec<usize>> {
    let mut uses_of: HashMap<usize, Vec<(usize, &Use)>> = HashMap::new();
    let mut result = Vec::with_capacity(launches.len());
    for (number, launch) in launches.iter().enumerate() {
        let mut before = Vec::new();
        for own in &launch.uses {
            let earlier = uses_of.entry(own.buffer).or_default();
            for (by, other) in earlier.iter().rev() {
                if *by != number && own.conflicts(other) {
                    before.push(*by);
                }
            }
            // Whoever comes after a launch that writes all of something waits for that one, and so for those before it.
            if own.written {
                earlier.retain(|(by, other)| {
                    *by == number || other.bytes.start < own.bytes.start || own.bytes.end < other.bytes.end
                });
            }
            earlier.push((number, own));
        }
        before.sort_unstable();
        before.dedup();
        result.push(before);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(weight: u64, reads: &[usize], writes: &[usize]) -> Ordered {
        let of = |written| move |&buffer: &usize| Use { buffer, bytes: 0..16, written };
        Ordered { weight, uses: reads.iter().map(of(false)).chain(writes.iter().map(of(true))).collect() }
    }

    #[test]
    fn a_chain_stays_one() {
        let chain: Vec<Ordered> = (0..5).map(|i| launch(1, &[i], &[i + 1])).collect();
        assert_eq!(phases(&chain), [[0], [1], [2], [3], [4]]);
        assert!(phases(&[]).is_empty());
    }

    #[test]
    fn readers_share_a_phase_and_the_next_writer_waits_for_both() {
        let launches =
            [launch(1, &[], &[0]), launch(5, &[0], &[1]), launch(2, &[0], &[2]), launch(1, &[], &[0])];
        assert_eq!(phases(&launches), [vec![0], vec![2, 1], vec![3]]);
    }

    #[test]
    fn what_nothing_waits_for_runs_beside_the_shortest() {
        // 1, 2 and 3 are a chain, 4 needs 0 alone.
        let launches = [
            launch(1, &[], &[0]),
            launch(9, &[0], &[1]),
            launch(1, &[1], &[2]),
            launch(9, &[2], &[3]),
            launch(7, &[0], &[4]),
        ];
        assert_eq!(phases(&launches), [vec![0], vec![1], vec![2, 4], vec![3]]);
    }

    #[test]
    fn parts_of_a_buffer_that_do_not_overlap_are_free_of_one_another() {
        let part = |bytes, written| Ordered { weight: 1, uses: vec![Use { buffer: 7, bytes, written }] };
        let launches =
            [part(0..256, true), part(256..512, true), part(255..257, false), part(512..600, false)];
        assert_eq!(phases(&launches), [vec![0, 1], vec![2, 3]]);
    }

    /// Every pair of launches of which one writes what the other uses, in random lists: their order must stay.
    #[test]
    fn whatever_conflicts_stays_in_order() {
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let launches: Vec<Ordered> = (0..40)
                .map(|_| {
                    let mut uses = Vec::new();
                    for _ in 0..=random(4) {
                        let start = random(60);
                        let bytes = start..start + 1 + random(30);
                        uses.push(Use { buffer: random(3) as usize, bytes, written: random(3) == 0 });
                    }
                    Ordered { uses, weight: random(100) }
                })
                .collect();
            let phases = phases(&launches);
            let mut phase_of = vec![usize::MAX; launches.len()];
            for (phase, launches) in phases.iter().enumerate() {
                for &launch in launches {
                    assert_eq!(std::mem::replace(&mut phase_of[launch], phase), usize::MAX, "once");
                }
            }
            for later in 0..launches.len() {
                for earlier in 0..later {
                    let of = |launch: usize| launches[launch].uses.iter();
                    let conflict = of(earlier).any(|a| of(later).any(|b| a.conflicts(b)));
                    assert!(!conflict || phase_of[earlier] < phase_of[later], "{earlier} and {later}");
                }
            }
        }
    }
}
