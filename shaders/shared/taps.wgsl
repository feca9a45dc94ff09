// A depthwise filter in registers. The kernel defines `loaded_tap(tap, channel)`.
#import turns

var<private> taps: array<vec4<f32>, KERNEL * KERNEL>;

fn load_filter(channel: u32) {
    for (var i = 0u; i < turns(KERNEL); i += 1u) {
        #unroll j KERNEL
            #unroll r KERNEL
                taps[max(r, 1u) * KERNEL - KERNEL + j] = taps[r * KERNEL + j];
            #end
            taps[(KERNEL - 1u) * KERNEL + j] = loaded_tap(i * KERNEL + j, channel);
        #end
    }
}
