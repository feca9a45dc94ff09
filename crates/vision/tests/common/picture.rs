//! A picture that golden values are made of.

use photonet_vision::Rgb;

/// The picture that `golden/generate.py` draws.
pub fn picture(width: u32, height: u32) -> Rgb {
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let rough = (x * x * 3 + y * y * 5 + x * y * 7 + c * 91) ^ (x * 11) ^ (y * 29);
                let smooth = (x * 5 + y * 3 + c * 60) >> 1;
                data.push(if (x / 6 + y / 5) % 2 == 0 { rough } else { smooth } as u8);
            }
        }
    }
    Rgb::new(width, height, data).expect("the buffer has the right length")
}
