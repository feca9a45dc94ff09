//! The benchmark of the WebAssembly build, run by `wasm.mjs` beside it, which says how to build it.

use photonet_cpu::{CpuError, CpuNetwork, Instructions};
use photonet_model::{Architecture, Family, Input, Variant, initialise};

/// Square images of this side.
const SIZE: usize = 224;

/// A network and the image it classifies.
pub struct Bench {
    network: CpuNetwork,
    pixels: Vec<u8>,
}

fn bench(variant: Variant) -> Result<Bench, CpuError> {
    let architecture = Architecture::new(Family::Torchvision, variant, 1.0, 1000)?;
    let input = Input { size: SIZE, scale: 1.0 / 255.0, mean: [0.5; 3], std: [0.25; 3] };
    let network = CpuNetwork::new(&architecture, &initialise(&architecture, 0), &input)?;
    let pixels = (0..SIZE * SIZE * 3).map(|at| (at * 31 % 251) as u8).collect();
    Ok(Bench { network, pixels })
}

/// Makes a network, large or small, or returns null.
#[unsafe(no_mangle)]
pub extern "C" fn make(large: bool) -> *mut Bench {
    let variant = if large { Variant::Large } else { Variant::Small };
    bench(variant).map_or(std::ptr::null_mut(), |bench| Box::into_raw(Box::new(bench)))
}

/// Classifies the image and returns the sum of its logits.
///
/// # Safety
/// `bench` is from [`make`], not null and not in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn run(bench: *mut Bench) -> f32 {
    // SAFETY: the caller vouches for the pointer.
    let Bench { network, pixels } = unsafe { &mut *bench };
    network.run(pixels).map_or(f32::NAN, |outputs| outputs.logits.iter().sum())
}

/// Whether the build has vectors.
#[unsafe(no_mangle)]
pub extern "C" fn has_simd() -> bool {
    Instructions::best() == Instructions::Simd128
}
