//! A small picture set that the program draws itself: patterns in random colours, sizes and directions.
//!
//! The class shows in the form alone. Colours, contrast, which of the two is the brighter one, scale,
//! direction, gradients, stains and noise are all drawn from the same ranges for every class.

mod pattern;
mod rng;

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use pattern::Motif;
pub use pattern::Pattern;
use rng::Rng;

/// Width and height of a picture in pixels.
pub const SIDE: u32 = 96;

/// Draws `count` pictures of each class to `folder/CLASS/NUMBER.jpg`. Sets with different `set` numbers share no picture.
///
/// # Errors
/// When a file cannot be written.
pub fn draw_set(folder: &Path, set: u64, count: u32) -> Result<(), String> {
    for (class, pattern) in Pattern::ALL.into_iter().enumerate() {
        let class_folder = folder.join(pattern.name());
        std::fs::create_dir_all(&class_folder)
            .map_err(|error| format!("cannot create {}: {error}", class_folder.display()))?;
        for number in 0..count {
            let file = class_folder.join(format!("{}_{number:03}.jpg", pattern.name()));
            let picture = draw(pattern, &mut Rng::keyed(&[set, class as u64, u64::from(number)]));
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, 90)
                .encode_image(&picture)
                .map_err(|error| format!("cannot encode {}: {error}", file.display()))?;
            std::fs::write(&file, bytes)
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
    }
    Ok(())
}

/// One picture of a class.
fn draw(pattern: Pattern, rng: &mut Rng) -> RgbImage {
    let motif = Motif::random(pattern, rng);
    let cell = rng.between(11.0, 24.0);
    let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
    let (shift_u, shift_v) = (rng.between(-8.0, 8.0), rng.between(-8.0, 8.0));
    let (figure, ground) = colours(rng);
    let shading = Shading::random(rng);
    let stains: Vec<Stain> = (0..(rng.unit() * 4.0) as u32).map(|_| Stain::random(rng)).collect();
    let noise = rng.between(0.01, 0.07);
    RgbImage::from_fn(SIDE, SIDE, |px, py| {
        let (x, y) = (px as f32 - SIDE as f32 / 2.0, py as f32 - SIDE as f32 / 2.0);
        let (u, v) = ((x * cos - y * sin) / cell + shift_u, (x * sin + y * cos) / cell + shift_v);
        // A soft edge of one pixel.
        let cover = (0.5 - motif.distance(u, v) * cell).clamp(0.0, 1.0);
        let light = shading.at(x, y);
        let mut colour: [f32; 3] = std::array::from_fn(|c| mix(ground[c], figure[c], cover) * light);
        for stain in &stains {
            let cover = stain.cover(x, y);
            colour = std::array::from_fn(|c| mix(colour[c], stain.colour[c], cover));
        }
        Rgb(colour.map(|value| ((value + noise * rng.normal()) * 255.0).round().clamp(0.0, 255.0) as u8))
    })
}

/// Two colours that differ enough in brightness to tell them apart, either one the brighter.
fn colours(rng: &mut Rng) -> ([f32; 3], [f32; 3]) {
    let mut colour = || std::array::from_fn(|_| rng.unit());
    let brightness = |c: [f32; 3]| 0.3 * c[0] + 0.6 * c[1] + 0.1 * c[2];
    loop {
        let (figure, ground): ([f32; 3], [f32; 3]) = (colour(), colour());
        if (brightness(figure) - brightness(ground)).abs() > 0.25 {
            return (figure, ground);
        }
    }
}

fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// Light that changes linearly over the picture.
struct Shading {
    across: f32,
    down: f32,
}

impl Shading {
    fn random(rng: &mut Rng) -> Self {
        Self { across: rng.between(-0.35, 0.35), down: rng.between(-0.35, 0.35) }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        1.0 + (self.across * x + self.down * y) * 2.0 / SIDE as f32
    }
}

/// A round patch of one colour over the pattern.
struct Stain {
    x: f32,
    y: f32,
    radius: f32,
    colour: [f32; 3],
}

impl Stain {
    fn random(rng: &mut Rng) -> Self {
        let half = SIDE as f32 / 2.0;
        Self {
            x: rng.between(-half, half),
            y: rng.between(-half, half),
            radius: rng.between(6.0, 16.0),
            colour: std::array::from_fn(|_| rng.unit()),
        }
    }

    fn cover(&self, x: f32, y: f32) -> f32 {
        (self.radius - (x - self.x).hypot(y - self.y)).clamp(0.0, 0.85)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_determined_by_its_numbers() {
        let picture = |number| draw(Pattern::Rings, &mut Rng::keyed(&[0, 3, number])).into_raw();
        assert!(picture(1) == picture(1));
        assert!(picture(1) != picture(2));
    }

    #[test]
    fn the_figure_stands_out_from_the_ground() {
        for pattern in Pattern::ALL {
            for number in 0..20 {
                let picture = draw(pattern, &mut Rng::keyed(&[5, number]));
                let grey: Vec<f32> =
                    picture.pixels().map(|p| p.0.iter().map(|&c| f32::from(c)).sum::<f32>() / 3.0).collect();
                let mean = grey.iter().sum::<f32>() / grey.len() as f32;
                let deviation =
                    (grey.iter().map(|g| (g - mean).powi(2)).sum::<f32>() / grey.len() as f32).sqrt();
                assert!(deviation > 12.0, "{} {number}: {deviation}", pattern.name());
            }
        }
    }

    #[test]
    fn the_mean_colour_does_not_give_the_class_away() {
        for pattern in Pattern::ALL {
            let mut mean = [0.0; 3];
            let count = 150;
            for number in 0..count {
                let picture = draw(pattern, &mut Rng::keyed(&[9, pattern as u64, number]));
                for (channel, sum) in mean.iter_mut().enumerate() {
                    *sum += picture.pixels().map(|p| f64::from(p.0[channel])).sum::<f64>()
                        / (f64::from(SIDE * SIDE) * count as f64);
                }
            }
            assert!(mean.iter().all(|m| (m - 127.0).abs() < 20.0), "{}: {mean:?}", pattern.name());
        }
    }

    #[test]
    fn a_set_has_a_folder_per_class_and_readable_pictures() {
        let folder = std::env::temp_dir().join(format!("xtask-pictures-{}", std::process::id()));
        draw_set(&folder, 0, 2).unwrap();
        for pattern in Pattern::ALL {
            let class = folder.join(pattern.name());
            assert_eq!(std::fs::read_dir(&class).unwrap().count(), 2);
            let file = class.join(format!("{}_001.jpg", pattern.name()));
            let picture = image::open(file).unwrap();
            assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
