//! SPIR-V as the passes over it see it: instructions, their numbers, and what they are made of (SPIR-V 1.6, sections 2.3 and 3).

/// Words before the first instruction.
pub(super) const HEADER: usize = 5;
/// The one of them that says which version of the language this is.
pub(super) const VERSION: usize = 1;
/// The one that all names of the module are below.
pub(super) const BOUND: usize = 3;

pub(super) const OP_MEMORY_MODEL: u32 = 14;
pub(super) const OP_ENTRY_POINT: u32 = 15;
pub(super) const OP_TYPE_VOID: u32 = 19;
pub(super) const OP_TYPE_BOOL: u32 = 20;
pub(super) const OP_TYPE_INT: u32 = 21;
pub(super) const OP_TYPE_FLOAT: u32 = 22;
pub(super) const OP_TYPE_VECTOR: u32 = 23;
pub(super) const OP_TYPE_MATRIX: u32 = 24;
pub(super) const OP_TYPE_ARRAY: u32 = 28;
pub(super) const OP_TYPE_RUNTIME_ARRAY: u32 = 29;
pub(super) const OP_TYPE_STRUCT: u32 = 30;
pub(super) const OP_TYPE_POINTER: u32 = 32;
pub(super) const OP_TYPE_FUNCTION: u32 = 33;
pub(super) const OP_CONSTANT: u32 = 43;
pub(super) const OP_FUNCTION: u32 = 54;
pub(super) const OP_FUNCTION_PARAMETER: u32 = 55;
pub(super) const OP_VARIABLE: u32 = 59;
pub(super) const OP_LOAD: u32 = 61;
pub(super) const OP_STORE: u32 = 62;
pub(super) const OP_ACCESS_CHAIN: u32 = 65;
pub(super) const OP_IN_BOUNDS_ACCESS_CHAIN: u32 = 66;
pub(super) const OP_ARRAY_LENGTH: u32 = 68;
pub(super) const OP_DECORATE: u32 = 71;
pub(super) const OP_MEMBER_DECORATE: u32 = 72;
pub(super) const OP_BITCAST: u32 = 124;
pub(super) const OP_ADD: u32 = 128;
pub(super) const OP_SUBTRACT: u32 = 130;
pub(super) const OP_MULTIPLY: u32 = 132;
pub(super) const OP_SELECT: u32 = 169;
pub(super) const OP_GREATER: u32 = 172;
pub(super) const OP_GREATER_OR_EQUAL: u32 = 174;
pub(super) const OP_CONTROL_BARRIER: u32 = 224;
pub(super) const OP_ATOMIC_MAX: u32 = 239;
pub(super) const OP_RETURN: u32 = 253;
pub(super) const OP_TYPE_UNITS_MATRIX: u32 = 4456;
pub(super) const OP_MATRIX_LOAD: u32 = 4457;
pub(super) const OP_MATRIX_STORE: u32 = 4458;

pub(super) const MODEL_VULKAN: u32 = 3;
pub(super) const CLASS_WORKGROUP: u32 = 4;
pub(super) const CLASS_PRIVATE: u32 = 6;
pub(super) const CLASS_STORAGE_BUFFER: u32 = 12;
pub(super) const DECORATION_BLOCK: u32 = 2;
pub(super) const DECORATION_ARRAY_STRIDE: u32 = 6;
pub(super) const DECORATION_BINDING: u32 = 33;
pub(super) const DECORATION_SET: u32 = 34;
pub(super) const DECORATION_OFFSET: u32 = 35;

/// The instructions of a module: number, then operands.
pub(super) fn instructions(words: &[u32]) -> impl Iterator<Item = (u32, &[u32])> {
    let mut rest = words.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = (*rest.first()? >> 16) as usize;
        let (now, later) = rest.split_at_checked(length.max(1))?;
        rest = later;
        Some((now[0] & 0xffff, &now[1..]))
    })
}

/// Appends an instruction.
pub(super) fn push(words: &mut Vec<u32>, op: u32, operands: &[u32]) {
    words.push((operands.len() as u32 + 1) << 16 | op);
    words.extend_from_slice(operands);
}

/// A name that nothing in the module has.
pub(super) fn new_id(words: &mut [u32]) -> u32 {
    words[BOUND] += 1;
    words[BOUND] - 1
}

/// Where the variables begin among the operands of an entry point: behind its name, whose last word has a zero byte.
pub(super) fn interface(entry: &[u32]) -> usize {
    let name = entry[2..].iter().position(|word| word.to_le_bytes().contains(&0)).unwrap_or(0);
    2 + name + 1
}
