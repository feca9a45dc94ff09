// Both gradients of a depthwise convolution of stride 2, see depthwise_gradients and depthwise_pairs.
#import depthwise_gradients
#import depthwise_pairs

fn meet(window: Window, ahead: array<Ahead, CELLS>, inside: array<bool, CELLS>) {
    var inputs: array<vec4<f32>, CELLS>;
    #unroll k CELLS
        inputs[k] = select(vec4<f32>(0.0), input_of(ahead[k].raw), inside[k]);
    #end
    #unroll i KERNEL
        #unroll j KERNEL
            // As in depthwise_gather.
            #unroll pair PAIRS
                let at = (i / 2u) * WINDOW_COLUMNS + (PAIRS - 1u) - pair + j / 2u;
                taps[i * KERNEL + j] += window[at] * inputs[(i % 2u) * WIDE + j % 2u + 2u * pair];
            #end
        #end
    #end
}
