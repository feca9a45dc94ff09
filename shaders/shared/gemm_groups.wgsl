// Joins what the K_GROUPS grids of a small tile have, see gemm; uses its scratch memory, after the product.
const_assert K_GROUPS == 1u || INVOCATIONS * SUMS <= SCRATCH;

// The invocations of the first grid get the sums of all, the others nothing of use.
fn add_groups(lane: u32, sums: ptr<function, array<vec4<f32>, SUMS>>) {
    if K_GROUPS > 1u {
        var local = *sums;
        #unroll i ROW_BLOCKS
            #unroll r 4
                #unroll j COLUMN_BLOCKS
                    const at = (4u * i + r) * COLUMN_BLOCKS + j;
                    set_scratch(at * INVOCATIONS + lane, local[at]);
                #end
            #end
        #end
        workgroupBarrier();
        #unroll i ROW_BLOCKS
            #unroll r 4
                #unroll j COLUMN_BLOCKS
                    const at = (4u * i + r) * COLUMN_BLOCKS + j;
                    for (var g = 1u; g < K_GROUPS; g += 1u) {
                        local[at] += scratch(at * INVOCATIONS + (lane + g * GRID) % INVOCATIONS);
                    }
                #end
            #end
        #end
        *sums = local;
    }
}
