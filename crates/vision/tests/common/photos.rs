//! Pictures and files for tests, here and in the browser.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat};

/// Photos written by Pillow, with what they should decode to (see `golden/generate.py`): a line each of name,
/// tolerance, width, height, file and pixels.
pub const GOLDEN: &str = include_str!("../golden/photos.txt");

/// A file of the picture.
pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("the picture can be encoded");
    file.into_inner()
}

/// Smooth colours without any symmetry.
pub fn gradient(width: u32, height: u32) -> DynamicImage {
    DynamicImage::from(ImageBuffer::from_fn(width, height, |x, y| {
        image::Rgb([
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x + y) * 255 / (width + height)) as u8,
        ])
    }))
}

/// A JPEG with an EXIF segment that holds nothing but the orientation.
pub fn with_orientation(jpeg: &[u8], orientation: u8, little_endian: bool) -> Vec<u8> {
    let mut exif = b"Exif\0\0".to_vec();
    if little_endian {
        exif.extend(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0");
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        exif.extend(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01");
        exif.extend([0, orientation, 0, 0, 0, 0, 0, 0]);
    }
    let mut file = jpeg[..2].to_vec();
    file.extend([0xFF, 0xE1]);
    file.extend((exif.len() as u16 + 2).to_be_bytes());
    file.extend(exif);
    file.extend(&jpeg[2..]);
    file
}
