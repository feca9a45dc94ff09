//! Assigning transient tensors to a few buffers by lifetime.

/// When a tensor is alive, in dispatch numbers, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// First dispatch that touches it.
    pub first: usize,
    /// Last dispatch that touches it.
    pub last: usize,
    /// Bytes.
    pub bytes: u64,
}

/// Which pool buffer each tensor gets, and the sizes of the buffers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Assignment {
    pub slot: Vec<usize>,
    pub sizes: Vec<u64>,
}

/// Greedy by size: the largest tensors choose first, each taking the smallest buffer that is free
/// during its whole life (after "Efficient Memory Management for Deep Neural Net Inference",
/// arXiv 2001.03288). Tensors that one dispatch touches together never share a buffer.
pub(super) fn assign(tensors: &[Lifetime]) -> Assignment {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(tensors[i].bytes), i));
    let mut result = Assignment { slot: vec![0; tensors.len()], sizes: Vec::new() };
    let mut tenants: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let mine = tensors[index];
        let free = |others: &Vec<usize>| {
            others.iter().all(|&o| tensors[o].last < mine.first || mine.last < tensors[o].first)
        };
        // Buffers are created in falling size, so the last free one is the tightest fit.
        match tenants.iter().rposition(free) {
            Some(slot) => {
                tenants[slot].push(index);
                result.slot[index] = slot;
            }
            None => {
                result.slot[index] = tenants.len();
                result.sizes.push(mine.bytes);
                tenants.push(vec![index]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(first: usize, last: usize, bytes: u64) -> Lifetime {
        Lifetime { first, last, bytes }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<_> = (0..6).map(|i| life(i, i + 1, 100)).collect();
        let assignment = assign(&chain);
        assert_eq!(assignment.sizes.len(), 2);
    }

    #[test]
    fn tensors_alive_together_never_share() {
        let tensors = [life(0, 5, 10), life(1, 2, 50), life(2, 3, 40), life(3, 9, 70), life(4, 4, 5)];
        let assignment = assign(&tensors);
        for a in 0..tensors.len() {
            for b in 0..a {
                let overlap = tensors[a].first <= tensors[b].last && tensors[b].first <= tensors[a].last;
                assert!(!overlap || assignment.slot[a] != assignment.slot[b], "{a} and {b} share");
            }
        }
        for (i, t) in tensors.iter().enumerate() {
            assert!(assignment.sizes[assignment.slot[i]] >= t.bytes);
        }
    }
}
