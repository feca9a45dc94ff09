// Squeeze-excite's factor on a kernel's input: 0 none, 1 the same for all rows (one image), 2 one for each image.
// The kernel declares `gate` [image][channels] and `params` with rows_per_image.
override GATE: u32 = 0u;

// The image whose gate a row takes.
fn image_of(row: u32) -> u32 {
    if GATE == 2u {
        return row / params.rows_per_image;
    }
    return 0u;
}

// The same of a row less than `apart` behind one of image `image`. Dividing takes some twenty instructions.
fn image_behind(image: u32, row: u32, apart: u32) -> u32 {
    if GATE != 2u {
        return 0u;
    }
    if apart <= params.rows_per_image {
        return image + u32(row >= (image + 1u) * params.rows_per_image);
    }
    return row / params.rows_per_image;
}

fn gated(x: vec4<f32>, image: u32, channel: u32, channels: u32) -> vec4<f32> {
    if GATE == 0u {
        return x;
    }
    return x * gate[image * channels + channel];
}
