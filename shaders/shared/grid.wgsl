// A grid beyond 65,535 workgroups is folded into y; this is the workgroup's linear number.
fn linear_group(group: vec3<u32>, grid: vec3<u32>) -> u32 {
    return group.x + group.y * grid.x;
}
