//! Every kernel in Direct3D's language and in Metal's, as naga translates it for wgpu. No compiler of these is here; what is looked for is what
//! they have refused.

use naga::back::pipeline_constants::process_overrides;
use naga::back::{hlsl, msl};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use photonet_gpu::{kernels, without_aliases};
use std::collections::HashSet;

const ENTRY: &str = "main";

/// The name of every text, and what naga makes of it.
fn modules(prepared: impl Fn(&str) -> String) -> Vec<(String, Module, ModuleInfo)> {
    let mut all = Vec::new();
    for kernel in kernels::ALL {
        for (suffix, text) in kernel.texts() {
            let name = format!("{}{suffix}", kernel.name);
            let module = naga::front::wgsl::parse_str(&prepared(&text)).expect(&name);
            let info =
                Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).expect(&name);
            let entry = Some((ShaderStage::Compute, ENTRY));
            // Constants that a pipeline has to give have none of their own; any number that is allowed will do.
            let missing = kernel.overrides.iter().filter(|constant| !constant.has_default);
            let constants = missing.map(|constant| (constant.name.to_string(), 64.0)).collect();
            let (module, info) = process_overrides(&module, &info, entry, &constants).expect(&name);
            all.push((name, module.into_owned(), info.into_owned()));
        }
    }
    assert!(all.len() > 900, "only {} texts", all.len());
    all
}

fn as_hlsl((name, module, info): &(String, Module, ModuleInfo)) -> String {
    // Types of 16 bits and subgroups want the newer compiler.
    let newer = name.contains(".half") || name.contains("_subgroup");
    let shader_model = if newer { hlsl::ShaderModel::V6_2 } else { hlsl::ShaderModel::V5_1 };
    let options = hlsl::Options { shader_model, ..Default::default() };
    let entry = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, ENTRY.into())) };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &entry).write(module, info, None).expect(name);
    text
}

/// Functions that are written twice: `TYPE NAME() {`.
fn twice(text: &str) -> Vec<&str> {
    let mut seen = HashSet::new();
    text.lines().filter(|line| line.ends_with("() {") && !seen.insert(*line)).collect()
}

#[test]
fn direct3d_gets_every_kernel_with_no_function_twice() {
    for module in modules(without_aliases) {
        let text = as_hlsl(&module);
        assert!(text.contains("[numthreads("), "{} has no entry point:\n{text}", module.0);
        assert!(twice(&text).is_empty(), "{}: {:?}", module.0, twice(&text));
    }
}

/// Should naga learn to tell such types apart, aliases can stay.
#[test]
fn with_aliases_there_are_functions_twice() {
    let with = modules(str::to_string).iter().filter(|module| !twice(&as_hlsl(module)).is_empty()).count();
    assert!(with > 0, "`without_aliases` has nothing to do any more");
}

#[test]
fn metal_gets_every_kernel_with_one_type_for_arrays_of_a_kind() {
    let options = msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
    let entry = msl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, ENTRY.into())),
        ..Default::default()
    };
    for (name, module, info) in modules(without_aliases) {
        let (text, _) = msl::write_string(&module, &info, &options, &entry).expect(&name);
        assert!(text.contains("kernel void"), "{name} has no entry point:\n{text}");
        // An array is `struct type_N { ELEMENT inner[LENGTH]; };`.
        let mut seen = HashSet::new();
        let arrays = text.lines().map(str::trim).filter(|line| line.contains(" inner["));
        let twice: Vec<_> = arrays.filter(|line| !seen.insert(*line)).collect();
        assert!(twice.is_empty(), "{name}: {twice:?}");
    }
}
