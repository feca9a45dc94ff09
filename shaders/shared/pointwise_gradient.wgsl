// What the tiles of a 1x1 convolution's data gradient are loaded from, see gemm_rows, gemm_transposed and gradient_operand:
// output_gradient and output [rows][outputs], weights [inputs][outputs]. The kernel declares them and `params`.
#import gradient_operand

fn of_column_at(k4: u32) -> Through {
    return through_of(k4, params.outputs);
}

fn a_at(row: u32, k4: u32, through: Through) -> vec4<f32> {
    if row < params.rows && k4 < params.outputs {
        return gradient_of(row * params.outputs + k4, through);
    }
    return vec4<f32>(0.0);
}

fn weight_at(column: u32, k4: u32) -> vec4<f32> {
    if column < params.inputs * 4u && k4 < params.outputs {
        return weights[column * params.outputs + k4];
    }
    return vec4<f32>(0.0);
}
