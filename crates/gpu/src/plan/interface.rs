//! Checking launches against the interfaces of their kernels.

use super::Dispatch;
use super::Tensor;
use super::builder::ALIGNMENT;
use crate::{Access, Binding, Format, Gpu, GpuError, Role};

/// Whether `dispatch` binds and sets what its kernel declares, and `gpu` can run it.
///
/// # Errors
/// What does not match, by name.
pub(super) fn check(dispatch: &Dispatch, gpu: &Gpu) -> Result<(), GpuError> {
    let fail = |message: String| {
        Err(GpuError::Interface {
            kernel: dispatch.kernel.name.into(),
            label: dispatch.label.clone(),
            message,
        })
    };
    // A page has none of them.
    if dispatch.kernel.matrix && cfg!(not(target_arch = "wasm32")) {
        let Some(units) = gpu.matrix_units() else {
            return fail("runs on matrix units, which the device has not or which were switched off".into());
        };
        if !units.fit(dispatch.kernel) {
            let (bytes, invocations) = (dispatch.kernel.shared_bytes, dispatch.kernel.workgroup_size[0]);
            return fail(format!(
                "needs {bytes} bytes of workgroup memory for {invocations} invocations, the device has {} and {}",
                units.workgroup_bytes, units.invocations
            ));
        }
    }
    if dispatch.kernel.subgroups && !gpu.subgroups() {
        return fail(
            "has subgroups exchange values, which the device cannot or which was switched off".into(),
        );
    }
    for (name, tensor) in &dispatch.bindings {
        let Some(binding) = dispatch.kernel.bindings.iter().find(|b| b.name == *name) else {
            return fail(format!("has no binding `{name}`"));
        };
        // Recorded launches push it, and nothing waits for whoever would write it.
        if binding.access == Access::Uniform {
            return fail(format!(
                "`{name}` is a uniform, which no tensor can be bound to: see `Dispatch::params`"
            ));
        }
        let needed = match binding.role {
            Role::Fixed => u64::from(binding.min_bytes),
            Role::Values | Role::Weights | Role::Gradients => {
                u64::from(binding.min_bytes) * tensor.format().bytes() / 4
            }
        };
        if tensor.bytes() < needed {
            return fail(format!("`{name}` needs {needed} bytes, got {}", tensor.bytes()));
        }
        if !dispatch.unused.contains(name) {
            check_format(dispatch, binding, *tensor).or_else(fail)?;
        }
        if tensor.start() % ALIGNMENT != 0 {
            return fail(format!("`{name}` starts at {}, not a multiple of {ALIGNMENT}", tensor.start()));
        }
        if binding.access == Access::ReadWrite {
            check_alias(dispatch, name, *tensor).or_else(fail)?;
        }
    }
    for binding in dispatch.kernel.bindings {
        let times = dispatch.bindings.iter().filter(|(n, _)| *n == binding.name).count();
        match (binding.name, times) {
            ("params", 0) if binding.access == Access::Uniform => {
                if dispatch.uniform.len() != binding.min_bytes as usize {
                    return fail(format!(
                        "`params` is {} bytes in the kernel, {} in the dispatch",
                        binding.min_bytes,
                        dispatch.uniform.len()
                    ));
                }
            }
            (_, 1) => {}
            (name, 0) => return fail(format!("`{name}` is not bound")),
            (name, _) => return fail(format!("`{name}` is bound {times} times")),
        }
    }
    for constant in dispatch.kernel.overrides {
        let given = dispatch.constants.iter().any(|(n, _)| *n == constant.name);
        if !given && !constant.has_default {
            return fail(format!("the constant `{}` is not set", constant.name));
        }
    }
    for (name, _) in &dispatch.constants {
        if !dispatch.kernel.overrides.iter().any(|o| o.name == *name) {
            return fail(format!("has no constant `{name}`"));
        }
    }
    if dispatch.groups > 65_535 * 65_535 {
        return fail(format!("{} workgroups are more than a grid can hold", dispatch.groups));
    }
    Ok(())
}

/// All activations of a launch have one format, and so have its weights and its gradients; all else is in single precision.
fn check_format(dispatch: &Dispatch, binding: &Binding, tensor: Tensor) -> Result<(), String> {
    let storage = dispatch.storage();
    let format = match binding.role {
        Role::Fixed => Format::Single,
        Role::Values => storage.values,
        Role::Weights => storage.weights,
        Role::Gradients => storage.gradients,
    };
    let (name, found) = (binding.name, tensor.format());
    if found != format {
        return Err(format!("`{name}` is in {found:?} precision, expected {format:?}"));
    }
    match (binding.role, found) {
        (Role::Weights, Format::Brain) | (Role::Gradients, Format::Half) => {
            return Err(format!("`{name}` is in {found:?} precision, which no kernel has for it"));
        }
        _ => {}
    }
    Ok(())
}

/// WebGPU lets a launch write several ranges of one buffer, as long as they do not overlap, but
/// not read one range of a buffer and write another.
fn check_alias(dispatch: &Dispatch, name: &str, written: Tensor) -> Result<(), String> {
    for (other, tensor) in dispatch.bindings.iter().filter(|(n, t)| *n != name && t.id() == written.id()) {
        let also_written =
            dispatch.kernel.bindings.iter().any(|b| b.name == *other && b.access == Access::ReadWrite);
        if tensor.overlaps(written) || !also_written {
            return Err(format!("`{name}` is written and its buffer is bound to `{other}` as well"));
        }
    }
    Ok(())
}
