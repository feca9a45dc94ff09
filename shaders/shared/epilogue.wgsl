// What follows a product's sum: bias, activation, residual. Uniforms say which, not constants of the pipeline: the branches
// cost nothing beside the product, and every pipeline less is one less to compile before the first answer.
// The kernel declares `params` with these, `bias` [outputs] and `residual` [rows][outputs].
const HAS_BIAS = 1u;
const HAS_RESIDUAL = 2u;
// One gate for all rows: for kernels that have no constant for it.
const HAS_GATE = 4u;

fn bias_of(column: u32) -> vec4<f32> {
    if (params.operands & HAS_BIAS) != 0u {
        return bias[column];
    }
    return vec4<f32>(0.0);
}

fn finished(sum: vec4<f32>, column: u32, at: u32) -> vec4<f32> {
    var value = activate_by(params.activation, params.slope, sum + bias_of(column));
    if (params.operands & HAS_RESIDUAL) != 0u {
        value += from_value(residual[at]);
    }
    return value;
}
