//! Element-wise loops, simple enough for the compiler to vectorise: each is inlined into a function
//! that enables the instruction set.

/// `output = bytes * factor + offset`.
#[inline(always)]
pub(super) fn normalise(bytes: &[u8], factor: &[f32], offset: &[f32], output: &mut [f32]) {
    for (((to, byte), factor), offset) in output.iter_mut().zip(bytes).zip(factor).zip(offset) {
        *to = f32::from(*byte) * factor + offset;
    }
}

/// Multiplies every row of `values` by `gate`.
#[inline(always)]
pub(super) fn scale_rows(values: &mut [f32], gate: &[f32]) {
    for row in values.chunks_exact_mut(gate.len()) {
        for (value, gate) in row.iter_mut().zip(gate) {
            *value *= gate;
        }
    }
}

/// Adds all rows of `values` to `sums`.
#[inline(always)]
pub(super) fn sum_rows(values: &[f32], sums: &mut [f32]) {
    for row in values.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}
