//! What this computer has for loading photos.

use std::sync::OnceLock;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Threads that run at once: the processor's, or as many as this process is allowed.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The memory that the computer has, or its container is allowed, in bytes; 4 GiB where that is unknown.
pub(crate) fn memory() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(memory);
        match system.total_memory() {
            0 => 4 << 30,
            total => {
                let allowed = system.cgroup_limits().map(|limits| limits.total_memory);
                allowed.filter(|&bytes| bytes > 0).map_or(total, |bytes| bytes.min(total))
            }
        }
    })
}
