//! The random numbers: known answers, independence of streams, distributions.

use std::collections::HashSet;

use photonet_vision::{Purpose, Random, RngKey, philox4x32};

fn stream(seed: u64, epoch: u32, sample: u32) -> Random {
    Random::new(RngKey { seed, epoch, sample }, Purpose::Test)
}

/// The vectors published with Random123 for philox4x32-10.
#[test]
fn philox_known_answers() {
    let cases = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, answer) in cases {
        assert_eq!(philox4x32(counter, key), answer);
    }
}

#[test]
fn a_stream_is_the_blocks_of_its_counter() {
    let key = RngKey { seed: 0x0123_4567_89AB_CDEF, epoch: 7, sample: 42 };
    let mut random = Random::new(key, Purpose::Crop);
    for block in 0..3 {
        let words = philox4x32([block, 42, 7, 2], [0x89AB_CDEF, 0x0123_4567]);
        assert_eq!([(); 4].map(|()| random.next_u32()), words);
    }
}

#[test]
fn every_part_of_the_key_changes_the_stream() {
    let mut first = HashSet::new();
    for purpose in [
        Purpose::Shuffle,
        Purpose::Crop,
        Purpose::Flip,
        Purpose::Dropout,
        Purpose::Init,
        Purpose::Split,
        Purpose::Test,
        Purpose::Augment,
        Purpose::Erase,
    ] {
        for seed in [0, 1, 1 << 32] {
            for epoch in 0..3 {
                for sample in 0..3 {
                    let key = RngKey { seed, epoch, sample };
                    assert!(first.insert(Random::new(key, purpose).next_u64()), "{key:?} {purpose:?}");
                    assert_eq!(Random::new(key, purpose).next_u64(), Random::new(key, purpose).next_u64());
                }
            }
        }
    }
}

#[test]
fn uniform_and_range() {
    let mut random = stream(1, 0, 0);
    let values: Vec<f64> = (0..100_000).map(|_| random.uniform()).collect();
    assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
    let mean = values.iter().sum::<f64>() / 1e5;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5;
    assert!((mean - 0.5).abs() < 0.004, "{mean}");
    assert!((variance - 1.0 / 12.0).abs() < 0.002, "{variance}");
    assert!((0..1000).map(|_| random.range(-2.0, 3.0)).all(|v| (-2.0..=3.0).contains(&v)));
    assert_eq!(random.range(4.0, 4.0), 4.0);
}

#[test]
fn below_is_even_and_in_range() {
    let mut random = stream(2, 0, 0);
    let mut counts = [0u32; 7];
    for _ in 0..70_000 {
        counts[random.below(7) as usize] += 1;
    }
    assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 400), "{counts:?}");
    assert_eq!((random.below(0), random.below(1)), (0, 0));
    // With n = 3 * 2^30, taking words modulo n would give the first third twice as often.
    let n = 3 << 30;
    let low = (0..30_000).filter(|_| random.below(n) < n / 3).count();
    assert!(low.abs_diff(10_000) < 400, "{low}");
}

#[test]
fn normal_has_the_moments_of_a_normal() {
    let mut random = stream(3, 0, 0);
    let values: Vec<f64> = (0..100_000).map(|_| random.normal()).collect();
    let moment = |k: i32| values.iter().map(|v| v.powi(k)).sum::<f64>() / 1e5;
    assert!(moment(1).abs() < 0.015, "{}", moment(1));
    assert!((moment(2) - 1.0).abs() < 0.02, "{}", moment(2));
    assert!(moment(3).abs() < 0.06, "{}", moment(3));
    assert!((moment(4) - 3.0).abs() < 0.15, "{}", moment(4));
    let within = values.iter().filter(|v| v.abs() < 1.0).count() as f64 / 1e5;
    assert!((within - 0.6827).abs() < 0.006, "{within}");
}

/// Each of `normal`'s results must be the same number everywhere, so its bits are pinned.
#[test]
fn normal_is_pinned() {
    let mut random = stream(0x5EED, 1, 2);
    let bits: Vec<u64> = (0..4).map(|_| random.normal().to_bits()).collect();
    assert_eq!(
        bits,
        [0xBFCE_EC9C_959E_F259, 0xBFF6_7BDF_1DEB_53BE, 0xBFDF_D8A2_BBB8_157F, 0x3FAC_F5D4_CA58_DC60]
    );
}

#[test]
fn beta_has_the_moments_of_a_beta() {
    let mut random = stream(5, 0, 0);
    for (a, b) in [(0.2, 0.2), (1.0, 1.0), (8.0, 8.0), (0.5, 3.0)] {
        let values: Vec<f64> = (0..50_000).map(|_| random.beta(a, b)).collect();
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        let moment = |power: i32| values.iter().map(|v| v.powi(power)).sum::<f64>() / 5e4;
        // The product of (a + r) / (a + b + r) for r below the power.
        let expected =
            |power: i32| -> f64 { (0..power).map(|r| (a + f64::from(r)) / (a + b + f64::from(r))).product() };
        for power in 1..=4 {
            let (found, expected) = (moment(power), expected(power));
            assert!((found - expected).abs() < 0.01, "{a} {b} {power}: {found}, not {expected}");
        }
    }
}

/// Shares of mixed photos are part of the results of a seed.
#[test]
fn beta_is_pinned() {
    let mut random = stream(0x5EED, 1, 2);
    let bits: Vec<u64> = [0.2, 1.0, 8.0].map(|a| random.beta(a, a).to_bits()).to_vec();
    assert_eq!(bits, [0x3FEF_C690_1209_497E, 0x3FEC_7E74_D92C_F731, 0x3FDB_8429_CAB4_FD65]);
}

#[test]
fn shuffle_reaches_every_order_evenly() {
    let mut counts = std::collections::HashMap::new();
    for sample in 0..24_000 {
        let mut items = [0, 1, 2, 3];
        stream(4, 0, sample).shuffle(&mut items);
        *counts.entry(items).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.values().all(|&count| count.abs_diff(1000) < 160), "{counts:?}");
    let mut none: [u8; 0] = [];
    stream(4, 0, 0).shuffle(&mut none);
}
