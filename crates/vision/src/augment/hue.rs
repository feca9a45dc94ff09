//! The hue turned: Pillow's conversion to hue, saturation and value, and back.

use crate::Rgb;

/// Turns every pixel's hue by this share of the circle, from -0.5 to 0.5. Hues are bytes, as Pillow has them.
pub(super) fn turn(image: &mut Rgb, share: f64) {
    let steps = (share * 255.0) as i32;
    for pixel in image.data_mut().as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = hsv_of(*pixel);
        *pixel = rgb_of([(i32::from(hue) + steps).rem_euclid(256) as u8, saturation, value]);
    }
}

// Pillow counts in both precisions: a number of one is what it keeps in a variable.

fn hsv_of([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let saturation = range / f32::from(most);
    let [rc, gc, bc] = [r, g, b].map(|byte| f32::from(most - byte) / range);
    let sixths = if r == most {
        bc - gc
    } else if g == most {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    // From -1 to 5 sixths; the rest of a division by 1, without one.
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    let byte = |share: f32| (f64::from(share) * 255.0) as u8;
    [byte(hue), byte(saturation), most]
}

fn rgb_of([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let sector = sixths as u32;
    let rest = (sixths - f64::from(sector)) as f32;
    let strength = (f64::from(saturation) / 255.0) as f32;
    let byte = |without: f64| (f64::from(value) * (1.0 - without)) as f32;
    let [p, q, t] = [
        byte(f64::from(strength)),
        byte(f64::from(strength * rest)),
        byte(f64::from(strength) * (1.0 - f64::from(rest))),
    ]
    // To the nearest: no number is below 0, and half is added exactly.
    .map(|byte| (f64::from(byte) + 0.5) as u8);
    match sector % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
