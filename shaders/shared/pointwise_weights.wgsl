// What the second matrix of a 1x1 convolution is loaded from, see gemm_forward: weights [inputs][outputs]. The kernel declares them as
// `Weights`, and `params`.
alias Weights = array<Weight>;

fn weight_at(k: u32, column: u32) -> Weight {
    return weights[min(k, params.inputs * 4u - 1u) * params.outputs + min(column, params.outputs - 1u)];
}

fn weight_of(weight: Weight, k: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), from_weight(weight), k < params.inputs * 4u);
}
