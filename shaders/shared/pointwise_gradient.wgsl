// What the first matrix of a 1x1 convolution's data gradient is loaded from, see gemm_rows and gradient_operand: output_gradient and
// output [rows][outputs]. The kernel declares them and `params`.
#import gradient_operand

struct Line {
    at: u32,
}

fn line_of(row: u32) -> Line {
    return Line(min(row, params.rows - 1u) * params.outputs);
}

fn of_column_at(k4: u32) -> Through {
    return through_times(through_of(min(k4, params.outputs - 1u), params.outputs), A_SCALE);
}

alias Raw = RawGradient;

fn raw_at(line: Line, k4: u32) -> Raw {
    return raw_gradient(line.at + min(k4, params.outputs - 1u));
}

fn a_of(raw: Raw, line: Line, k4: u32, through: Through) -> vec4<f32> {
    return gradient_times(raw, through, A_SCALE);
}
