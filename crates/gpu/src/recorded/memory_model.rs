//! Vulkan's memory model, which SPIR-V with matrix units is in.
//!
//! There a barrier orders only accesses that are marked as those of several invocations (`NonPrivatePointer`), and makes what was written available
//! and visible only where it says so (SPIR-V 1.6, 3.26 "Memory Operands" and 3.25 "Memory Semantics"). naga 30 writes neither, see issue 8805 of wgpu.

use super::words::{
    CLASS_WORKGROUP, HEADER, MODEL_VULKAN, OP_ACCESS_CHAIN, OP_CONSTANT, OP_CONTROL_BARRIER,
    OP_FUNCTION_PARAMETER, OP_IN_BOUNDS_ACCESS_CHAIN, OP_LOAD, OP_MATRIX_LOAD, OP_MATRIX_STORE,
    OP_MEMORY_MODEL, OP_STORE, OP_TYPE_POINTER, OP_VARIABLE, instructions, new_id, push,
};
use std::collections::{HashMap, HashSet};

const NON_PRIVATE_POINTER: u32 = 0x20;
const SEMANTICS_WORKGROUP: u32 = 0x100;
const SEMANTICS_AVAILABLE_AND_VISIBLE: u32 = 0x2000 | 0x4000;

/// Marks every access to workgroup memory, and makes barriers order them, in a module that is in Vulkan's memory model. Others stay what they are.
pub(super) fn order_workgroup_memory(words: Vec<u32>) -> Vec<u32> {
    if !instructions(&words).any(|(op, operands)| op == OP_MEMORY_MODEL && operands[1] == MODEL_VULKAN) {
        return words;
    }
    let (mut types, mut shared, mut semantics) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (op, operands) in instructions(&words) {
        match op {
            OP_TYPE_POINTER if operands[1] == CLASS_WORKGROUP => _ = types.insert(operands[0]),
            OP_VARIABLE | OP_FUNCTION_PARAMETER | OP_ACCESS_CHAIN | OP_IN_BOUNDS_ACCESS_CHAIN
                if types.contains(&operands[0]) =>
            {
                shared.insert(operands[1]);
            }
            OP_CONTROL_BARRIER => _ = semantics.insert(operands[2]),
            _ => {}
        }
    }
    let mut marked = words[..HEADER].to_vec();
    let mut ordering = HashMap::new();
    for (op, operands) in instructions(&words) {
        // How many operands there are without those of the memory, and which is the pointer.
        let access = match op {
            OP_LOAD => Some((3, 2)),
            OP_STORE => Some((2, 0)),
            OP_MATRIX_LOAD => Some((5, 2)),
            OP_MATRIX_STORE => Some((4, 0)),
            _ => None,
        };
        let mut operands = operands.to_vec();
        if let Some((length, pointer)) = access
            && shared.contains(&operands[pointer])
            && operands.len() == length
        {
            operands.push(NON_PRIVATE_POINTER);
        }
        if op == OP_CONTROL_BARRIER {
            operands[2] = ordering.get(&operands[2]).copied().unwrap_or(operands[2]);
        }
        push(&mut marked, op, &operands);
        let is_semantics = op == OP_CONSTANT && semantics.contains(&operands[1]);
        if is_semantics && operands[2] & SEMANTICS_WORKGROUP != 0 {
            let id = new_id(&mut marked);
            ordering.insert(operands[1], id);
            push(&mut marked, op, &[operands[0], id, operands[2] | SEMANTICS_AVAILABLE_AND_VISIBLE]);
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::aliases::tests::{TEXT, words};
    use crate::recorded::words::BOUND;

    #[test]
    fn accesses_to_workgroup_memory_are_marked_and_barriers_order_them() {
        let words = words(TEXT);
        let marks = |op, length| {
            let of = instructions(&words).filter(|(o, operands)| *o == op && operands.len() == length);
            of.filter(|(_, operands)| operands.last() == Some(&NON_PRIVATE_POINTER)).count()
        };
        let counts =
            [marks(OP_LOAD, 4), marks(OP_STORE, 3), marks(OP_MATRIX_LOAD, 6), marks(OP_MATRIX_STORE, 5)];
        assert_eq!(counts, [1, 1, 2, 1]);
        let constant = |id: u32| {
            instructions(&words).find(|(op, operands)| *op == OP_CONSTANT && operands[1] == id).unwrap().1[2]
        };
        let barriers: Vec<u32> = instructions(&words)
            .filter(|(op, _)| *op == OP_CONTROL_BARRIER)
            .map(|(_, operands)| constant(operands[2]))
            .collect();
        assert_eq!(barriers, [0x6108; 3]);
        let ids = instructions(&words).filter(|(op, _)| *op == OP_CONSTANT).map(|(_, operands)| operands[1]);
        assert!(ids.max().unwrap() < words[BOUND]);
    }

    /// A module of these instructions, as far as this file looks at it: a store to a variable of workgroup memory, and a barrier.
    fn module(model: u32) -> Vec<u32> {
        let mut words = vec![0x0723_0203, 0x0001_0600, 0, 20, 0];
        push(&mut words, OP_MEMORY_MODEL, &[0, model]);
        push(&mut words, OP_TYPE_POINTER, &[1, CLASS_WORKGROUP, 2]);
        push(&mut words, OP_CONSTANT, &[2, 3, 0x108]);
        push(&mut words, OP_VARIABLE, &[1, 4, CLASS_WORKGROUP]);
        push(&mut words, OP_STORE, &[4, 3]);
        push(&mut words, OP_CONTROL_BARRIER, &[3, 3, 3]);
        words
    }

    #[test]
    fn other_modules_stay_what_they_are() {
        let logical = module(1);
        assert_eq!(order_workgroup_memory(logical.clone()), logical);
        let vulkan = module(MODEL_VULKAN);
        assert_eq!(order_workgroup_memory(vulkan.clone()).len(), vulkan.len() + 4 + 1);
    }
}
