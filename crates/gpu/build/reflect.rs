//! Validation and reflection of an expanded kernel with naga.

use crate::expand::{Expanded, ShaderError, StorageTexts};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess};

/// What a kernel asks of whoever dispatches it.
#[derive(Clone, Debug)]
pub struct Reflection {
    /// Declared workgroup size; `[0, 1, 1]` in x where it is an override.
    pub workgroup_size: [u32; 3],
    /// Workgroup memory in bytes.
    pub shared_bytes: u32,
    /// Bindings of group 0, by index.
    pub bindings: Vec<Binding>,
    /// Override names and whether each has a default.
    pub overrides: Vec<(String, bool)>,
}

/// One binding of group 0.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The variable's name in WGSL.
    pub name: String,
    /// `@binding` number.
    pub index: u32,
    /// `Uniform`, `Read` or `ReadWrite`.
    pub access: &'static str,
    /// `Fixed`; `Values`, `Weights` or `Gradients` where the format of these decides.
    pub role: &'static str,
    /// Smallest size in bytes that may be bound.
    pub min_bytes: u32,
}

/// Parses and validates a kernel, and reads off its interface.
///
/// # Errors
/// The first thing wrong, with the file and line of its author.
pub fn reflect(kernel: &Expanded) -> Result<Reflection, ShaderError> {
    let fail = |line: Option<u32>, message: String| ShaderError {
        origin: line.and_then(|l| kernel.origins.get((l as usize).saturating_sub(1)).cloned()),
        kernel: kernel.name.clone(),
        message,
    };
    // The second is WebGPU at its smallest: packing halves into a u32.
    let mut capabilities = Capabilities::SHADER_FLOAT16 | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, kernel.matrix);
    capabilities.set(Capabilities::SUBGROUP, kernel.subgroups);
    let module = naga::front::wgsl::parse_str(&kernel.source).map_err(|e| {
        let line = e.location(&kernel.source).map(|l| l.line_number);
        fail(line, e.message().to_string())
    })?;
    Validator::new(ValidationFlags::all(), capabilities).validate(&module).map_err(|e| {
        let line = e.location(&kernel.source).map(|l| l.line_number);
        let mut message = e.as_inner().to_string();
        let mut cause = std::error::Error::source(e.as_inner());
        while let Some(c) = cause {
            message.push_str(&format!(": {c}"));
            cause = c.source();
        }
        fail(line, message)
    })?;
    let entry = match module.entry_points.as_slice() {
        [one] if one.name == "main" => one,
        _ => return Err(fail(None, "a kernel has exactly one entry point, `main`".into())),
    };
    let size_is_override = entry.workgroup_size_overrides.is_some_and(|o| o.iter().any(Option::is_some));
    let mut workgroup_size = entry.workgroup_size;
    if size_is_override {
        workgroup_size[0] = 0;
    }
    let (bindings, shared_bytes) = variables(&module).map_err(|m| fail(None, m))?;
    let overrides =
        module.overrides.iter().filter_map(|(_, o)| Some((o.name.clone()?, o.init.is_some()))).collect();
    Ok(Reflection { workgroup_size, shared_bytes, bindings, overrides })
}

/// Validates a kernel with all types of activations, weights and gradients, and of `matrices`; what it asks for with single precision, and
/// which bindings change with the types.
///
/// # Errors
/// As [`reflect`].
pub fn reflect_all(
    kernel: &Expanded,
    texts: &StorageTexts,
    matrices: &[String],
) -> Result<Reflection, ShaderError> {
    if kernel.matrix && !kernel.stored {
        let message = "a kernel that imports matrix imports storage as well".into();
        return Err(ShaderError { origin: None, kernel: kernel.name.clone(), message });
    }
    let largest = matrices.last().map_or("", String::as_str);
    let of = |formats| reflect(&kernel.with_types(texts, formats, largest));
    let mut single = of([0; 3])?;
    if kernel.matrix {
        for matrix in matrices {
            reflect(&kernel.with_types(texts, [0; 3], matrix))?;
        }
    }
    if !kernel.stored {
        return Ok(single);
    }
    for (role, name) in ["Values", "Weights", "Gradients"].into_iter().enumerate() {
        for format in 1..texts[role].len() {
            let mut formats = [0; 3];
            formats[role] = format;
            let other = of(formats)?;
            for (binding, other) in single.bindings.iter_mut().zip(&other.bindings) {
                if other.min_bytes != binding.min_bytes {
                    binding.role = name;
                }
            }
        }
    }
    // As inference and training combine them.
    for formats in [[1, 1, 0], [2, 2, 0], [1, 0, 1], [2, 0, 1]] {
        of(formats)?;
    }
    Ok(single)
}

fn variables(module: &Module) -> Result<(Vec<Binding>, u32), String> {
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).map_err(|e| e.to_string())?;
    let mut bindings = Vec::new();
    let mut shared = 0;
    for (_, variable) in module.global_variables.iter() {
        let bytes = layouter[variable.ty].size;
        let access = match variable.space {
            AddressSpace::Uniform => "Uniform",
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => "ReadWrite",
            AddressSpace::Storage { .. } => "Read",
            // Nothing is left of `halves` when a pipeline is made, see `recorded::aliases`.
            AddressSpace::WorkGroup if variable.name.as_deref() == Some("halves") => continue,
            AddressSpace::WorkGroup => {
                shared += bytes;
                continue;
            }
            _ => continue,
        };
        let name = variable.name.clone().unwrap_or_default();
        match &variable.binding {
            Some(b) if b.group == 0 => {
                let (index, min_bytes) = (b.binding, bytes);
                bindings.push(Binding { name, index, access, role: "Fixed", min_bytes });
            }
            _ => return Err(format!("`{name}` must be bound in @group(0)")),
        }
    }
    bindings.sort_by_key(|b| b.index);
    Ok((bindings, shared))
}
