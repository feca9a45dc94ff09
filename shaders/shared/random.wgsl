// Counter-based random numbers: four u32 of key and counter in, four independent u32 out.
// Source: the pcg4d hash of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
fn random4(key: vec4<u32>) -> vec4<u32> {
    var v = key * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v = v ^ (v >> vec4<u32>(16u));
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}
