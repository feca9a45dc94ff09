//! Named tensors, and raw bytes into their values.

use half::{bf16, f16};
use std::fmt;

/// The type of a tensor's values in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point (IEEE 754 binary16).
    F16,
    /// 16-bit floating point with the range of 32 bits.
    BF16,
    /// 64-bit integer, what frameworks count batches with.
    I64,
    /// 32-bit integer.
    I32,
}

impl Element {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::I64 => 8,
        }
    }

    fn values<'a>(self, chunks: impl Iterator<Item = &'a [u8]>) -> Values {
        let word = |b: &[u8]| [b[0], b[1], b[2], b[3]];
        match self {
            Self::F32 => Values::Floats(chunks.map(|b| f32::from_le_bytes(word(b))).collect()),
            Self::F16 => Values::Floats(chunks.map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
            Self::BF16 => {
                Values::Floats(chunks.map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect())
            }
            Self::I32 => Values::Integers(chunks.map(|b| i32::from_le_bytes(word(b)).into()).collect()),
            Self::I64 => Values::Integers(
                chunks
                    .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
                    .collect(),
            ),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::I64 => "i64",
            Self::I32 => "i32",
        })
    }
}

/// The values of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floating point, widened to 32 bits without loss.
    Floats(Vec<f32>),
    /// Integers.
    Integers(Vec<i64>),
}

/// A tensor of a weight file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Type in the file.
    pub element: Element,
    /// Values.
    pub values: Values,
}

/// How many values may still be read. Views of one storage cost a file almost nothing, so without it a
/// small file could ask for any amount of memory.
pub(crate) struct Budget(usize);

impl Budget {
    /// As many values as the file has bytes.
    pub(crate) fn of(file: &[u8]) -> Self {
        Self(file.len())
    }

    fn spend(&mut self, count: usize) -> Result<(), String> {
        self.0 =
            self.0.checked_sub(count).ok_or("holds, with the others, more values than the file has bytes")?;
        Ok(())
    }
}

/// Where a tensor's values lie in the bytes of its storage, counted in elements.
pub(crate) struct View {
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// More axes than any weight has.
pub(crate) const MAX_AXES: usize = 8;

/// The number of values of `shape`.
pub(crate) fn count(shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MAX_AXES {
        return Err(format!("has {} axes, more than {MAX_AXES}", shape.len()));
    }
    let count = shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side));
    count.ok_or_else(|| format!("has the impossible shape {shape:?}"))
}

/// Strides of row-major (`false`) or column-major (`true`) order.
pub(crate) fn strides(shape: &[usize], column_major: bool) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1_usize;
    let axes: Box<dyn Iterator<Item = usize>> =
        if column_major { Box::new(0..shape.len()) } else { Box::new((0..shape.len()).rev()) };
    for axis in axes {
        strides[axis] = step;
        step = step.saturating_mul(shape[axis]);
    }
    strides
}

/// Reads the values that `view` shows of `data`.
pub(crate) fn gather(
    element: Element,
    data: &[u8],
    view: View,
    budget: &mut Budget,
) -> Result<Tensor, String> {
    let View { offset, shape, strides: steps } = view;
    let size = element.bytes();
    let total = count(&shape)?;
    if steps.len() != shape.len() {
        return Err(format!("has {} strides for the shape {shape:?}", steps.len()));
    }
    budget.spend(total)?;
    let furthest = shape
        .iter()
        .zip(&steps)
        .try_fold(offset, |at, (side, step)| at.checked_add(side.saturating_sub(1).checked_mul(*step)?));
    let fits =
        furthest.and_then(|at| at.checked_add(1)?.checked_mul(size)).is_some_and(|end| end <= data.len());
    if total > 0 && !fits {
        return Err(format!("of shape {shape:?} reaches beyond its storage of {} values", data.len() / size));
    }
    let values = if total == 0 {
        element.values(std::iter::empty())
    } else if steps == strides(&shape, false) {
        element.values(data[offset * size..(offset + total) * size].chunks_exact(size))
    } else {
        let mut index = vec![0; shape.len()];
        element.values((0..total).map(|_| {
            let at = offset + index.iter().zip(&steps).map(|(i, step)| i * step).sum::<usize>();
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
            &data[at * size..(at + 1) * size]
        }))
    };
    Ok(Tensor { shape, element, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(view: View) -> Result<Tensor, String> {
        let data: Vec<u8> = (0..6_i32).flat_map(i32::to_le_bytes).collect();
        gather(Element::I32, &data, view, &mut Budget(100))
    }

    #[test]
    fn strided_views_are_read_in_order() {
        let view = View { offset: 0, shape: vec![3, 2], strides: vec![1, 3] };
        assert_eq!(gathered(view).unwrap().values, Values::Integers(vec![0, 3, 1, 4, 2, 5]));
        let view = View { offset: 1, shape: vec![5], strides: vec![1] };
        assert_eq!(gathered(view).unwrap().values, Values::Integers(vec![1, 2, 3, 4, 5]));
        assert_eq!(strides(&[2, 3, 4], false), [12, 4, 1]);
        assert_eq!(strides(&[2, 3, 4], true), [1, 2, 6]);
    }

    #[test]
    fn what_lies_outside_or_is_too_much_is_refused() {
        for (offset, shape, strides) in [
            (2, vec![5], vec![1]),
            (0, vec![2], vec![usize::MAX]),
            (usize::MAX, vec![1], vec![1]),
            (0, vec![101], vec![0]),
            (0, vec![usize::MAX, 2], vec![0, 0]),
            (0, vec![1; 9], vec![0; 9]),
            (0, vec![2, 2], vec![1]),
        ] {
            gathered(View { offset, shape, strides }).unwrap_err();
        }
        let none = View { offset: 0, shape: vec![0, 7], strides: vec![7, 1] };
        assert_eq!(gathered(none).unwrap().values, Values::Integers(vec![]));
    }
}
