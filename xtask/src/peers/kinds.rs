//! Where the time of a run goes, by kind of layer, on two sides.

use super::report::{aligned, median};

/// Kinds of layers, in the order of the table, and which kernels they have, by the beginnings of their names; the first that fits counts.
const KINDS: [(&str, &[&str]); 7] = [
    ("1x1 convolution, forward", &["pointwise/forward", "pointwise/pack"]),
    ("1x1 convolution, data gradient", &["pointwise/data_gradient"]),
    ("1x1 convolution, weight gradient", &["pointwise/"]),
    ("depthwise convolution", &["depthwise/"]),
    ("batch normalisation", &["batch_norm/"]),
    ("stem", &["dense/"]),
    ("squeeze-excite, pool, loss, optimiser", &[""]),
];

/// Milliseconds of every kind in each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times([Vec<f64>; KINDS.len()]);

impl Times {
    /// Adds a round, in which kernels took so many milliseconds.
    pub fn add(&mut self, kernels: &[(String, f64)]) {
        let mut sums = [0.0; KINDS.len()];
        for (kernel, ms) in kernels {
            let is = |(_, beginnings): &(&str, &[&str])| beginnings.iter().any(|of| kernel.starts_with(of));
            // The last fits all.
            sums[KINDS.iter().position(is).unwrap_or(KINDS.len() - 1)] += ms;
        }
        for (all, sum) in self.0.iter_mut().zip(sums) {
            all.push(sum);
        }
    }
}

/// A table of the medians over the rounds, of two sides for each work; kinds that no side has are left out.
pub fn table(before: &str, after: &str, works: &[(String, Times, Times)]) -> String {
    let heads = std::iter::once(String::new()).chain(works.iter().map(|(work, ..)| work.clone()));
    let mut lines = vec![heads.collect::<Vec<_>>()];
    for (at, (kind, _)) in KINDS.iter().enumerate() {
        let cell = |(_, before, after): &(String, Times, Times)| {
            let of = |times: &Times| median(&times.0[at]).unwrap_or(0.0);
            let (before, after) = (of(before), of(after));
            if before + after == 0.0 { String::new() } else { format!("{before:.1} -> {after:.1}") }
        };
        let cells: Vec<_> = works.iter().map(cell).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            lines.push(std::iter::once((*kind).to_string()).chain(cells).collect());
        }
    }
    format!("Milliseconds in kernels, by kind of layer ({before} -> {after})\n\n{}", aligned(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_added_up_by_kind_and_the_median_of_the_rounds_is_shown() {
        let of = |kernels: &[(&str, f64)]| {
            kernels.iter().map(|(name, ms)| (name.to_string(), *ms)).collect::<Vec<_>>()
        };
        let (mut before, mut after) = (Times::default(), Times::default());
        before.add(&of(&[
            ("pointwise/forward", 60.0),
            ("pointwise/weight_gradient", 9.0),
            ("reduce/sum", 1.0),
        ]));
        for extra in [0.0, 100.0, 1.0] {
            after.add(&of(&[
                ("pointwise/forward_direct", 15.0 + extra),
                ("pointwise/forward_split", 5.0),
                ("pointwise/gradients", 3.0),
                ("momentum", 2.0),
            ]));
        }
        let table = table("plain", "now", &[("small".into(), before, after)]);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "|                                       | small        |",
                "| ------------------------------------- | ------------ |",
                "| 1x1 convolution, forward              | 60.0 -> 21.0 |",
                "| 1x1 convolution, weight gradient      | 9.0 -> 3.0   |",
                "| squeeze-excite, pool, loss, optimiser | 1.0 -> 2.0   |",
            ]
        );
    }
}
