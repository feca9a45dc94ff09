// As pointwise_weights, of the data gradient: weights [inputs][outputs], 4 outputs of an input at a time.
fn weight_at(column: u32, k4: u32) -> vec4<f32> {
    return weights[min(column, params.inputs * 4u - 1u) * params.outputs + min(k4, params.outputs - 1u)];
}

fn weight_of(weight: vec4<f32>, k4: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), weight, k4 < params.outputs);
}
