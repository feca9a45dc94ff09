// What the tiles of a 1x1 convolution are loaded from, see gemm_rows and gemm_forward: input [rows][inputs] and
// weights [inputs][outputs]. The kernel declares them, `params`, and what operand and gate ask for.
struct Line {
    at: u32,
    image: u32,
}

fn line_of(row: u32) -> Line {
    let known = min(row, params.rows - 1u);
    return Line(known * params.inputs, image_of(known));
}

fn of_column_at(k4: u32) -> Affine {
    return affine_of(min(k4, params.inputs - 1u), params.inputs);
}

fn a_at(line: Line, k4: u32, affine: Affine) -> vec4<f32> {
    let channel = min(k4, params.inputs - 1u);
    return gated(operand_of(from_value(input[line.at + channel]), affine), line.image, channel, params.inputs);
}

fn weight_at(k: u32, column: u32) -> vec4<f32> {
    let last = params.inputs * 4u - 1u;
    let value = from_weight(weights[min(k, last) * params.outputs + min(column, params.outputs - 1u)]);
    return select(vec4<f32>(0.0), value, k <= last);
}
