// What an invocation loads of a product's left operand at a time: a vector of each of ROWS rows, normalised and gated.
// The kernel declares `params` of product_forward, `input`, `gate` and `moments`, and imports storage, operand and epilogue.

// Whether each image has a gate of its own. That of a single one is chosen by a uniform: the branch costs little, and the product
// with a gate and the one without are the same pipeline, which is one less to compile before the first answer.
override GATE_EACH: bool = false;

// Where the rows and their gates begin.
struct Rows {
    starts: array<u32, ROWS>,
    gates: array<u32, ROWS>,
}

// Every `apart`th from `first` on. Beyond the edge it is the last row once more.
fn rows_from(first: u32, apart: u32) -> Rows {
    var rows: Rows;
    #unroll r ROWS
        let row = min(first + r * apart, params.rows - 1u);
        rows.starts[r] = row * params.inputs;
        if GATE_EACH {
            rows.gates[r] = row / params.rows_per_image * params.inputs;
        }
    #end
    return rows;
}

fn operands_at(rows: Rows, k4: u32) -> array<vec4<f32>, ROWS> {
    var a: array<vec4<f32>, ROWS>;
    #unroll r ROWS
        a[r] = from_value(input[rows.starts[r] + k4]);
    #end
    if NORMALISED {
        let affine = affine_of(k4, params.inputs);
        #unroll r ROWS
            a[r] = operand_of(a[r], affine);
        #end
    }
    if (params.operands & HAS_GATE) != 0u {
        let factor = gate[k4];
        #unroll r ROWS
            a[r] *= factor;
        #end
    }
    if GATE_EACH {
        #unroll r ROWS
            a[r] *= gate[rows.gates[r] + k4];
        #end
    }
    return a;
}
