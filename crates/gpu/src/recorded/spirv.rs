//! A kernel's text as SPIR-V.

use super::aliases::alias_halves;
use super::bounds;
use super::memory_model::order_workgroup_memory;
use crate::pipeline::{Constants, values};
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

const ENTRY: &str = "main";

/// What a translation is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Version of the language.
    pub language: (u8, u8),
    /// Invocations that a workgroup may have.
    pub invocations: u32,
    /// Whether the kernel's uniform is pushed with each launch, in place of being bound: compilers find it without asking memory twice.
    pub pushes: bool,
    /// Whether it is watched, see [`bounds`].
    pub watched: bool,
}

/// Words of SPIR-V, which has no bounds checks.
///
/// # Errors
/// What naga says, or that a workgroup has more than so many invocations. Kernels are validated when this crate is built, so that only their
/// constants can be wrong.
pub(super) fn compile(text: &str, constants: &Constants, target: Target) -> Result<Vec<u32>, String> {
    let Target { language, invocations, pushes, watched } = target;
    let mut module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    if pushes {
        let variables = module.global_variables.iter_mut().map(|(_, variable)| variable);
        for uniform in variables.filter(|variable| variable.space == naga::AddressSpace::Uniform) {
            (uniform.space, uniform.binding) = (naga::AddressSpace::Immediate, None);
        }
    }
    // What the build has validated is gone through once more for what the translation needs to know.
    let info = Validator::new(ValidationFlags::empty(), Capabilities::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;
    let values = values(constants).map(|(name, value)| (name.to_string(), value)).collect();
    let stage = naga::ShaderStage::Compute;
    let (module, info) =
        naga::back::pipeline_constants::process_overrides(&module, &info, Some((stage, ENTRY)), &values)
            .map_err(|error| error.to_string())?;
    let size = module.entry_points.first().map_or([0; 3], |entry| entry.workgroup_size);
    if size.iter().map(|&side| u64::from(side)).product::<u64>() > u64::from(invocations) {
        return Err(format!("workgroups of {size:?} invocations, where the device allows {invocations}"));
    }
    let policy = BoundsCheckPolicy::Unchecked;
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
        force_loop_bounding: false,
        emit_int_div_checks: false,
        // Kernels have no inputs and outputs of 16 bits but in buffers.
        use_storage_input_output_16: false,
        ..Default::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: stage, entry_point: ENTRY.into() };
    let words =
        spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|error| error.to_string())?;
    let words = order_workgroup_memory(alias_halves(words)?);
    if watched { bounds::watch(&words) } else { Ok(words) }
}
