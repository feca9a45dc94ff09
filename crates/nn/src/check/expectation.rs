//! What an output must hold after a trial, and how far from it what it holds is.

use super::layout::{Layout, decoded, left, rounding};
use super::trial::Slot;
use photonet_gpu::Format;

/// How the words of an output are to be read.
#[derive(Clone, Copy)]
pub(super) enum Words {
    Float,
    /// Two to a word, in this format.
    Pairs(Format),
    Whole,
}

pub(super) fn words_in(format: Format) -> Words {
    match format {
        Format::Single => Words::Float,
        _ => Words::Pairs(format),
    }
}

/// What an output must hold.
pub(super) struct Expectation {
    pub name: &'static str,
    pub slot: Slot,
    /// Words before the first.
    pub offset: usize,
    pub layout: Layout,
    pub words: Words,
    pub padding_is_zero: bool,
    pub values: Vec<f64>,
}

impl Expectation {
    /// How many words it has.
    pub fn words_len(&self) -> usize {
        match self.words {
            Words::Float | Words::Whole => self.layout.padded_len(),
            Words::Pairs(_) => self.layout.padded_len() / 2,
        }
    }

    /// The normalised error of `words`, and a remark on what it is of.
    pub fn error(&self, words: &[u32], tolerance: f64) -> (f64, &'static str) {
        let (mut difference, mut norm) = (0.0, 0.0);
        let squares: f64 = self.values.iter().map(|value| value * value).sum();
        // How far off a value may be before it is rounded, as the tolerance counts.
        let slack = tolerance * (squares / self.values.len().max(1) as f64).sqrt();
        for (number, element) in self.layout.elements().enumerate() {
            let actual = match self.words {
                Words::Float => f64::from(f32::from_bits(words[number])),
                Words::Pairs(format) => decoded((words[number / 2] >> (number % 2 * 16)) as u16, format),
                Words::Whole => f64::from(words[number]),
            };
            match element {
                None if self.padding_is_zero && actual != 0.0 => return (f64::INFINITY, " (padding)"),
                None => {}
                Some(_) if !actual.is_finite() => return (f64::INFINITY, " (not finite)"),
                Some(at) => {
                    let expected = self.stored(self.values[at], slack, actual);
                    difference += (actual - expected).powi(2);
                    norm += expected.powi(2);
                }
            }
        }
        // An output that must be zero has no norm to compare with: then the error is absolute.
        let error = (difference / if norm > 0.0 { norm } else { 1.0 }).sqrt();
        match self.words {
            Words::Float | Words::Whole => (error, ""),
            Words::Pairs(format) => {
                ((error - flips(format, tolerance)).max(0.0), " (beyond rounding otherwise)")
            }
        }
    }

    /// What is stored of an expected value: of two numbers that it lies between, and no further than `slack` from the middle, the nearer to
    /// what was found.
    fn stored(&self, value: f64, slack: f64, found: f64) -> f64 {
        let Words::Pairs(format) = self.words else { return value };
        let may_be = [value, value - slack, value + slack].map(|value| decoded(left(value, format), format));
        may_be.into_iter().min_by(|a, b| (a - found).abs().total_cmp(&(b - found).abs())).unwrap_or(value)
    }
}

/// What rounding otherwise may add to a normalised error: where a kernel's value is off by e of it before it is rounded, it becomes another
/// number than the twin's with a probability of e beside the distance between numbers, d, and then is off by that: sqrt(e d) in the mean,
/// and at most the worst rounding.
fn flips(format: Format, e: f64) -> f64 {
    let worst = rounding(format);
    (e * 2.0 * worst).sqrt().min(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(layout: Layout, values: Vec<f64>) -> Expectation {
        let (name, slot, words) = ("x", Slot(0), Words::Float);
        Expectation { name, slot, offset: 0, layout, words, padding_is_zero: true, values }
    }

    #[test]
    fn elements_skip_the_padding_of_both_axes() {
        let numbers: Vec<_> = Layout::weights(2, 1, 3).elements().collect();
        assert_eq!(numbers.len(), 2 * 4 * 4);
        assert_eq!(numbers[..5], [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(numbers[16..20], [Some(3), Some(4), Some(5), None]);
        assert_eq!(numbers.iter().flatten().count(), 6);
    }

    #[test]
    fn a_wrong_value_padding_or_nan_is_an_error() {
        let expected = expectation(Layout::channels(2), vec![3.0, 4.0]);
        let error = |values: [f32; 4]| expected.error(&values.map(f32::to_bits), 1e-6);
        assert_eq!(error([3.0, 4.0, 0.0, 0.0]), (0.0, ""));
        assert_eq!(error([3.0, 4.5, 0.0, 0.0]), (0.1, ""));
        assert_eq!(error([3.0, 4.0, 0.0, 1e-30]), (f64::INFINITY, " (padding)"));
        assert_eq!(error([3.0, f32::NAN, 0.0, 0.0]), (f64::INFINITY, " (not finite)"));
    }

    #[test]
    fn half_precision_must_be_rounded_and_not_cut_off() {
        let values: Vec<f64> = (0..4000).map(|i| 1.0 + f64::from(i) / 4000.0).collect();
        for format in [Format::Half, Format::Brain] {
            let whole = expectation(Layout::flat(values.len()), values.clone());
            let expected = Expectation { words: Words::Pairs(format), ..whole };
            let error = |bits: &dyn Fn(f64) -> u32| {
                let bits: Vec<u32> = values.iter().map(|&value| bits(value)).collect();
                let words: Vec<u32> = bits.chunks(2).map(|pair| pair[0] | pair[1] << 16).collect();
                expected.error(&words, 1e-6).0
            };
            assert_eq!(error(&|value| u32::from(left(value, format))), 0.0);
            let cut = if format == Format::Half { 13 } else { 16 };
            let below = |value: f64| f64::from(f32::from_bits((value as f32).to_bits() >> cut << cut));
            assert!(error(&|value| u32::from(left(below(value), format))) > 1e-4);
        }
    }

    #[test]
    fn what_lies_in_the_middle_may_be_rounded_either_way() {
        for (format, distance) in [(Format::Half, 1.0 / 1024.0), (Format::Brain, 1.0 / 128.0)] {
            let error = |value: f64, found: f64| {
                let words = Words::Pairs(format);
                let expected = Expectation { words, ..expectation(Layout::flat(1), vec![value]) };
                expected.error(&[u32::from(left(found, format))], 1e-6).0
            };
            let middle = 1.0 + 0.5 * distance;
            for value in [middle * (1.0 - 5e-7), middle * (1.0 + 5e-7)] {
                assert_eq!([error(value, 1.0), error(value, 1.0 + distance)], [0.0; 2]);
            }
            assert!(error(middle * (1.0 + 3e-6), 1.0) > 1e-4);
            assert!(error(middle * (1.0 - 3e-6), 1.0 + distance) > 1e-4);
        }
    }

    #[test]
    fn zero_is_compared_absolutely() {
        let expected = expectation(Layout::channels(1), vec![0.0]);
        assert_eq!(expected.error(&[0.25_f32.to_bits(), 0, 0, 0], 1e-6).0, 0.25);
    }
}
