//! Writes every expanded kernel as `DIR/layer.kernel.wgsl`, for checking with another WGSL compiler.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_shaders DIR")?);
    std::fs::create_dir_all(&folder)?;
    for kernel in photonet_gpu::kernels::ALL {
        std::fs::write(
            folder.join(format!("{}.wgsl", kernel.name.replace('/', "."))),
            kernel.source.text().as_bytes(),
        )?;
    }
    println!("{} kernels written to {}", photonet_gpu::kernels::ALL.len(), folder.display());
    Ok(())
}
