//! Watching that kernels stay within what they are given.
//!
//! Kernels run without bounds checks of their own, and where a driver allows it without the driver's. What shows that they need none is this:
//! of every index by which a module reaches into an array or a vector, be it in a buffer, in workgroup memory or its own, and of the last element
//! of every matrix that units load or store, the largest is kept,
//! compared with the length of what it reaches into when an invocation ends, and left in a buffer of the device's where it lies beyond. Values
//! that are loaded and not used count as well: without checks such a load can end the device.

use super::pointers::{Access, Bound, Module, Reach};
use super::words::{
    CLASS_PRIVATE, CLASS_STORAGE_BUFFER, DECORATION_ARRAY_STRIDE, DECORATION_BINDING, DECORATION_BLOCK,
    DECORATION_OFFSET, DECORATION_SET, HEADER, OP_ACCESS_CHAIN, OP_ADD, OP_ARRAY_LENGTH, OP_ATOMIC_MAX,
    OP_CONSTANT, OP_DECORATE, OP_ENTRY_POINT, OP_FUNCTION, OP_GREATER, OP_GREATER_OR_EQUAL,
    OP_IN_BOUNDS_ACCESS_CHAIN, OP_LOAD, OP_MATRIX_LOAD, OP_MATRIX_STORE, OP_MEMBER_DECORATE, OP_MULTIPLY,
    OP_RETURN, OP_SELECT, OP_STORE, OP_SUBTRACT, OP_TYPE_BOOL, OP_TYPE_FUNCTION, OP_TYPE_INT,
    OP_TYPE_POINTER, OP_TYPE_RUNTIME_ARRAY, OP_TYPE_STRUCT, OP_TYPE_VOID, OP_VARIABLE, VERSION, instructions,
    new_id, push,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The binding of the buffer that watched kernels report to; their own have lower numbers.
pub(super) const REPORT: u32 = 31;

/// Words of a report of one kernel: one for each binding, and the last for arrays of its own.
pub(super) const ROW: u32 = 16;

/// The word of arrays that are in no buffer.
pub(super) const OWN: u32 = ROW - 1;

/// What the largest index is kept of: the word of the report, and what it must be below.
type Kept = (u32, Bound);

impl Access {
    fn kept(&self) -> Kept {
        (self.binding.unwrap_or(OWN), self.bound)
    }
}

/// What the pass adds to a module's declarations.
struct Added {
    uint: u32,
    bool: u32,
    /// Variables of an invocation.
    largest: BTreeMap<Kept, u32>,
    /// Constants of numbers.
    numbers: HashMap<u32, u32>,
    to_uint: u32,
    report: u32,
    scope: u32,
}

/// The module, with a report to the buffer of [`REPORT`] of how far beyond the ends of what it reaches into it reached, in elements.
///
/// # Errors
/// What it does that cannot be watched.
pub(super) fn watch(words: &[u32]) -> Result<Vec<u32>, String> {
    let module = Module::of(words)?;
    let reached = module.reaches.iter().map(|reach| &reach.first);
    let kept: BTreeSet<Kept> = module.accesses.iter().flatten().chain(reached).map(Access::kept).collect();
    match kept.last() {
        None => return Ok(words.to_vec()),
        Some(&(slot, _)) if slot > OWN => return Err(format!("binding {slot} has no place in the report")),
        Some(_) => {}
    }
    let mut watched = words[..HEADER].to_vec();
    let (mut decorations, mut declarations) = (Vec::new(), Vec::new());
    let added = declare(&mut watched, &module, &kept, &mut decorations, &mut declarations);
    let (mut chain, mut matrix, mut function) = (0, 0, 0);
    for (op, operands) in instructions(words) {
        let is_type = (OP_TYPE_VOID..=OP_TYPE_FUNCTION).contains(&op);
        if is_type {
            watched.append(&mut decorations);
        }
        match op {
            OP_ENTRY_POINT => {
                let mut operands = operands.to_vec();
                // From version 1.4 on all variables are named there.
                if watched[VERSION] >= 0x0001_0400 {
                    operands.push(added.report);
                    operands.extend(added.largest.values());
                }
                push(&mut watched, op, &operands);
                continue;
            }
            OP_FUNCTION => {
                watched.append(&mut declarations);
                function = operands[1];
            }
            OP_ACCESS_CHAIN | OP_IN_BOUNDS_ACCESS_CHAIN => {
                for access in &module.accesses[chain] {
                    keep(&mut watched, &added, access);
                }
                chain += 1;
            }
            OP_MATRIX_LOAD | OP_MATRIX_STORE => {
                keep_last(&mut watched, &added, &module.reaches[matrix]);
                matrix += 1;
            }
            OP_RETURN if function == module.entry => report(&mut watched, &added),
            _ => {}
        }
        push(&mut watched, op, operands);
    }
    Ok(watched)
}

fn declare(
    words: &mut [u32],
    module: &Module,
    kept: &BTreeSet<Kept>,
    decorations: &mut Vec<u32>,
    declarations: &mut Vec<u32>,
) -> Added {
    // Types that are not made of others must not be declared twice.
    let uint = module.uint.unwrap_or_else(|| {
        let id = new_id(words);
        push(declarations, OP_TYPE_INT, &[id, 32, 0]);
        id
    });
    let bool = module.bool.unwrap_or_else(|| {
        let id = new_id(words);
        push(declarations, OP_TYPE_BOOL, &[id]);
        id
    });
    let mut numbers = HashMap::new();
    let mut number = |words: &mut [u32], declarations: &mut Vec<u32>, value: u32| {
        *numbers.entry(value).or_insert_with(|| {
            let id = new_id(words);
            push(declarations, OP_CONSTANT, &[uint, id, value]);
            id
        })
    };
    let zero = number(words, declarations, 0);
    number(words, declarations, 1);
    // The device, or in Vulkan's memory model, where that wants a feature of its own, the queue family.
    let scope = number(words, declarations, if module.vulkan_model { 5 } else { 1 });
    for &(slot, bound) in kept {
        number(words, declarations, slot);
        if let Bound::Constant(length) = bound {
            number(words, declarations, length);
        }
    }
    for reach in &module.reaches {
        number(words, declarations, reach.rows - 1);
        number(words, declarations, reach.row - 1);
    }
    let mut pointer = |words: &mut [u32], class: u32, to: u32| {
        let known = module.pointers.iter().find(|&(_, &pointee)| pointee == (class, to)).map(|(&id, _)| id);
        known.unwrap_or_else(|| {
            let id = new_id(words);
            push(declarations, OP_TYPE_POINTER, &[id, class, to]);
            id
        })
    };
    let (to_private, to_uint) =
        (pointer(words, CLASS_PRIVATE, uint), pointer(words, CLASS_STORAGE_BUFFER, uint));
    let [array, structure, to_structure, report] = [(); 4].map(|()| new_id(words));
    push(declarations, OP_TYPE_RUNTIME_ARRAY, &[array, uint]);
    push(declarations, OP_TYPE_STRUCT, &[structure, array]);
    push(declarations, OP_TYPE_POINTER, &[to_structure, CLASS_STORAGE_BUFFER, structure]);
    push(declarations, OP_VARIABLE, &[to_structure, report, CLASS_STORAGE_BUFFER]);
    push(decorations, OP_DECORATE, &[array, DECORATION_ARRAY_STRIDE, 4]);
    push(decorations, OP_DECORATE, &[structure, DECORATION_BLOCK]);
    push(decorations, OP_MEMBER_DECORATE, &[structure, 0, DECORATION_OFFSET, 0]);
    push(decorations, OP_DECORATE, &[report, DECORATION_SET, 0]);
    push(decorations, OP_DECORATE, &[report, DECORATION_BINDING, REPORT]);
    let mut largest = BTreeMap::new();
    for &kept in kept {
        let id = new_id(words);
        push(declarations, OP_VARIABLE, &[to_private, id, CLASS_PRIVATE, zero]);
        largest.insert(kept, id);
    }
    Added { uint, bool, largest, numbers, to_uint, report, scope }
}

/// `largest = max(largest, index)`.
fn keep(words: &mut Vec<u32>, added: &Added, access: &Access) {
    let (index, largest) = (access.index, added.largest[&access.kept()]);
    let [before, is_larger, after] = [(); 3].map(|()| new_id(words));
    push(words, OP_LOAD, &[added.uint, before, largest]);
    push(words, OP_GREATER, &[added.bool, is_larger, index, before]);
    push(words, OP_SELECT, &[added.uint, after, is_larger, index, before]);
    push(words, OP_STORE, &[largest, after]);
}

/// The same of the last element of a matrix of units: `first + (rows - 1) * stride + row - 1`.
fn keep_last(words: &mut Vec<u32>, added: &Added, reach: &Reach) {
    let [down, last_row, last] = [(); 3].map(|()| new_id(words));
    push(words, OP_MULTIPLY, &[added.uint, down, reach.stride, added.numbers[&(reach.rows - 1)]]);
    push(words, OP_ADD, &[added.uint, last_row, reach.first.index, down]);
    push(words, OP_ADD, &[added.uint, last, last_row, added.numbers[&(reach.row - 1)]]);
    keep(words, added, &Access { index: last, ..reach.first });
}

/// Leaves in the report by how much an invocation has reached beyond what it did so last, in the order of bindings: all at once would take an
/// atomic operation for each, which compilers are slow with.
fn report(words: &mut Vec<u32>, added: &Added) {
    let &Added { uint, bool, ref numbers, .. } = added;
    let (mut word, mut by) = (numbers[&0], numbers[&0]);
    for (&(slot, bound), &largest) in &added.largest {
        let [index, length, beyond, less, more, next_word, next_by] = [(); 7].map(|()| new_id(words));
        push(words, OP_LOAD, &[uint, index, largest]);
        let length = match bound {
            Bound::Constant(number) => numbers[&number],
            Bound::Length(structure, member) => {
                push(words, OP_ARRAY_LENGTH, &[uint, length, structure, member]);
                length
            }
        };
        push(words, OP_GREATER_OR_EQUAL, &[bool, beyond, index, length]);
        push(words, OP_SUBTRACT, &[uint, less, index, length]);
        push(words, OP_ADD, &[uint, more, less, numbers[&1]]);
        push(words, OP_SELECT, &[uint, next_word, beyond, numbers[&slot], word]);
        push(words, OP_SELECT, &[uint, next_by, beyond, more, by]);
        (word, by) = (next_word, next_by);
    }
    let [place, before] = [(); 2].map(|()| new_id(words));
    push(words, OP_ACCESS_CHAIN, &[added.to_uint, place, added.report, numbers[&0], word]);
    push(words, OP_ATOMIC_MAX, &[uint, before, place, added.scope, numbers[&0], by]);
}

#[cfg(test)]
mod tests {
    use super::super::aliases::tests::{ANY, TEXT as ON_UNITS};
    use super::super::pipeline::pushed;
    use super::super::spirv::{Target, compile};
    use super::*;
    use crate::pipeline::Constants;
    use crate::{Format, HalfType, MatrixUnits, Storage, kernels};

    const TEXT: &str = "
        @group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
        @group(0) @binding(3) var<storage, read_write> output: array<f32>;
        @group(0) @binding(4) var<uniform> params: vec4<u32>;
        var<workgroup> parts: array<f32, 64>;
        fn last(all: ptr<function, array<f32, 3>>, at: u32) -> f32 { return (*all)[at]; }
        @compute @workgroup_size(64)
        fn main(@builtin(local_invocation_index) lane: u32) {
            if lane > params.x { return; }
            var own = array<f32, 3>(1.0, 2.0, 3.0);
            own[2] = input[lane][lane & 3u];
            parts[lane] = last(&own, lane & 1u);
            output[lane] = parts[63];
        }";

    /// Instructions of a kind.
    fn count(words: &[u32], op: u32) -> usize {
        instructions(words).filter(|(o, _)| *o == op).count()
    }

    fn watched(text: &str) -> Vec<u32> {
        compile(text, &Constants::new(), Target { watched: true, ..ANY }).unwrap()
    }

    #[test]
    fn every_index_that_could_lie_beyond_is_compared_and_every_end_reports() {
        let words = watched(TEXT);
        // Of `input` one, and the part of its vector; of `output`; one of `parts`, and one of what `last` is given: 2 and 63 cannot be wrong.
        assert_eq!(count(&words, OP_GREATER), 1 + 5);
        // At both ends of `main`, two lengths of buffers and four that are known: a vector's in a buffer, and of three arrays.
        assert_eq!(count(&words, OP_ARRAY_LENGTH), 2 * 2);
        assert_eq!(count(&words, OP_GREATER_OR_EQUAL), 2 * 5);
        let report = instructions(&words)
            .find(|(op, operands)| *op == OP_DECORATE && operands[1..] == [DECORATION_BINDING, REPORT]);
        let report = report.unwrap().1[0];
        assert_eq!(count(&words, OP_ATOMIC_MAX), 2);
        // The entry point names what was added: a newer version of the language wants that.
        let (_, entry) = instructions(&words).find(|(op, _)| *op == OP_ENTRY_POINT).unwrap();
        assert!(entry[super::super::words::interface(entry)..].contains(&report));
    }

    #[test]
    fn of_a_matrix_on_units_the_last_element_is_compared() {
        let plain = compile(ON_UNITS, &Constants::new(), ANY).unwrap();
        let words = watched(ON_UNITS);
        // Two are loaded and one is stored.
        assert_eq!(count(&plain, OP_MATRIX_LOAD) + count(&plain, OP_MATRIX_STORE), 3);
        assert_eq!(count(&words, OP_MULTIPLY), count(&plain, OP_MULTIPLY) + 3);
        let constant = |id: u32| {
            let all = instructions(&words).filter(|(op, _)| *op == OP_CONSTANT);
            all.map(|(_, operands)| operands).find(|operands| operands[1] == id).map(|operands| operands[2])
        };
        let rows = instructions(&words).filter(|(op, _)| *op == OP_MULTIPLY);
        let rows: Vec<_> = rows.filter_map(|(_, operands)| constant(operands[3])).collect();
        assert_eq!(rows.iter().filter(|&&rows| rows == 15).count(), 3, "{rows:?}");
        // Rows of halves lie in elements of 4, and such of sums in elements of 2.
        let parts = instructions(&words).filter(|(op, _)| *op == OP_ADD);
        let parts: Vec<_> = parts.filter_map(|(_, operands)| constant(operands[3])).collect();
        assert_eq!(parts.iter().filter(|&&part| part == 3).count(), 2, "{parts:?}");
        assert!(parts.contains(&7), "{parts:?}");
    }

    #[test]
    fn what_has_no_index_is_not_changed() {
        let text = "@group(0) @binding(0) var<uniform> params: vec4<u32>;
            @compute @workgroup_size(1) fn main() { if params.x > 0u { return; } }";
        let plain = compile(text, &Constants::new(), ANY).unwrap();
        assert_eq!(watched(text), plain);
    }

    #[test]
    fn every_kernel_can_be_watched() {
        let half = Storage { values: Format::Half, weights: Format::Half, gradients: Format::Brain };
        let units =
            MatrixUnits { edge: 16, workgroup_bytes: u32::MAX, invocations: u32::MAX, one_of_several: false };
        for kernel in kernels::ALL {
            assert!(kernel.bindings.iter().all(|binding| binding.index < OWN), "{}", kernel.name);
            for storage in [Storage::default(), half] {
                let text = kernel.text(storage, HalfType::Native, Some(units));
                let words = compile(
                    &text,
                    &Constants::new(),
                    Target { watched: true, pushes: pushed(kernel) > 0, ..ANY },
                );
                let words = words.unwrap_or_else(|error| panic!("{}: {error}", kernel.name));
                // All reach into a buffer.
                assert!(
                    count(&words, OP_ARRAY_LENGTH) > 0 && count(&words, OP_ATOMIC_MAX) > 0,
                    "{}",
                    kernel.name
                );
            }
        }
    }
}
