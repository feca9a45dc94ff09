//! What only a page needs: pipelines compiled by the browser beside everything else, not between two frames, and results
//! that come when they are there.
//!
//! wgpu makes pipelines synchronously, which keeps the browser's GPU process from drawing while a shader is compiled.
//! The same pipelines are therefore made by the browser's asynchronous call first; wgpu's own, which are equal in all
//! that a browser compares, are then found compiled.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::pipeline::Recipe;
use crate::{Access, Gpu};
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// WebGPU's `GPUShaderStage.COMPUTE`.
const COMPUTE: u32 = 4;

#[wasm_bindgen]
extern "C" {
    type Device;

    #[wasm_bindgen(method, structural, catch, js_name = createShaderModule)]
    fn create_shader_module(this: &Device, descriptor: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = createBindGroupLayout)]
    fn create_bind_group_layout(this: &Device, descriptor: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = createPipelineLayout)]
    fn create_pipeline_layout(this: &Device, descriptor: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = createComputePipelineAsync)]
    fn create_compute_pipeline_async(this: &Device, descriptor: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(call: &Function, milliseconds: i32);
}

/// Waits for what the device does. Firefox looks ten times a second whether a device has done anything, and whenever
/// something is submitted: there nothing is submitted again and again until the answer has come, which would otherwise be
/// late by up to 100 ms (Mozilla's bug 1870699).
pub(crate) async fn attended<T>(gpu: &Gpu, waiting: impl Future<Output = T>) -> T {
    let mut waiting = pin!(waiting);
    if !is_firefox() {
        return waiting.await;
    }
    loop {
        // Browsers make 4 ms of a millisecond after some times.
        let mut pause = JsFuture::from(Promise::new(&mut |resolve, _| set_timeout(&resolve, 1)));
        let done = poll_fn(|context| match waiting.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Pin::new(&mut pause).poll(context).map(|_| None),
        });
        if let Some(value) = done.await {
            return value;
        }
        // What is lost is not asked, and tells by itself.
        if gpu.check().is_err() {
            return waiting.await;
        }
        gpu.queue.submit([]);
    }
}

fn is_firefox() -> bool {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into());
    let agent = navigator.and_then(|navigator| Reflect::get(&navigator, &"userAgent".into()));
    agent.ok().and_then(|agent| agent.as_string()).is_some_and(|agent| agent.contains("Firefox"))
}

/// Has the browser compile `wanted`, all at once. What fails here fails again when the pipelines proper are made, with its
/// error.
pub(crate) fn compile_ahead(gpu: &Gpu, wanted: &[Recipe]) -> Vec<JsFuture> {
    let Some(device) = gpu.device.as_webgpu() else { return Vec::new() };
    let device: &Device = AsRef::<JsValue>::as_ref(device).unchecked_ref();
    let start = |recipe: &Recipe| {
        let text = recipe.kernel.text(recipe.storage, gpu.half(), None);
        start(device, recipe, &text).unwrap_or_else(|error| Promise::reject(&error))
    };
    wanted.iter().map(start).map(JsFuture::from).collect()
}

/// Waits until all is compiled, and calls `each` for each. The results keep it alive until the pipelines proper are made.
pub(crate) async fn compiled(mut started: Vec<JsFuture>, each: impl Fn()) -> Vec<JsValue> {
    let mut compiled = Vec::with_capacity(started.len());
    poll_fn(|context| {
        started.retain_mut(|pipeline| {
            let Poll::Ready(answer) = Pin::new(pipeline).poll(context) else { return true };
            compiled.extend(answer);
            each();
            false
        });
        if started.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    compiled
}

fn start(device: &Device, recipe: &Recipe, text: &str) -> Result<Promise, JsValue> {
    let kernel = recipe.kernel;
    let module = device.create_shader_module(&object(&[("code", text.into())])?)?;
    let entries = Array::new();
    for binding in kernel.bindings {
        let kind = match binding.access {
            Access::Uniform => "uniform",
            Access::Read => "read-only-storage",
            Access::ReadWrite => "storage",
        };
        let buffer = object(&[("type", kind.into())])?;
        let entry = [("binding", binding.index.into()), ("visibility", COMPUTE.into()), ("buffer", buffer)];
        entries.push(&object(&entry)?);
    }
    let group = device.create_bind_group_layout(&object(&[("entries", entries.into())])?)?;
    let layout =
        device.create_pipeline_layout(&object(&[("bindGroupLayouts", Array::of1(&group).into())])?)?;
    let values = Object::new();
    for (name, bits) in &recipe.constants {
        Reflect::set(&values, &(*name).into(), &f64::from_bits(*bits).into())?;
    }
    let stage = object(&[("module", module), ("entryPoint", "main".into()), ("constants", values.into())])?;
    let fields = [("label", kernel.name.into()), ("layout", layout), ("compute", stage)];
    device.create_compute_pipeline_async(&object(&fields)?)
}

fn object(fields: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let made = Object::new();
    for (name, value) in fields {
        Reflect::set(&made, &(*name).into(), value)?;
    }
    Ok(made.into())
}
