// What the first matrix of a 1x1 convolution is loaded from, see gemm_rows: input [rows][inputs]. The kernel declares it, `params`, and
// what operand and gate ask for.
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

alias Raw = Value;

fn raw_at(line: Line, k4: u32) -> Raw {
    return input[line.at + min(k4, params.inputs - 1u)];
}

fn a_of(raw: Raw, line: Line, k4: u32, affine: Affine) -> vec4<f32> {
    return gated(operand_of(from_value(raw), affine), line.image, min(k4, params.inputs - 1u), params.inputs);
}
