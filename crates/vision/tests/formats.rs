//! Decoding: every format's variants against golden pixels, orientation, alpha, depth, and bad input.

mod common;
#[path = "common/photos.rs"]
mod photos;

use common::{bytes_of_hex, crc32};
use image::{DynamicImage, ImageBuffer, ImageFormat};
use photonet_vision::{DecodeLimits, Random, Rgb, RngKey, VisionError, decode};
use photos::{encode, gradient, with_orientation};

fn open(bytes: &[u8]) -> Result<Rgb, VisionError> {
    decode(bytes, &DecodeLimits::default())
}

struct Golden {
    name: &'static str,
    tolerance: u8,
    file: Vec<u8>,
    pixels: Rgb,
}

/// Photos written by Pillow with what they should decode to (see `golden/generate.py`).
fn golden() -> Vec<Golden> {
    let read = |line: &'static str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, tolerance, width, height, file, pixels] = fields[..] else { panic!("bad line") };
        let number = |text: &str| -> u32 { text.parse().expect("a number") };
        let pixels = Rgb::new(number(width), number(height), bytes_of_hex(pixels)).expect("golden pixels");
        Golden { name, tolerance: number(tolerance) as u8, file: bytes_of_hex(file), pixels }
    };
    photos::GOLDEN.lines().map(read).collect()
}

fn photo(name: &str) -> Golden {
    golden().into_iter().find(|photo| photo.name == name).expect("a golden photo of that name")
}

#[test]
fn photos_of_every_format_decode_as_in_pillow() {
    for Golden { name, tolerance, file, pixels } in golden() {
        let image = open(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((image.width(), image.height()), (pixels.width(), pixels.height()), "{name}");
        let worst = image.data().iter().zip(pixels.data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= tolerance, "{name}: differs by {worst}");
    }
}

#[test]
fn lossless_formats_keep_every_pixel() {
    let image = gradient(31, 17);
    for format in
        [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Jpeg]
    {
        let photo = open(&encode(&image, format)).unwrap();
        assert_eq!((photo.width(), photo.height()), (31, 17));
        let slack = if format == ImageFormat::Jpeg { 16 } else { 0 };
        let worst = photo.data().iter().zip(image.as_bytes()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= slack, "{format:?}: {worst}");
    }
}

#[test]
fn all_eight_exif_orientations_are_applied_once() {
    let jpeg = encode(&gradient(37, 21), ImageFormat::Jpeg);
    let stored = open(&jpeg).unwrap();
    let (right, bottom) = (stored.width() - 1, stored.height() - 1);
    for orientation in 1..=8 {
        for little_endian in [false, true] {
            let upright = open(&with_orientation(&jpeg, orientation, little_endian)).unwrap();
            let turned = orientation >= 5;
            let size = if turned { (21, 37) } else { (37, 21) };
            assert_eq!((upright.width(), upright.height()), size, "orientation {orientation}");
            for y in 0..upright.height() {
                for x in 0..upright.width() {
                    let (from_x, from_y) = match orientation {
                        1 => (x, y),
                        2 => (right - x, y),
                        3 => (right - x, bottom - y),
                        4 => (x, bottom - y),
                        5 => (y, x),
                        6 => (y, bottom - x),
                        7 => (right - y, bottom - x),
                        _ => (right - y, x),
                    };
                    assert_eq!(
                        upright.pixel(x, y),
                        stored.pixel(from_x, from_y),
                        "orientation {orientation}"
                    );
                }
            }
        }
    }
    // Values outside 1 to 8 mean nothing and turn nothing.
    for orientation in [0, 9, 255] {
        assert_eq!(open(&with_orientation(&jpeg, orientation, true)).unwrap(), stored);
    }
}

/// A PNG with another chunk put before its pixels.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let place = png.windows(4).position(|window| window == b"IDAT").expect("a PNG has pixels") - 4;
    let body = [kind.as_slice(), data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&png[..place], &length, &body, &crc32(&body).to_be_bytes(), &png[place..]].concat()
}

#[test]
fn png_exif_turns_the_photo() {
    let png = encode(&gradient(12, 7), ImageFormat::Png);
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0";
    let upright = open(&with_chunk(&png, b"eXIf", exif)).unwrap();
    assert_eq!((upright.width(), upright.height()), (7, 12));
    assert_eq!(upright.pixel(0, 0), open(&png).unwrap().pixel(11, 0));
}

#[test]
fn alpha_is_composited_on_white() {
    let all = ImageBuffer::from_fn(256, 256, |c, a| image::Rgba([c as u8, 0, 255, a as u8]));
    let photo = open(&encode(&all.into(), ImageFormat::Png)).unwrap();
    for a in 0..256 {
        for c in 0..256 {
            let over = |c: u32| ((f64::from(c * a) + 255.0 * f64::from(255 - a)) / 255.0).round() as u8;
            assert_eq!(photo.pixel(c, a), [over(c), over(0), 255], "{c} under alpha {a}");
        }
    }
    let grey = ImageBuffer::from_fn(4, 1, |x, _| image::LumaA([40, (x * 85) as u8]));
    let photo = open(&encode(&grey.into(), ImageFormat::Png)).unwrap();
    assert_eq!(photo.data().chunks_exact(3).map(|p| p[0]).collect::<Vec<_>>(), [255, 183, 112, 40]);
}

#[test]
fn sixteen_bits_become_eight() {
    let all: ImageBuffer<image::Luma<u16>, _> =
        ImageBuffer::from_fn(256, 256, |x, y| image::Luma([(y * 256 + x) as u16]));
    let expected = |v: u32| (f64::from(v) * 255.0 / 65535.0).round() as u8;
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let photo = open(&encode(&all.clone().into(), format)).unwrap();
        for v in 0..65_536 {
            assert_eq!(photo.pixel(v % 256, v / 256), [expected(v); 3], "{v}");
        }
    }
    let rgb: ImageBuffer<image::Rgb<u16>, _> = ImageBuffer::from_pixel(3, 2, image::Rgb([0, 32_767, 65_535]));
    assert_eq!(open(&encode(&rgb.into(), ImageFormat::Png)).unwrap().pixel(2, 1), [0, 127, 255]);
    let veiled: ImageBuffer<image::Rgba<u16>, _> =
        ImageBuffer::from_pixel(1, 1, image::Rgba([0, 65_535, 257, 32_768]));
    assert_eq!(open(&encode(&veiled.into(), ImageFormat::Png)).unwrap().pixel(0, 0), [127, 255, 128]);
}

#[test]
fn the_format_follows_from_the_content() {
    // No file name is involved at all; this pins that neighbours in content are told apart.
    let image = gradient(5, 5);
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif]
    {
        assert_eq!(open(&encode(&image, format)).unwrap().width(), 5, "{format:?}");
    }
    let qoi = open(b"qoif\0\0\0\x05\0\0\0\x05\x03\0").unwrap_err();
    assert!(matches!(qoi, VisionError::Unsupported { .. }), "{qoi}");
    let heic = open(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap_err();
    assert!(matches!(&heic, VisionError::Unsupported { what } if what.contains("HEIC")), "{heic}");
}

#[test]
fn empty_and_foreign_content() {
    assert_eq!(open(b""), Err(VisionError::Empty));
    let text = open(b"<!DOCTYPE html><html>404</html>").unwrap_err();
    assert!(matches!(text, VisionError::NotAnImage { .. }));
    assert!(text.to_string().contains("<!DOCTYPE html>"), "{text}");
    let binary = open(&[0x7F, b'E', b'L', b'F', 2, 1]).unwrap_err();
    assert!(binary.to_string().contains("7f 45 4c 46 02 01"), "{binary}");
    assert!(matches!(open(&[0xFF]), Err(VisionError::NotAnImage { .. })));
}

#[test]
fn one_pixel() {
    let pixel = DynamicImage::from(ImageBuffer::from_pixel(1, 1, image::Rgb([200u8, 200, 200])));
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
        ImageFormat::Jpeg,
    ] {
        let photo = open(&encode(&pixel, format)).unwrap();
        assert_eq!((photo.width(), photo.height()), (1, 1), "{format:?}");
        assert!(photo.pixel(0, 0).iter().all(|c| c.abs_diff(200) <= 2), "{format:?}");
    }
}

#[test]
fn very_wide_photos() {
    let wide = gradient(30_000, 3);
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let file = encode(&wide, format);
        let photo = open(&file).unwrap();
        assert_eq!((photo.width(), photo.height()), (30_000, 3));
        let limits = DecodeLimits { max_side: 20_000, ..DecodeLimits::default() };
        let error = decode(&file, &limits).unwrap_err();
        assert!(matches!(error, VisionError::TooLarge { width: 30_000, height: 3, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("30000 x 3") && message.contains("20000"), "{message}");
    }
}

/// Headers that announce gigabytes, over files of a few bytes: refused before anything is allocated.
#[test]
fn enormous_headers_are_refused() {
    let small = gradient(4, 4);
    let mut png = encode(&small, ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    let mut jpeg = encode(&small, ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
    let mut bmp = encode(&small, ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0]);
    let mut gif = encode(&small, ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0x60, 0xEA, 0x60, 0xEA]);
    for file in [png, jpeg, bmp, gif] {
        let error = open(&file).unwrap_err();
        assert!(matches!(error, VisionError::TooLarge { width: 60_000, height: 60_000, .. }), "{error}");
    }
}

#[test]
fn a_truncated_photo_is_never_a_partial_image() {
    let larger = gradient(90, 61);
    let mut files: Vec<(String, Vec<u8>)> =
        golden().into_iter().map(|photo| (photo.name.to_owned(), photo.file)).collect();
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
        ImageFormat::Tiff,
    ] {
        files.push((format!("{format:?}"), encode(&larger, format)));
    }
    for (name, file) in files {
        let whole = open(&file).unwrap();
        let jpeg = name.to_lowercase().starts_with("jpeg");
        for length in (1..file.len()).step_by(1 + file.len() / 400) {
            match open(&file[..length]) {
                // What follows the pixels of the first picture may be missing.
                Ok(image) => assert!(!jpeg && image == whole, "{name} cut to {length} of {}", file.len()),
                Err(error) => assert!(!matches!(error, VisionError::TooLarge { .. }), "{name}: {error}"),
            }
        }
        // TIFF keeps its directory at the end and the animated files a second picture.
        if !name.to_lowercase().starts_with("tiff") && !name.contains("animated") {
            let error = open(&file[..file.len() * 2 / 3]).unwrap_err();
            assert!(matches!(error, VisionError::Truncated { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn damaged_photos_are_errors_or_images_but_never_panics() {
    let mut random = Random::new(RngKey { seed: 11, epoch: 0, sample: 0 }, photonet_vision::Purpose::Test);
    let mut failures = 0;
    let turned = encode(&gradient(37, 21), ImageFormat::Jpeg);
    let turned = (2..=8).map(|orientation| {
        (format!("turned by {orientation}"), with_orientation(&turned, orientation, orientation % 2 == 0))
    });
    let golden = golden().into_iter().map(|golden| (golden.name.to_string(), golden.file));
    for (name, file) in golden.chain(turned) {
        for _ in 0..150 {
            let mut damaged = file.clone();
            for _ in 0..=random.below(4) {
                let place = random.below(file.len() as u32) as usize;
                damaged[place] = random.next_u32() as u8;
            }
            if let Err(error) = open(&damaged) {
                failures += 1;
                assert!(!error.to_string().is_empty(), "{name}");
            }
        }
    }
    assert!(failures > 500, "only {failures} damaged files were refused");
}

#[test]
fn a_webp_that_announces_more_exif_than_it_has_takes_no_memory_for_it() {
    let mut file = photo("webp-turned").file;
    assert!(open(&file).is_ok());
    let exif = file.windows(4).position(|name| name == b"EXIF").unwrap();
    file[exif + 4..exif + 8].copy_from_slice(&0xfff0_0000_u32.to_le_bytes());
    assert!(matches!(open(&file), Err(VisionError::Truncated { format: "WebP" })));
}

#[test]
fn jpeg_details_that_other_decoders_trip_over() {
    let plain = photo("jpeg-420");
    let image = open(&plain.file).unwrap();
    let second_segment = 4 + usize::from(u16::from_be_bytes([plain.file[4], plain.file[5]]));
    let (start, rest) = plain.file.split_at(second_segment);

    // Stray bytes between segments, and anything after the end.
    let stray = [start, &[0, 1, 2, 3, 4, 5, 6, 7], rest, b"trailing"].concat();
    assert_eq!(open(&stray).unwrap(), image);
    // Fill bytes before a marker.
    assert_eq!(open(&[start, &[0xFF, 0xFF], rest].concat()).unwrap(), image);

    // Adobe's RGB with components 1, 2, 3 rather than R, G, B.
    let named = photo("jpeg-rgb");
    let numbered = |file: &[u8]| -> Vec<u8> {
        let mut file = file.to_vec();
        let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for i in 0..3 {
            file[frame + 10 + 3 * i] = i as u8 + 1;
            file[scan + 5 + 2 * i] = i as u8 + 1;
        }
        file
    };
    assert_eq!(open(&numbered(&named.file)).unwrap(), open(&named.file).unwrap());

    // Arithmetic coding exists in the standard, but not here.
    let mut arithmetic = plain.file.clone();
    let frame = arithmetic.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    arithmetic[frame + 1] = 0xC9;
    let error = open(&arithmetic).unwrap_err();
    assert!(matches!(error, VisionError::Unsupported { .. }), "{error}");
}
