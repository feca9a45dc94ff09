// Both gradients of a depthwise convolution of stride 2, see depthwise_gradients and depthwise_pairs.
#import depthwise_gradients
#import depthwise_pairs

fn meet(window: Window, ahead: array<Ahead, 8>, inside: array<bool, 8>) {
    var inputs: array<vec4<f32>, 8>;
    #unroll k 8
        inputs[k] = select(vec4<f32>(0.0), input_of(ahead[k].raw), inside[k]);
    #end
    #unroll i KERNEL
        #unroll j KERNEL
            // As in depthwise_gather.
            #unroll pair 2
                let at = (i / 2u) * WINDOW_COLUMNS + 1u - pair + j / 2u;
                taps[i * KERNEL + j] += window[at] * inputs[(i % 2u) * 4u + j % 2u + 2u * pair];
            #end
        #end
    #end
}
