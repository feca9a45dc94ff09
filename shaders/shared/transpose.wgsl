// Rows r0..r3 of a 4 x 4 block become its columns.
fn transpose_block(r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32>, r3: vec4<f32>) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(r0, r1, r2, r3));
}
