// What the tiles of a 1x1 convolution are loaded from, see gemm_rows and gemm_forward: input [rows][inputs] and
// weights [inputs][outputs]. The kernel declares them, `params`, and what operand and gate ask for.
fn of_column_at(k4: u32) -> Affine {
    return affine_of(k4, params.inputs);
}

fn a_at(row: u32, k4: u32, affine: Affine) -> vec4<f32> {
    if row < params.rows && k4 < params.inputs {
        let value = operand_of(from_value(input[row * params.inputs + k4]), affine);
        return gated(value, row / params.rows_per_image, k4, params.inputs);
    }
    return vec4<f32>(0.0);
}

fn weight_at(k: u32, column: u32) -> vec4<f32> {
    if k < params.inputs * 4u && column < params.outputs {
        return from_weight(weights[k * params.outputs + column]);
    }
    return vec4<f32>(0.0);
}
