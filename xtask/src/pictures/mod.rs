//! A small picture set that the program draws itself: patterns in random sizes and directions.
//!
//! The class shows in the form, and, so that a short training finds something, in the hue of the figure.
//! Everything else is drawn from the same ranges for every class: the ground's colour, which of the two
//! is the brighter one, scale, direction, gradients, stains and noise.

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
    let (figure, ground) = colours(pattern, rng);
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

/// The figure's colour, of the class's hue, and the ground's, a faint one of any hue; they differ enough in
/// brightness to tell them apart.
fn colours(pattern: Pattern, rng: &mut Rng) -> ([f32; 3], [f32; 3]) {
    let brightness = |c: [f32; 3]| 0.3 * c[0] + 0.6 * c[1] + 0.1 * c[2];
    loop {
        let class_hue = pattern as usize as f32 / Pattern::ALL.len() as f32;
        let figure =
            colour(class_hue + rng.between(-0.05, 0.05), rng.between(0.6, 0.95), rng.between(0.4, 1.0));
        let ground = colour(rng.unit(), rng.between(0.0, 0.2), rng.between(0.1, 1.0));
        if (brightness(figure) - brightness(ground)).abs() > 0.2 {
            return (figure, ground);
        }
    }
}

/// A colour from its hue in turns (red, yellow, green, ...), saturation and value.
fn colour(hue: f32, saturation: f32, value: f32) -> [f32; 3] {
    std::array::from_fn(|channel| {
        // How far the hue lies from the channel's own, in sixths of a turn, from 0 to 3.
        let distance = 3.0 - ((hue - channel as f32 / 3.0).rem_euclid(1.0) * 6.0 - 3.0).abs();
        value * (1.0 - saturation * (distance - 1.0).clamp(0.0, 1.0))
    })
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
    fn colours_are_those_of_the_wheel() {
        for (hue, saturation, value, expected) in [
            (0.0, 1.0, 1.0, [1.0, 0.0, 0.0]),
            (1.0 / 6.0, 1.0, 0.5, [0.5, 0.5, 0.0]),
            (2.0 / 3.0, 0.5, 1.0, [0.5, 0.5, 1.0]),
            (0.3, 0.0, 0.25, [0.25; 3]),
        ] {
            let made = colour(hue, saturation, value);
            assert!(made.iter().zip(expected).all(|(m, e)| (m - e).abs() < 1e-5), "{hue}: {made:?}");
        }
    }

    #[test]
    fn the_figure_has_the_hue_of_its_class() {
        for (class, strongest) in [(Pattern::Checks, 0), (Pattern::Dots, 1), (Pattern::Stripes, 2)] {
            for number in 0..20 {
                let (figure, _) = colours(class, &mut Rng::keyed(&[7, number]));
                assert!(figure.iter().all(|&c| c <= figure[strongest]), "{}: {figure:?}", class.name());
            }
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
