//! Choosing a device, and losing one.

use crate::{buffer, gpu, open, sum_plan};
use photonet_gpu::{DeviceChoice, DeviceClass, Gpu, GpuError, GpuOptions, PlanBuilder, list_adapters};
use pollster::block_on;

#[test]
fn an_unknown_name_is_an_error_that_names_what_was_found() {
    let options = GpuOptions::new(DeviceChoice::Named("no such adapter".into()));
    let Err(GpuError::NoAdapter { choice, hint }) = block_on(Gpu::open(&options)) else {
        panic!("no NoAdapter error");
    };
    assert_eq!(choice, "no such adapter");
    let adapters = block_on(list_adapters());
    assert!(!adapters.is_empty());
    for adapter in adapters {
        assert!(hint.contains(&adapter.name), "{} is not in: {hint}", adapter.name);
    }
}

#[test]
fn an_adapter_is_found_by_a_part_of_its_name_in_any_case() {
    let name = &block_on(list_adapters())[0].name;
    let part: String = name.chars().take(6).collect::<String>().to_uppercase();
    let options = GpuOptions { choice: DeviceChoice::Named(part), ..GpuOptions::portable() };
    let opened = block_on(Gpu::open(&options)).unwrap();
    assert_eq!(&opened.adapter().name, name);
}

#[test]
fn each_class_opens_its_own_or_is_an_error() {
    let kinds: Vec<_> = block_on(list_adapters()).iter().map(|a| a.kind).collect();
    for (choice, kind, class) in [
        (DeviceChoice::Discrete, "discrete", DeviceClass::Discrete),
        (DeviceChoice::Integrated, "integrated", DeviceClass::Integrated),
        (DeviceChoice::Software, "software", DeviceClass::Software),
    ] {
        let options = GpuOptions { choice, ..GpuOptions::portable() };
        match block_on(Gpu::open(&options)) {
            Ok(gpu) => {
                assert!(kinds.contains(&kind));
                assert_eq!((gpu.adapter().kind, gpu.class()), (kind, class));
            }
            Err(GpuError::NoAdapter { choice, .. }) => {
                assert!(!kinds.contains(&kind));
                assert_eq!(choice, kind);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn auto_takes_the_first_of_the_list() {
    assert_eq!(gpu().adapter().name, block_on(list_adapters())[0].name);
}

#[test]
fn a_portable_device_has_the_default_limits() {
    assert_eq!(gpu().binding_limit(), 128 << 20);
    assert!(!gpu().has_timestamps());
    let asked = std::env::var("PHOTONET_WATCHED").is_ok_and(|v| !v.is_empty() && v != "0");
    assert_eq!(gpu().is_watched(), asked);
}

#[test]
fn everything_on_a_lost_device_is_a_typed_error() {
    let gpu = open();
    let input = buffer(&gpu, &[1.0; 16]);
    let (plan, output) = sum_plan(&gpu, &input, &input, 4);
    let plan = block_on(plan.build(&gpu)).unwrap();
    plan.run().unwrap();
    gpu.destroy();
    let lost = |error: Option<GpuError>| matches!(error, Some(GpuError::Lost { .. }));
    assert!(lost(gpu.check().err()));
    assert!(lost(plan.run().err()));
    assert!(lost(block_on(plan.profile()).err()));
    assert!(lost(block_on(gpu.read::<f32>(&output, 0, 16)).err()));
    assert!(lost(block_on(gpu.buffer("late", 16)).err()));
    let mut late = PlanBuilder::new();
    late.transient("late", 16);
    assert!(lost(block_on(late.build(&gpu)).err()));
    let message = gpu.check().unwrap_err().to_string();
    assert!(message.contains("run again to resume"), "{message}");
}
