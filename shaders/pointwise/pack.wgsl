// Weights of several 1x1 convolutions as products on matrix units load them, in one launch: in half precision, both numbers of channels
// rounded up to a multiple of 32 with zeros.
// weights: of each part [inputs][outputs] in units of 4 channels, from `begin` on; packed [lines][elements of a line], 8 channels each,
// from `to` on. They are written as activations are, in whichever way the device has to half precision.
#import storage
#import grid
#import parts

const MOST_PARTS: u32 = 64u;
const WORKGROUP: u32 = 256u;

struct Part {
    begin: u32,
    to: u32,
    // Inputs that there are, in numbers; outputs in units of 4.
    inputs: u32,
    outputs: u32,
    // Elements of a line, and of the part.
    line: u32,
    length: u32,
    // Its first workgroup.
    group: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<Weight>;
@group(0) @binding(2) var<storage, read_write> packed: array<Value>;

fn four_at(part: Part, k: u32, column: u32) -> Value {
    let at = part.begin + min(k, part.inputs - 1u) * part.outputs + min(column, part.outputs - 1u);
    let inside = (k < part.inputs) & (column < part.outputs);
    return to_value(select(vec4<f32>(0.0), from_weight(weights[at]), inside));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let part = part_of(group);
    let own = (group - part.group) * WORKGROUP + lane;
    if own < part.length {
        let k = own / part.line;
        let column = own % part.line * 2u;
        let to = (part.to + own) * 2u;
        packed[to] = four_at(part, k, column);
        packed[to + 1u] = four_at(part, k, column + 1u);
    }
}
