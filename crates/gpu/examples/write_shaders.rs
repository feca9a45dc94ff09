//! Writes every expanded kernel as `DIR/layer.kernel.wgsl`, for checking with another WGSL compiler.

use photonet_gpu::{Format, HalfType, Storage};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_shaders DIR")?);
    std::fs::create_dir_all(&folder)?;
    let mut count = 0;
    for kernel in photonet_gpu::kernels::ALL {
        let name = kernel.name.replace('/', ".");
        let mut write = |suffix: &str, storage, half| {
            count += 1;
            std::fs::write(folder.join(format!("{name}{suffix}.wgsl")), kernel.text(storage, half).as_bytes())
        };
        write("", Storage::default(), HalfType::Packed)?;
        if kernel.stored {
            for (suffix, half) in [(".half", HalfType::Native), (".packed", HalfType::Packed)] {
                write(suffix, Storage { values: Format::Half, weights: Format::Half }, half)?;
                let weights = Storage { weights: Format::Half, ..Storage::default() };
                write(&format!("{suffix}_weights"), weights, half)?;
            }
        }
    }
    println!("{count} texts written to {}", folder.display());
    Ok(())
}
