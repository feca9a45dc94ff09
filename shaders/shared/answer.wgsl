// What an image is to be taken for: `first` by all but `share`, `second` by `share`; `first` is 0xffffffff where the image does
// not count. `scale` is a factor on its loss. The distribution that training aims at is
// (1 - smoothing) * ((1 - share) * onehot(first) + share * onehot(second)) + smoothing / classes.
struct Answer {
    first: u32,
    second: u32,
    share: f32,
    scale: f32,
}
