//! Workgroup memory that products on matrix units use twice.
//!
//! A product's matrices lie in half precision in workgroup memory, and afterwards its sums in single precision do, in the same memory: what a
//! workgroup takes of it decides how many of them a processor has. WGSL has no second type for a variable, and naga loads matrices of 16 bits
//! from variables of 16 bits alone, while Vulkan loads them from whatever a pointer points to (SPV_KHR_cooperative_matrix,
//! OpCooperativeMatrixLoadKHR). So kernels load matrices from a variable of 4 halves that nobody writes, and write to one of 2 singles, which
//! takes its place here.

use super::memory_model::{
    CLASS_WORKGROUP, HEADER, OP_ACCESS_CHAIN, OP_IN_BOUNDS_ACCESS_CHAIN, OP_TYPE_POINTER, OP_VARIABLE,
    instructions, push,
};
use std::collections::HashMap;

const OP_ENTRY_POINT: u32 = 15;
const OP_TYPE_FLOAT: u32 = 22;
const OP_TYPE_VECTOR: u32 = 23;
const OP_TYPE_ARRAY: u32 = 28;

/// The variable of 4 halves an element becomes that of 2 singles, where a module has both; others stay what they are.
pub(super) fn alias_halves(words: Vec<u32>) -> Vec<u32> {
    let (mut floats, mut vectors, mut arrays) = (HashMap::new(), HashMap::new(), HashMap::new());
    let (mut pointers, mut variables) = (HashMap::new(), Vec::new());
    for (op, operands) in instructions(&words) {
        match op {
            OP_TYPE_FLOAT => _ = floats.insert(operands[0], operands[1]),
            OP_TYPE_VECTOR => _ = vectors.insert(operands[0], (operands[1], operands[2])),
            OP_TYPE_ARRAY => _ = arrays.insert(operands[0], operands[1]),
            OP_TYPE_POINTER if operands[1] == CLASS_WORKGROUP => {
                _ = pointers.insert(operands[0], operands[2])
            }
            OP_VARIABLE => variables.push((operands[0], operands[1])),
            _ => {}
        }
    }
    let of =
        |vector: u32| vectors.get(&vector).and_then(|(float, count)| Some((*floats.get(float)?, *count)));
    let variable = |bits_and_count| {
        let mut all = variables.iter().filter(|(pointer, _)| {
            let element = pointers.get(pointer).and_then(|array| arrays.get(array));
            element.and_then(|&element| of(element)) == Some(bits_and_count)
        });
        all.next().map(|&(_, id)| id)
    };
    let to_element = pointers.iter().find(|&(_, &to)| of(to) == Some((32, 2))).map(|(&id, _)| id);
    let (Some(halves), Some(singles), Some(to_element)) = (variable((16, 4)), variable((32, 2)), to_element)
    else {
        return words;
    };
    let mut shared = words[..HEADER].to_vec();
    for (op, operands) in instructions(&words) {
        let mut operands = operands.to_vec();
        match op {
            OP_VARIABLE if operands[1] == halves => continue,
            OP_ACCESS_CHAIN | OP_IN_BOUNDS_ACCESS_CHAIN if operands[2] == halves => {
                operands[0] = to_element;
                operands[2] = singles;
            }
            OP_ENTRY_POINT => {
                // Behind the name, whose last word has a zero byte, are the variables.
                let name = operands[2..].iter().position(|word| word.to_le_bytes().contains(&0)).unwrap_or(0);
                let of_variables = operands.split_off(2 + name + 1);
                operands.extend(of_variables.into_iter().filter(|&id| id != halves));
            }
            _ => {}
        }
        push(&mut shared, op, &operands);
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Constants;
    use crate::recorded::memory_model::{OP_MATRIX_LOAD, OP_MATRIX_STORE};
    use crate::recorded::spirv::compile;

    const TEXT: &str = "enable f16;
        enable wgpu_cooperative_matrix;
        @group(0) @binding(0) var<storage, read_write> values: array<vec2<f32>>;
        var<workgroup> pool: array<vec2<f32>, 64>;
        var<workgroup> halves: array<vec4<f16>, 64>;
        @compute @workgroup_size(32)
        fn main(@builtin(local_invocation_index) lane: u32) {
            pool[lane] = values[lane];
            workgroupBarrier();
            let a = coopLoad<coop_mat16x16<f16, A>>(&halves[0], 4u);
            let b = coopLoad<coop_mat16x16<f16, B>>(&halves[lane / 32u], 4u);
            let sum = coopMultiplyAdd(a, b, coop_mat16x16<f32, C>());
            workgroupBarrier();
            coopStore(sum, &pool[0], 8u);
            workgroupBarrier();
            values[lane] = pool[lane];
        }";

    fn words(text: &str) -> Vec<u32> {
        compile(text, &Constants::new(), (1, 6), false, 256).unwrap()
    }

    /// The variables of workgroup memory, and those that matrices are loaded from and stored to.
    fn accesses(words: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut variables, mut bases, mut used) = (Vec::new(), HashMap::new(), Vec::new());
        for (op, operands) in instructions(words) {
            match op {
                OP_VARIABLE if operands[2] == CLASS_WORKGROUP => variables.push(operands[1]),
                OP_ACCESS_CHAIN | OP_IN_BOUNDS_ACCESS_CHAIN => _ = bases.insert(operands[1], operands[2]),
                OP_MATRIX_LOAD => used.push(bases[&operands[2]]),
                OP_MATRIX_STORE => used.push(bases[&operands[0]]),
                _ => {}
            }
        }
        (variables, used)
    }

    #[test]
    fn matrices_are_loaded_from_what_is_written() {
        let words = words(TEXT);
        let (variables, used) = accesses(&words);
        assert_eq!(variables.len(), 1);
        assert_eq!(used, [variables[0]; 3]);
        // What is gone is named nowhere: not by the entry point either.
        let ids: Vec<u32> = instructions(&words)
            .filter(|(op, _)| *op == OP_VARIABLE)
            .map(|(_, operands)| operands[1])
            .collect();
        let (_, entry) = instructions(&words).find(|(op, _)| *op == OP_ENTRY_POINT).unwrap();
        // "main" and its end take two words.
        assert!(entry[4..].iter().all(|id| ids.contains(id)));
    }

    #[test]
    fn without_both_variables_nothing_changes() {
        let text = TEXT.replace("array<vec2<f32>, 64>", "array<vec4<f32>, 64>");
        let text =
            text.replace("pool[lane] = values[lane]", "pool[lane] = vec4<f32>(values[lane], values[lane])");
        let text = text.replace("values[lane] = pool[lane]", "values[lane] = pool[lane].xy");
        let (variables, used) = accesses(&words(&text));
        assert_eq!(variables.len(), 2);
        assert_ne!(used[0], used[2]);
    }
}
