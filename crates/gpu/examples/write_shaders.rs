//! Writes every expanded kernel as `DIR/layer.kernel.wgsl`, for checking with another WGSL compiler.

use photonet_gpu::{Format, HalfType, Storage};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_shaders DIR")?);
    std::fs::create_dir_all(&folder)?;
    let mut count = 0;
    // The types of matrix units are wgpu's own, which no other compiler knows.
    for kernel in photonet_gpu::kernels::ALL.iter().filter(|kernel| !kernel.matrix) {
        let name = kernel.name.replace('/', ".");
        // naga takes these for granted. That whole subgroups come to a broadcast shows in no text: it follows from how they are numbered.
        let directives = match kernel.subgroups {
            true => "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n",
            false => "",
        };
        let mut write = |suffix: &str, storage, half| {
            count += 1;
            std::fs::write(
                folder.join(format!("{name}{suffix}.wgsl")),
                format!("{directives}{}", kernel.text(storage, half, None)),
            )
        };
        write("", Storage::default(), HalfType::Packed)?;
        if kernel.stored {
            let (single, half, brain) = (Format::Single, Format::Half, Format::Brain);
            let storage = |values, weights, gradients| Storage { values, weights, gradients };
            for (suffix, kind) in [(".half", HalfType::Native), (".packed", HalfType::Packed)] {
                write(suffix, storage(half, half, single), kind)?;
                write(&format!("{suffix}_weights"), storage(single, half, single), kind)?;
                write(&format!("{suffix}_training"), storage(half, single, brain), kind)?;
            }
            write(".brain", storage(brain, single, brain), HalfType::Packed)?;
        }
    }
    println!("{count} texts written to {}", folder.display());
    Ok(())
}
