//! Resizing against golden values from OpenCV and Pillow (see `golden/generate.py`).

mod common;
#[path = "common/picture.rs"]
mod picture;

use common::{bytes_of_hex, crc32};
use photonet_vision::{Interpolation, Library, MAX_RESIZE_PIXELS, Resampler, Rgb, VisionError, resize};
use picture::picture;

fn resamplers() -> Vec<Resampler> {
    let mut all = Vec::new();
    for library in [Library::OpenCv, Library::Pillow] {
        for interpolation in Interpolation::ALL {
            all.push(Resampler { library, interpolation });
        }
    }
    all
}

#[test]
fn equals_opencv_and_pillow() {
    let golden = include_str!("golden/resize.txt");
    let mut cases = 0;
    for line in golden.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [library, interpolation, sizes @ .., value] = fields.as_slice() else { panic!("bad line") };
        let resampler: Resampler = serde_json::from_value(serde_json::json!({
            "library": library,
            "interpolation": interpolation,
        }))
        .unwrap();
        let sizes: Vec<u32> = sizes.iter().map(|size| size.parse().unwrap()).collect();
        let image = resize(&picture(sizes[0], sizes[1]), sizes[2], sizes[3], resampler).unwrap();
        let what = format!("{library} {interpolation} {sizes:?}");
        assert_eq!((image.width(), image.height()), (sizes[2], sizes[3]), "{what}");
        if let Some(sum) = value.strip_prefix("crc32:") {
            assert_eq!(format!("{:08x}", crc32(image.data())), sum, "{what}");
        } else {
            // OpenCV's own bicubic differs among machines where a value lies half-way.
            let bicubic = (*library, *interpolation) == ("OpenCv", "Bicubic");
            let tolerance = u8::from(bicubic);
            let expected = bytes_of_hex(value);
            assert_eq!(image.data().len(), expected.len(), "{what}");
            let differing = image.data().iter().zip(&expected).filter(|(a, b)| a != b).count();
            let worst = image.data().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= tolerance, "{what}: differs by {worst}");
            assert!(differing * 100 <= expected.len(), "{what}: {differing} of {} differ", expected.len());
        }
        cases += 1;
    }
    assert_eq!(cases, 9 * 18 + 2);
}

#[test]
fn same_size_is_a_copy() {
    let image = picture(21, 14);
    for resampler in resamplers() {
        assert_eq!(resize(&image, 21, 14, resampler).unwrap(), image, "{resampler:?}");
    }
}

#[test]
fn a_flat_colour_stays_flat() {
    let flat = Rgb::new(19, 11, [7, 130, 255].repeat(19 * 11)).unwrap();
    for resampler in resamplers() {
        for (width, height) in [(1, 1), (5, 40), (40, 5), (19, 3), (3, 11), (38, 22), (9, 5)] {
            let image = resize(&flat, width, height, resampler).unwrap();
            for pixel in image.data().chunks_exact(3) {
                // The 11-bit weights of one OpenCV kernel need not sum to 1; it then misses by 1, as OpenCV does.
                let slack = u8::from(resampler.library == Library::OpenCv);
                let near = pixel.iter().zip([7, 130, 255]).all(|(&a, b)| a.abs_diff(b) <= slack);
                assert!(near, "{resampler:?} {width}x{height}: {pixel:?}");
            }
        }
    }
}

#[test]
fn refuses_impossible_sizes() {
    let image = picture(8, 8);
    for resampler in resamplers() {
        let zero = resize(&image, 0, 5, resampler).unwrap_err();
        assert_eq!(zero, VisionError::ZeroSize { width: 0, height: 5 });
        let huge = resize(&image, u32::MAX, u32::MAX, resampler).unwrap_err();
        assert!(matches!(huge, VisionError::ResizeTooLarge { limit: MAX_RESIZE_PIXELS, .. }), "{huge}");
        assert!(huge.to_string().contains("4294967295"), "{huge}");
    }
}

#[test]
fn what_lies_between_the_passes_is_bounded_too() {
    // 20 x 30000 to 30000 x 20 would take 2.7 GB between Pillow's passes.
    let tall = Rgb::new(20, 30_000, vec![9; 20 * 30_000 * 3]).unwrap();
    let bilinear = |library| Resampler { library, interpolation: Interpolation::Bilinear };
    let error = resize(&tall, 30_000, 20, bilinear(Library::Pillow)).unwrap_err();
    assert!(matches!(error, VisionError::ResizeTooLarge { .. }), "{error}");
    let image = resize(&tall, 30_000, 20, bilinear(Library::OpenCv)).unwrap();
    assert!(image.data().iter().all(|&byte| byte == 9));
}
