// What the tiles of a 1x1 convolution's data gradient are loaded from, see gemm_rows and gemm_transposed:
// output_gradient [rows][outputs] and weights [inputs][outputs]. The kernel declares them and `params`.
fn a_at(row: u32, k4: u32) -> vec4<f32> {
    if row < params.rows && k4 < params.outputs {
        return from_gradient(output_gradient[row * params.outputs + k4]);
    }
    return vec4<f32>(0.0);
}

fn weight_at(column: u32, k4: u32) -> vec4<f32> {
    if column < params.inputs * 4u && k4 < params.outputs {
        return weights[column * params.outputs + k4];
    }
    return vec4<f32>(0.0);
}
