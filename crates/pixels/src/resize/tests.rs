//! The same bytes on every instruction set.

use super::{Instructions, Interpolation, Library, Resampler, resize_on, resize_region};
use crate::rgb::{Region, View};
use crate::{Rgb, VisionError};

/// Bytes without any order, by a linear congruence.
fn noise(width: u32, height: u32) -> Rgb {
    let mut state = width.wrapping_mul(31).wrapping_add(height);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Whole stretches of black and white bring sums to their limits.
        match state >> 28 {
            0..4 => 0,
            4..8 => 255,
            _ => (state >> 16) as u8,
        }
    };
    Rgb::new(width, height, std::iter::repeat_with(next).take((width * height * 3) as usize).collect())
        .unwrap()
}

#[test]
fn every_instruction_set_gives_the_same_bytes() {
    if Instructions::best() == Instructions::Portable {
        println!("skipped: this processor has the plain kernels alone");
        return;
    }
    let sizes = [
        ((1, 1), (5, 3)),
        ((2, 1), (1, 4)),
        ((3, 7), (40, 2)),
        ((7, 5), (14, 10)),
        ((21, 14), (21, 9)),
        ((21, 14), (10, 14)),
        ((64, 48), (17, 31)),
        ((97, 61), (32, 33)),
        ((130, 70), (260, 41)),
        ((301, 203), (128, 128)),
        // Hundreds of taps, and lines of a single pixel.
        ((1500, 3), (2, 2)),
        ((1, 60), (1, 21)),
        ((70, 1), (33, 1)),
    ];
    let mut compared = 0;
    for library in [Library::OpenCv, Library::Pillow] {
        for interpolation in Interpolation::ALL {
            let resampler = Resampler { library, interpolation };
            for ((width, height), full) in sizes {
                let image = noise(width, height);
                // All, a part at the end of the memory, and one within the image.
                let views = [
                    Region { x: 0, y: 0, width, height },
                    Region {
                        x: width / 3,
                        y: height / 2,
                        width: width - width / 3,
                        height: height - height / 2,
                    },
                    Region { x: 0, y: 0, width: width.div_ceil(2), height: height.div_ceil(2) },
                    Region {
                        x: width / 4,
                        y: height / 4,
                        width: width.div_ceil(2),
                        height: height.div_ceil(2),
                    },
                ];
                let parts = [
                    Region { x: 0, y: 0, width: full.0, height: full.1 },
                    Region {
                        x: full.0 / 4,
                        y: full.1 / 3,
                        width: full.0.div_ceil(2),
                        height: full.1.div_ceil(2),
                    },
                ];
                for (seen, part) in views.iter().flat_map(|seen| parts.iter().map(move |part| (*seen, *part)))
                {
                    let made = |instructions| {
                        let view = View::of(&image).region(seen).unwrap();
                        resize_on(instructions, view, full, part, resampler).unwrap()
                    };
                    let (plain, best) = (made(Instructions::Portable), made(Instructions::best()));
                    assert!(
                        plain == best,
                        "{resampler:?} {seen:?} of {width}x{height} to {part:?} of {full:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 2 * 5 * sizes.len() * 8);
}

#[test]
fn a_part_beyond_the_resized_image_is_an_error() {
    let image = noise(40, 30);
    let part = |x, width| {
        let region = Region { x, y: 0, width, height: 8 };
        resize_region(View::of(&image), (16, 8), region, Resampler::default())
    };
    assert_eq!(part(10, 6).map(|image| image.width()), Ok(6));
    assert_eq!(part(10, 0), Err(VisionError::ZeroSize { width: 0, height: 8 }));
    for (x, width) in [(10, 7), (u32::MAX, 2)] {
        let error = part(x, width).unwrap_err();
        assert!(matches!(error, VisionError::CropOutside { width: 16, height: 8, .. }), "{error}");
    }
}
