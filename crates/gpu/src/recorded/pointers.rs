//! What the pointers of a module point into, and by which indices they got there.

use super::words::{
    CLASS_STORAGE_BUFFER, DECORATION_BINDING, MODEL_VULKAN, OP_ACCESS_CHAIN, OP_CONSTANT, OP_DECORATE,
    OP_ENTRY_POINT, OP_FUNCTION_PARAMETER, OP_IN_BOUNDS_ACCESS_CHAIN, OP_MATRIX_LOAD, OP_MATRIX_STORE,
    OP_MEMORY_MODEL, OP_TYPE_ARRAY, OP_TYPE_BOOL, OP_TYPE_FLOAT, OP_TYPE_INT, OP_TYPE_MATRIX,
    OP_TYPE_POINTER, OP_TYPE_RUNTIME_ARRAY, OP_TYPE_STRUCT, OP_TYPE_UNITS_MATRIX, OP_TYPE_VECTOR,
    OP_VARIABLE, instructions,
};
use std::collections::HashMap;

enum Type {
    /// The constant of its length, and what it holds.
    Array(u32, u32),
    /// As many of these as there are in the buffer.
    RuntimeArray(u32),
    Struct(Vec<u32>),
    /// A vector or a matrix: how many of what.
    Parts(u32, u32),
}

/// What a pointer was made of.
#[derive(Clone, Copy)]
struct Origin {
    /// Its type.
    pointer: u32,
    /// The binding of the variable that it points into, if that is a buffer.
    binding: Option<u32>,
    /// Where it is an array with no length of its own: the structure that ends with it, and its number there.
    member: Option<(u32, u32)>,
    /// The last index that led to it, where that is one of an array of known length, and this length.
    element: Option<(u32, u32)>,
}

/// A matrix of the device's units that is loaded or stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Where it begins.
    pub first: Access,
    /// The number of elements from one of its rows to the next.
    pub stride: u32,
    /// Its rows, and the elements that one of them takes.
    pub rows: u32,
    pub row: u32,
}

/// A module as far as it matters here.
#[derive(Default)]
pub(super) struct Module {
    types: HashMap<u32, Type>,
    /// Class and pointee.
    pub pointers: HashMap<u32, (u32, u32)>,
    constants: HashMap<u32, u32>,
    origins: HashMap<u32, Origin>,
    /// Bytes of numbers and vectors of them.
    bytes: HashMap<u32, u32>,
    /// Matrices of units: what they consist of, and the constant of their rows.
    matrices: HashMap<u32, (u32, u32)>,
    /// The types of those that there are.
    values: HashMap<u32, u32>,
    /// Of each that is loaded or stored, in order, how far it reaches.
    pub reaches: Vec<Reach>,
    /// Of each access chain, in order, what is to be compared.
    pub accesses: Vec<Vec<Access>>,
    /// The type of unsigned numbers of 32 bits.
    pub uint: Option<u32>,
    pub bool: Option<u32>,
    /// The function of the entry point.
    pub entry: u32,
    /// Whether it is in Vulkan's memory model.
    pub vulkan_model: bool,
}

/// What an index must be below: a number, or the length of an array at the end of a structure in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    Constant(u32),
    Length(u32, u32),
}

/// An index into something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub index: u32,
    /// The binding of the buffer that it is in; of none where it is an array of the kernel's own.
    pub binding: Option<u32>,
    pub bound: Bound,
}

impl Module {
    /// Reads `words`.
    ///
    /// # Errors
    /// What it does with pointers that is not understood, or cannot be watched.
    pub fn of(words: &[u32]) -> Result<Self, String> {
        let (mut module, mut bindings) = (Self::default(), HashMap::new());
        for (op, operands) in instructions(words) {
            if let [kind, value, ..] = *operands
                && module.matrices.contains_key(&kind)
            {
                module.values.insert(value, kind);
            }
            match *operands {
                [target, DECORATION_BINDING, number] if op == OP_DECORATE => {
                    _ = bindings.insert(target, number)
                }
                [_, model] if op == OP_MEMORY_MODEL => module.vulkan_model = model == MODEL_VULKAN,
                [_, function, ..] if op == OP_ENTRY_POINT => module.entry = function,
                [id, bits, ref sign @ ..] if op == OP_TYPE_INT || op == OP_TYPE_FLOAT => {
                    module.bytes.insert(id, bits / 8);
                    if (op, bits, sign) == (OP_TYPE_INT, 32, &[0]) {
                        module.uint = Some(id);
                    }
                }
                [id, component, _, rows, ..] if op == OP_TYPE_UNITS_MATRIX => {
                    module.matrices.insert(id, (component, rows));
                }
                [id] if op == OP_TYPE_BOOL => module.bool = Some(id),
                [id, part, count] if op == OP_TYPE_VECTOR || op == OP_TYPE_MATRIX => {
                    module.types.insert(id, Type::Parts(count, part));
                    if let Some(bytes) = module.bytes.get(&part) {
                        module.bytes.insert(id, bytes * count);
                    }
                }
                [id, element, length] if op == OP_TYPE_ARRAY => {
                    module.types.insert(id, Type::Array(length, element));
                }
                [id, element] if op == OP_TYPE_RUNTIME_ARRAY => {
                    module.types.insert(id, Type::RuntimeArray(element));
                }
                [id, ref members @ ..] if op == OP_TYPE_STRUCT => {
                    module.types.insert(id, Type::Struct(members.to_vec()));
                }
                [id, class, to] if op == OP_TYPE_POINTER => _ = module.pointers.insert(id, (class, to)),
                [_, id, value] if op == OP_CONSTANT => _ = module.constants.insert(id, value),
                [pointer, id, ..] if op == OP_VARIABLE || op == OP_FUNCTION_PARAMETER => {
                    if op == OP_FUNCTION_PARAMETER && !module.pointers.contains_key(&pointer) {
                        continue;
                    }
                    let is_buffer = |&(class, _): &(u32, u32)| class == CLASS_STORAGE_BUFFER;
                    if op == OP_FUNCTION_PARAMETER && module.pointers.get(&pointer).is_some_and(is_buffer) {
                        return Err("a function that is given a buffer cannot be watched".into());
                    }
                    let binding = bindings.get(&id).copied();
                    module.origins.insert(id, Origin { pointer, binding, member: None, element: None });
                }
                [_, id, base, ref indices @ ..]
                    if op == OP_ACCESS_CHAIN || op == OP_IN_BOUNDS_ACCESS_CHAIN =>
                {
                    let (bounds, origin) = module.walk(base, indices, operands[0])?;
                    let access = |(index, bound)| Access { index, binding: origin.binding, bound };
                    module.accesses.push(bounds.into_iter().map(access).collect());
                    module.origins.insert(id, origin);
                }
                [matrix, _, pointer, _, stride, ..] if op == OP_MATRIX_LOAD => {
                    module.reaches.push(module.reach(matrix, pointer, stride)?);
                }
                [pointer, value, _, stride, ..] if op == OP_MATRIX_STORE => {
                    let matrix = module.values.get(&value).copied().unwrap_or_default();
                    module.reaches.push(module.reach(matrix, pointer, stride)?);
                }
                _ => {}
            }
        }
        Ok(module)
    }

    /// Goes from what `base` points to down by `indices`; returns those that are to be compared, and what came of it, a `pointer`.
    fn walk(&self, base: u32, indices: &[u32], pointer: u32) -> Result<(Vec<(u32, Bound)>, Origin), String> {
        let unknown = || "a pointer that comes of nothing known cannot be watched".to_string();
        let from = self.origins.get(&base).ok_or_else(unknown)?;
        let (mut bounds, mut member, mut last) = (Vec::new(), from.member, None);
        let mut at = self.pointers.get(&from.pointer).ok_or_else(unknown)?.1;
        for (depth, index) in indices.iter().enumerate() {
            last = None;
            at = match self.types.get(&at).ok_or_else(unknown)? {
                Type::Struct(members) => {
                    let number = *self.constants.get(index).ok_or_else(unknown)?;
                    // The length of an array is asked of a structure that there is a pointer to.
                    member = (depth == 0).then_some((base, number));
                    *members.get(number as usize).ok_or_else(unknown)?
                }
                Type::RuntimeArray(element) => {
                    let (structure, number) = member.take().ok_or_else(unknown)?;
                    bounds.push((*index, Bound::Length(structure, number)));
                    *element
                }
                Type::Array(length, element) => {
                    let length = *self.constants.get(length).ok_or_else(unknown)?;
                    self.compare(*index, length, &mut bounds);
                    last = Some((*index, length));
                    *element
                }
                Type::Parts(count, part) => {
                    self.compare(*index, *count, &mut bounds);
                    *part
                }
            };
        }
        Ok((bounds, Origin { pointer, binding: from.binding, member, element: last }))
    }

    /// Constants below a length need not be looked at again.
    fn compare(&self, index: u32, length: u32, bounds: &mut Vec<(u32, Bound)>) {
        if self.constants.get(&index).is_none_or(|&index| index >= length) {
            bounds.push((index, Bound::Constant(length)));
        }
    }

    /// How far a matrix of units reaches, which its index does not show.
    fn reach(&self, matrix: u32, pointer: u32, stride: u32) -> Result<Reach, String> {
        let unknown = || "a matrix that is not in an array of the kernel's own cannot be watched".to_string();
        let origin =
            self.origins.get(&pointer).filter(|origin| origin.binding.is_none()).ok_or_else(unknown)?;
        let (index, length) = origin.element.ok_or_else(unknown)?;
        let (component, rows) = self.matrices.get(&matrix).ok_or_else(unknown)?;
        let rows = *self.constants.get(rows).ok_or_else(unknown)?;
        let (_, element) = self.pointers.get(&origin.pointer).ok_or_else(unknown)?;
        let bytes = |kind| self.bytes.get(kind).copied().ok_or_else(unknown);
        // They are square.
        let row = (rows * bytes(component)?).div_ceil(bytes(element)?);
        let first = Access { index, binding: None, bound: Bound::Constant(length) };
        Ok(Reach { first, stride, rows, row })
    }
}
