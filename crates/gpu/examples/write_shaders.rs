//! Writes every expanded kernel as `DIR/layer.kernel.wgsl`, for checking with another WGSL compiler.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_shaders DIR")?);
    std::fs::create_dir_all(&folder)?;
    let mut count = 0;
    for kernel in photonet_gpu::kernels::ALL {
        let name = kernel.name.replace('/', ".");
        // naga takes these for granted. That whole subgroups come to a broadcast shows in no text: it follows from how they are numbered.
        let directives = match kernel.subgroups {
            true => "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n",
            false => "",
        };
        for (suffix, text) in kernel.texts() {
            count += 1;
            std::fs::write(folder.join(format!("{name}{suffix}.wgsl")), format!("{directives}{text}"))?;
        }
    }
    println!("{count} texts written to {}", folder.display());
    Ok(())
}
