//! Workgroup memory that products on matrix units use twice.
//!
//! A product's matrices lie in half precision in workgroup memory, and afterwards its sums in single precision do, in the same memory: what a
//! workgroup takes of it decides how many of them a processor has. WGSL has no second type for a variable, and naga loads matrices of 16 bits
//! from variables of 16 bits alone, while Vulkan loads them from whatever a pointer points to (SPV_KHR_cooperative_matrix,
//! OpCooperativeMatrixLoadKHR). So kernels write halves to a variable of 4 of them, load matrices from it, and have their sums in one of 2 singles,
//! which takes its place here.

use super::words::{
    CLASS_WORKGROUP, HEADER, OP_ACCESS_CHAIN, OP_BITCAST, OP_CONSTANT, OP_ENTRY_POINT,
    OP_IN_BOUNDS_ACCESS_CHAIN, OP_LOAD, OP_STORE, OP_TYPE_ARRAY, OP_TYPE_FLOAT, OP_TYPE_POINTER,
    OP_TYPE_VECTOR, OP_VARIABLE, instructions, interface, new_id, push,
};
use std::collections::{HashMap, HashSet};

/// A module's types and variables, as far as workgroup memory is concerned.
#[derive(Default)]
struct Declared {
    /// Bits of a floating-point type.
    floats: HashMap<u32, u32>,
    /// Type and number of a vector's parts.
    vectors: HashMap<u32, (u32, u32)>,
    /// Type of an array's elements, and the constant that says how many.
    arrays: HashMap<u32, (u32, u32)>,
    constants: HashMap<u32, u32>,
    /// What pointers to workgroup memory point to.
    pointers: HashMap<u32, u32>,
    /// Type and name of every variable.
    variables: Vec<(u32, u32)>,
}

impl Declared {
    fn of(words: &[u32]) -> Self {
        let mut declared = Self::default();
        for (op, operands) in instructions(words) {
            match op {
                OP_TYPE_FLOAT => _ = declared.floats.insert(operands[0], operands[1]),
                OP_TYPE_VECTOR => _ = declared.vectors.insert(operands[0], (operands[1], operands[2])),
                OP_TYPE_ARRAY => _ = declared.arrays.insert(operands[0], (operands[1], operands[2])),
                OP_CONSTANT => _ = declared.constants.insert(operands[1], operands[2]),
                OP_TYPE_POINTER if operands[1] == CLASS_WORKGROUP => {
                    _ = declared.pointers.insert(operands[0], operands[2]);
                }
                OP_VARIABLE => declared.variables.push((operands[0], operands[1])),
                _ => {}
            }
        }
        declared
    }

    /// Bits and number of a vector's parts.
    fn vector(&self, vector: u32) -> Option<(u32, u32)> {
        let (float, count) = self.vectors.get(&vector)?;
        Some((*self.floats.get(float)?, *count))
    }

    /// Variables in workgroup memory that are arrays of such vectors, and their lengths.
    fn arrays_of(&self, bits_and_count: (u32, u32)) -> Vec<(u32, u32)> {
        let array_of = |&(pointer, id): &(u32, u32)| {
            let (element, length) = self.arrays.get(self.pointers.get(&pointer)?)?;
            let length = *self.constants.get(length)?;
            (self.vector(*element)? == bits_and_count).then_some((id, length))
        };
        self.variables.iter().filter_map(array_of).collect()
    }
}

/// The variable of 4 halves an element becomes that of 2 singles; a module without it stays what it is.
///
/// # Errors
/// Where there is not one of 2 singles as long, or halves are read as anything but matrices.
pub(super) fn alias_halves(words: Vec<u32>) -> Result<Vec<u32>, String> {
    let declared = Declared::of(&words);
    let (of_halves, of_singles) = (declared.arrays_of((16, 4)), declared.arrays_of((32, 2)));
    if of_halves.is_empty() {
        return Ok(words);
    }
    let to_element = declared.pointers.iter().find(|&(_, &to)| declared.vector(to) == Some((32, 2)));
    let (&[(halves, needed)], &[(singles, length)], Some((&to_element, &element))) =
        (&of_halves[..], &of_singles[..], to_element)
    else {
        return Err(format!(
            "workgroup memory has {} arrays of 4 halves, which are to lie in one of pairs of singles, of which it has {}",
            of_halves.len(),
            of_singles.len(),
        ));
    };
    if length < needed {
        return Err(format!(
            "{needed} times 4 halves do not fit {length} pairs of singles in workgroup memory"
        ));
    }
    let mut shared = words[..HEADER].to_vec();
    let mut of_halves = HashSet::new();
    for (op, operands) in instructions(&words) {
        let mut operands = operands.to_vec();
        match op {
            OP_VARIABLE if operands[1] == halves => continue,
            OP_ACCESS_CHAIN | OP_IN_BOUNDS_ACCESS_CHAIN if operands[2] == halves => {
                if operands.len() != 4 {
                    return Err("a single half in workgroup memory is asked for, where four lie in the place of two singles".into());
                }
                operands[0] = to_element;
                operands[2] = singles;
                of_halves.insert(operands[1]);
            }
            OP_STORE if of_halves.contains(&operands[0]) => {
                let id = new_id(&mut shared);
                push(&mut shared, OP_BITCAST, &[element, id, operands[1]]);
                operands[1] = id;
            }
            OP_LOAD if of_halves.contains(&operands[2]) => {
                return Err(
                    "halves in workgroup memory are read, where matrices alone are loaded from them".into()
                );
            }
            OP_ENTRY_POINT => {
                let of_variables = operands.split_off(interface(&operands));
                operands.extend(of_variables.into_iter().filter(|&id| id != halves));
            }
            _ => {}
        }
        push(&mut shared, op, &operands);
    }
    Ok(shared)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::pipeline::Constants;
    use crate::recorded::spirv::{Target, compile};
    use crate::recorded::words::{BOUND, OP_MATRIX_LOAD, OP_MATRIX_STORE};
    use crate::{Format, HalfType, MatrixUnits, Storage, kernels};

    /// Matrices loaded from what is written as singles, and stored.
    pub const TEXT: &str = "enable f16;
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

    /// Of the newest language, with nothing added.
    pub const ANY: Target = Target { language: (1, 6), invocations: 1024, pushes: false, watched: false };

    pub fn words(text: &str) -> Vec<u32> {
        compile(text, &Constants::new(), ANY).unwrap()
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
    fn halves_are_stored_as_singles_and_read_as_matrices_alone() {
        let halved = "vec4<f16>(vec4<f32>(values[lane], values[lane]))";
        let stores = TEXT.replace("pool[lane] = values[lane]", &format!("halves[lane] = {halved}"));
        let words = words(&stores);
        let (variables, used) = accesses(&words);
        assert_eq!((variables.len(), used), (1, vec![variables[0]; 3]));
        // What is stored there first was made of them, and its number is one that the module has.
        let made: Vec<u32> = instructions(&words)
            .filter(|(op, _)| *op == OP_BITCAST)
            .map(|(_, operands)| operands[1])
            .collect();
        let stored = instructions(&words).find(|(op, _)| *op == OP_STORE).unwrap().1[1];
        assert_eq!(made, [stored]);
        assert!(stored < words[BOUND]);
        let reads = stores.replace(
            "values[lane] = pool[lane]",
            "let read = halves[lane]; values[lane] = vec2<f32>(read.xy)",
        );
        let refused = |text: &str| compile(text, &Constants::new(), ANY).unwrap_err();
        assert!(refused(&reads).contains("halves in workgroup memory are read"), "{}", refused(&reads));
        let single = TEXT.replace("pool[lane] = values[lane]", "halves[lane].x = f16(values[lane].x)");
        assert!(refused(&single).contains("a single half"), "{}", refused(&single));
    }

    #[test]
    fn without_room_for_them_there_is_no_pipeline() {
        let refused = |text: &str| compile(text, &Constants::new(), ANY).unwrap_err();
        let text = TEXT.replace("pool: array<vec2<f32>, 64>", "pool: array<vec2<f32>, 63>");
        assert!(refused(&text).contains("64 times 4 halves do not fit 63"), "{}", refused(&text));
        let text = TEXT.replace("array<vec2<f32>, 64>", "array<vec4<f32>, 64>");
        let text =
            text.replace("pool[lane] = values[lane]", "pool[lane] = vec4<f32>(values[lane], values[lane])");
        let text = text.replace("values[lane] = pool[lane]", "values[lane] = pool[lane].xy");
        assert!(refused(&text).contains("of which it has 0"), "{}", refused(&text));
        // Which of two it was would be left to chance.
        let text = TEXT.replace(
            "var<workgroup> halves",
            "var<workgroup> other: array<vec2<f32>, 64>;\n var<workgroup> halves",
        );
        let text = text
            .replace("pool[lane] = values[lane];", "pool[lane] = values[lane]; other[lane] = values[lane];");
        assert!(refused(&text).contains("of which it has 2"), "{}", refused(&text));
    }

    #[test]
    fn kernels_on_matrix_units_load_from_what_they_write_and_take_as_much_as_the_build_says() {
        let mut seen = 0;
        for kernel in kernels::ALL.iter().filter(|kernel| kernel.matrix) {
            let (storage, half) = (Storage { values: Format::Half, ..Storage::default() }, HalfType::Native);
            for edge in MatrixUnits::edges() {
                let units = MatrixUnits {
                    edge,
                    workgroup_bytes: u32::MAX,
                    invocations: u32::MAX,
                    one_of_several: false,
                };
                let words = compile(&kernel.text(storage, half, Some(units)), &Constants::new(), ANY);
                let words = words.unwrap_or_else(|error| panic!("{}: {error}", kernel.name));
                let (mut variables, used) = accesses(&words);
                // Beside what matrices are loaded from a kernel may have something of 4 singles.
                let declared = Declared::of(&words);
                let [pool, others] = [2, 4].map(|singles| declared.arrays_of((32, singles)));
                let mut known: Vec<u32> = pool.iter().chain(&others).map(|&(id, _)| id).collect();
                variables.sort_unstable();
                known.sort_unstable();
                assert_eq!(variables, known, "{}", kernel.name);
                let bytes: u32 = pool.iter().map(|(_, length)| length * 8).sum();
                let more: u32 = others.iter().map(|(_, length)| length * 16).sum();
                assert_eq!((pool.len(), bytes + more), (1, kernel.shared_bytes), "{}", kernel.name);
                assert!(!used.is_empty() && used.iter().all(|base| *base == pool[0].0), "{}", kernel.name);
                seen += 1;
            }
        }
        assert!(seen > 0);
    }
}
