//! What this computer has for loading photos.

use std::sync::OnceLock;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Threads that run at once: the processor's, or as many as this process is allowed.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory for decoded photos where nothing else is said, in MiB: a quarter of what the computer has, or its container
/// is allowed; 1024 where that is unknown. Photos of one data set take what they need of it.
pub(crate) fn cache_mb() -> u32 {
    // Once, so that two configurations of one process are equal.
    static MEBIBYTES: OnceLock<u32> = OnceLock::new();
    *MEBIBYTES.get_or_init(|| {
        let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(memory);
        let allowed = system.cgroup_limits().map(|limits| limits.total_memory).filter(|&bytes| bytes > 0);
        match system.total_memory().min(allowed.unwrap_or(u64::MAX)) {
            0 => 1024,
            bytes => u32::try_from((bytes / 4) >> 20).unwrap_or(u32::MAX),
        }
    })
}
