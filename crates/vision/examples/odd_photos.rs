//! `odd_photos FOLDER` writes photos in odd formats: every EXIF orientation, CMYK, grey, alpha, 16 bits, animations.
//! The browser's tests classify them and compare with the native program.

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod common;
#[path = "../tests/common/photos.rs"]
mod photos;

use common::bytes_of_hex;
use image::{DynamicImage, ImageFormat};
use photos::{GOLDEN, encode, gradient, with_orientation};
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).expect("a folder to write to"));
    fs::create_dir_all(&folder)?;
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, _, _, _, hex, _] = fields[..] else { panic!("bad line") };
        let ending = match name.split('-').next() {
            Some("jpeg") => "jpg",
            Some("tiff") => "tif",
            other => other.unwrap_or_default(),
        };
        fs::write(folder.join(format!("{name}.{ending}")), bytes_of_hex(hex))?;
    }
    let picture = gradient(150, 97);
    let jpeg = encode(&picture, ImageFormat::Jpeg);
    for orientation in 1..=8 {
        let file = with_orientation(&jpeg, orientation, orientation % 2 == 0);
        fs::write(folder.join(format!("exif-{orientation}.jpg")), file)?;
    }
    let with_alpha = {
        let mut pixels = picture.to_rgba8();
        for (x, y, pixel) in pixels.enumerate_pixels_mut() {
            pixel[3] = ((x * 3 + y * 5) % 256) as u8;
        }
        DynamicImage::from(pixels)
    };
    for (name, picture, format) in [
        ("deep-rgb.png", DynamicImage::from(picture.to_rgb16()), ImageFormat::Png),
        ("deep-grey.png", DynamicImage::from(picture.to_luma16()), ImageFormat::Png),
        ("deep-rgb.tif", DynamicImage::from(picture.to_rgb16()), ImageFormat::Tiff),
        ("grey.jpg", DynamicImage::from(picture.to_luma8()), ImageFormat::Jpeg),
        ("alpha.png", with_alpha.clone(), ImageFormat::Png),
        ("alpha.webp", with_alpha, ImageFormat::WebP),
    ] {
        fs::write(folder.join(name), encode(&picture, format))?;
    }
    Ok(())
}
