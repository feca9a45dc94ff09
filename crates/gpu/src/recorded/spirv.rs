//! A kernel's text as SPIR-V.

use super::aliases::alias_halves;
use super::memory_model::order_workgroup_memory;
use crate::pipeline::Constants;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

const ENTRY: &str = "main";

/// Words of SPIR-V; `checked` keeps bounds and loop checks.
///
/// # Errors
/// What naga says, or that a workgroup has more than so many invocations. Kernels are validated when this crate is built, so that only their
/// constants can be wrong.
pub(super) fn compile(
    text: &str,
    constants: &Constants,
    language: (u8, u8),
    checked: bool,
    most_invocations: u32,
) -> Result<Vec<u32>, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    // What the build has validated is gone through once more for what the translation needs to know.
    let flags = if checked { ValidationFlags::all() } else { ValidationFlags::empty() };
    let info = Validator::new(flags, Capabilities::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;
    let values = constants.iter().map(|(name, bits)| ((*name).to_string(), f64::from_bits(*bits))).collect();
    let stage = naga::ShaderStage::Compute;
    let (module, info) =
        naga::back::pipeline_constants::process_overrides(&module, &info, Some((stage, ENTRY)), &values)
            .map_err(|error| error.to_string())?;
    let size = module.entry_points.first().map_or([0; 3], |entry| entry.workgroup_size);
    if size.iter().map(|&side| u64::from(side)).product::<u64>() > u64::from(most_invocations) {
        return Err(format!(
            "workgroups of {size:?} invocations, where the device allows {most_invocations}"
        ));
    }
    let policy = if checked { BoundsCheckPolicy::Restrict } else { BoundsCheckPolicy::Unchecked };
    let options = spv::Options {
        lang_version: language,
        flags: spv::WriterFlags::empty(),
        // Numbers of bindings as the texts have them.
        fake_missing_bindings: true,
        capabilities: None,
        bounds_check_policies: BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: policy,
        },
        // Kernels write workgroup memory before they read it.
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: checked,
        emit_int_div_checks: checked,
        // Kernels have no inputs and outputs of 16 bits but in buffers.
        use_storage_input_output_16: false,
        ..Default::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: stage, entry_point: ENTRY.into() };
    let words =
        spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|error| error.to_string())?;
    Ok(order_workgroup_memory(alias_halves(words)?))
}
