// Gradient of a depthwise convolution of stride 2 with respect to its input, see depthwise_pairs, taken back through the
// unit before, see gradient_behind.
#import depthwise_sums
#import depthwise_pairs

// Nothing but the data gradient is wanted.
fn meet(window: Window, ahead: array<Ahead, CELLS>, inside: array<bool, CELLS>) {
}
