//! Mixup and CutMix: what is drawn, and what becomes of the bytes.

use photonet_vision::{Mix, Mixing, RngKey, Strength};

const SIDE: u32 = 16;
const PHOTO: usize = (SIDE * SIDE * 3) as usize;

fn key(sample: u32) -> RngKey {
    RngKey { seed: 7, epoch: 2, sample }
}

fn always(alpha: f64) -> Strength {
    Strength { probability: 1.0, alpha }
}

fn mixup(alpha: f64) -> Mixing {
    Mixing { mixup: always(alpha), ..Mixing::default() }
}

fn cutmix(alpha: f64) -> Mixing {
    Mixing { cutmix: always(alpha), ..Mixing::default() }
}

fn drawn(mixing: Mixing, batch: u32) -> Mix {
    mixing.draw(key(batch), 4, (SIDE, SIDE)).expect("a mix is always drawn")
}

/// Four photos whose bytes take all values.
fn batch() -> Vec<u8> {
    (0..4 * PHOTO).map(|i| (i * i / 3 + i / PHOTO * 91) as u8).collect()
}

#[test]
fn mixup_is_the_mean_of_both_photos_to_the_nearest_byte() {
    let before = batch();
    let mut moved = 0;
    for number in 0..50 {
        let mix = drawn(mixup(0.4), number);
        let mut mixed = before.clone();
        mix.apply(&mut mixed, SIDE);
        let mut sorted = mix.partners.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3]);
        let share = f64::from(mix.share);
        assert!((0.0..=1.0).contains(&share));
        for (place, &partner) in mix.partners.iter().enumerate() {
            for at in 0..PHOTO {
                let (own, other) = (before[place * PHOTO + at], before[partner as usize * PHOTO + at]);
                let exact = (1.0 - share) * f64::from(own) + share * f64::from(other);
                let off = (f64::from(mixed[place * PHOTO + at]) - exact).abs();
                assert!(off <= 0.5, "{own} and {other} by {share}: off by {off}");
            }
        }
        moved += u32::from(mixed != before);
    }
    assert!(moved > 40, "{moved} of 50 batches changed");
}

#[test]
fn cutmix_lays_a_rectangle_of_the_partner_over_a_photo_and_its_share_is_the_area() {
    // Each photo has one value, so that its pixels tell where they are from.
    let before: Vec<u8> = (0..4 * PHOTO).map(|at| (at / PHOTO) as u8).collect();
    for number in 0..50 {
        let mix = drawn(cutmix(1.0), number);
        let mut mixed = before.clone();
        mix.apply(&mut mixed, SIDE);
        for (place, &partner) in mix.partners.iter().enumerate() {
            let photo = &mixed[place * PHOTO..][..PHOTO];
            let replaced: Vec<usize> = (0..PHOTO).filter(|&at| photo[at] != place as u8).collect();
            if partner as usize == place {
                assert!(replaced.is_empty());
                continue;
            }
            assert!(replaced.iter().all(|&at| photo[at] == partner as u8));
            let area = replaced.len() as f64 / PHOTO as f64;
            assert!((area - f64::from(mix.share)).abs() < 1e-6, "{area}, not {}", mix.share);
            let line = SIDE as usize * 3;
            let (rows, columns): (Vec<_>, Vec<_>) =
                replaced.iter().map(|at| (at / line, at % line / 3)).unzip();
            let span = |values: &[usize]| match (values.iter().min(), values.iter().max()) {
                (Some(least), Some(greatest)) => greatest - least + 1,
                _ => 0,
            };
            assert_eq!(span(&rows) * span(&columns) * 3, replaced.len());
        }
    }
}

/// The mean area by summing over all places and, finely, all shares: PaddleClas's rectangle, of even sides, about a pixel
/// drawn from all and cut off at the edges.
#[test]
fn cutmix_has_paddleclas_distribution_of_areas() {
    let side = 64_u32;
    let steps = 4000;
    let mean_along = |length: u32| {
        let half = length / 2;
        let of = |middle: u32| (middle + half).min(side) - middle.saturating_sub(half);
        (0..side).map(|middle| f64::from(of(middle))).sum::<f64>() / f64::from(side)
    };
    let share = |step: i32| (f64::from(step) + 0.5) / f64::from(steps);
    let area = |step: i32| mean_along((f64::from(side) * share(step).sqrt()) as u32).powi(2);
    let expected = (0..steps).map(area).sum::<f64>() / f64::from(steps) / f64::from(side * side);
    let draws = 20_000;
    let of_batch = |number| cutmix(1.0).draw(key(number), 2, (side, side)).expect("a mix").share;
    let mean = (0..draws).map(|number| f64::from(of_batch(number))).sum::<f64>() / f64::from(draws);
    assert!((mean - expected).abs() < 0.005, "{mean}, not {expected}");
}

#[test]
fn each_way_is_taken_as_often_as_asked_for() {
    let strength = |probability| Strength { probability, alpha: 1.0 };
    let mixing = Mixing { mixup: strength(0.2), cutmix: strength(0.5) };
    let (mut blended, mut pasted, mut left) = (0_u32, 0_u32, 0_u32);
    // Two photos of one value each: only when they are blended are there others.
    let before: Vec<u8> = [[10; PHOTO], [200; PHOTO]].concat();
    for number in 0..3000 {
        let Some(mix) = mixing.draw(key(number), 2, (SIDE, SIDE)) else {
            left += 1;
            continue;
        };
        if mix.partners == [0, 1] || mix.share < 0.02 || mix.share > 0.98 {
            continue;
        }
        let mut mixed = before.clone();
        mix.apply(&mut mixed, SIDE);
        if mixed.iter().all(|byte| [10, 200].contains(byte)) {
            pasted += 1;
        } else {
            blended += 1;
        }
    }
    assert!(left.abs_diff(900) < 80, "{left}");
    let ratio = f64::from(pasted) / f64::from(blended);
    assert!((2.0..3.0).contains(&ratio), "{pasted} pasted, {blended} blended");
    assert!(Mixing::default().is_off() && Mixing::default().draw(key(0), 2, (SIDE, SIDE)).is_none());
}

#[test]
fn what_is_drawn_depends_on_the_key_alone() {
    assert_eq!(drawn(cutmix(1.0), 3), drawn(cutmix(1.0), 3));
    assert_ne!(drawn(mixup(1.0), 3), drawn(mixup(1.0), 4));
    // The partners of a batch do not depend on how it is mixed.
    assert_eq!(drawn(mixup(0.2), 3).partners, drawn(cutmix(1.0), 3).partners);
}

#[test]
fn impossible_values_are_told() {
    for (mixing, word) in [
        (mixup(0.0), "alpha must be above 0, not 0"),
        (cutmix(f64::NAN), "alpha must be above 0"),
        (Mixing { mixup: Strength { probability: 1.5, alpha: 1.0 }, ..Mixing::default() }, "probability"),
        (Mixing { mixup: always(1.0), cutmix: always(1.0) }, "at most 1 together, not 2"),
    ] {
        let text = mixing.check().unwrap_err();
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(mixup(0.2).check(), Ok(()));
    // Nothing that may be asked for brings a batch down.
    for alpha in [1e-310, 1e-9, 1e9, 1e300] {
        for mixing in [mixup(alpha), cutmix(alpha)] {
            let mut pixels = batch();
            drawn(mixing, 0).apply(&mut pixels, SIDE);
        }
    }
    drawn(mixup(1.0), 0).apply(&mut [], SIDE);
}
