//! Parameter counts, multiply-accumulates and widths against the published tables.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_model::{Architecture, Family, Layers, ParameterLayout, Variant, summarise};

fn network(family: Family, variant: Variant, width: f64) -> Architecture {
    Architecture::new(family, variant, width, 1000).unwrap()
}

#[test]
fn paddleclas_all_ten() {
    // Parameters, millions of multiply-accumulates, values of running statistics.
    for (variant, width, parameters, macs, statistics) in [
        (Variant::Large, 0.35, 2_104_328, 37.2, 8_592),
        (Variant::Large, 0.5, 2_673_422, 66.7, 12_368),
        (Variant::Large, 0.75, 3_912_248, 143.8, 18_448),
        (Variant::Large, 1.0, 5_480_206, 219.8, 24_432),
        (Variant::Large, 1.25, 7_443_308, 350.0, 30_640),
        (Variant::Small, 0.35, 1_665_954, 13.2, 4_272),
        (Variant::Small, 0.5, 1_902_536, 20.8, 6_160),
        (Variant::Small, 0.75, 2_375_106, 43.0, 9_232),
        (Variant::Small, 1.0, 2_939_958, 60.1, 12_144),
        (Variant::Small, 1.25, 3_627_370, 95.4, 15_280),
    ] {
        let architecture = network(Family::Paddle, variant, width);
        let summary = summarise(&architecture, 224);
        assert_eq!(summary.parameters, parameters, "{architecture}");
        assert_eq!(summary.statistics, statistics, "{architecture}");
        assert_eq!((summary.macs as f64 / 1e5).round() / 10.0, macs, "{architecture}: {}", summary.macs);
    }
}

#[test]
fn torchvision_both() {
    for (variant, parameters, macs) in
        [(Variant::Large, 5_483_032, 0.217), (Variant::Small, 2_542_856, 0.057)]
    {
        let architecture = network(Family::Torchvision, variant, 1.0);
        let summary = summarise(&architecture, 224);
        assert_eq!(summary.parameters, parameters, "{architecture}");
        assert_eq!((summary.macs as f64 / 1e6).round() / 1e3, macs, "{architecture}: {}", summary.macs);
    }
}

#[test]
fn tensor_counts_are_the_references() {
    for (family, variant, tensors) in [
        (Family::Paddle, Variant::Large, 270),
        (Family::Paddle, Variant::Small, 214),
        // torchvision's 312 and 244 count one num_batches_tracked for each normalisation.
        (Family::Torchvision, Variant::Large, 312 - 46),
        (Family::Torchvision, Variant::Small, 244 - 34),
    ] {
        let layout = ParameterLayout::new(&network(family, variant, 1.0));
        assert_eq!(layout.all().count(), tensors, "{family} {variant}");
    }
}

#[test]
fn expanded_and_squeezed_widths_of_the_families() {
    let widths = |family, variant, width| {
        let layers = Layers::new(&network(family, variant, width));
        let expanded: Vec<usize> = layers.blocks.iter().map(|b| b.depthwise.outputs).collect();
        let squeezed: Vec<usize> = layers.blocks.iter().filter_map(|b| b.squeeze).collect();
        (expanded, squeezed)
    };
    let (expanded, squeezed) = widths(Family::Timm, Variant::Large, 0.75);
    assert_eq!(expanded, [16, 64, 72, 72, 96, 96, 192, 160, 144, 144, 384, 528, 528, 720, 720]);
    assert_eq!(squeezed, [24, 24, 24, 96, 136, 136, 184, 184]);
    let (expanded, squeezed) = widths(Family::Timm, Variant::Small, 0.5);
    assert_eq!(expanded, [16, 40, 56, 64, 144, 144, 72, 72, 144, 288, 288]);
    assert_eq!(squeezed, [8, 16, 40, 40, 24, 24, 40, 72, 72]);
    let (_, squeezed) = widths(Family::Torchvision, Variant::Large, 1.25);
    assert_eq!(squeezed, [24, 40, 40, 152, 208, 208, 304, 304]);
    let (_, squeezed) = widths(Family::Paddle, Variant::Small, 0.35);
    assert_eq!(squeezed, [2, 8, 22, 22, 10, 12, 26, 50, 50]);
    // torchvision's last convolution follows the last block, Paddle's the table.
    assert_eq!(Layers::new(&network(Family::Torchvision, Variant::Small, 0.35)).last.outputs, 192);
    assert_eq!(Layers::new(&network(Family::Paddle, Variant::Small, 0.35)).last.outputs, 200);
}

#[test]
fn residual_blocks() {
    let residual = |variant, width| -> Vec<usize> {
        let layers = Layers::new(&network(Family::Paddle, variant, width));
        layers.blocks.iter().enumerate().filter(|(_, b)| b.residual).map(|(i, _)| i).collect()
    };
    assert_eq!(residual(Variant::Large, 1.0), [0, 2, 4, 5, 7, 8, 9, 11, 13, 14]);
    assert_eq!(residual(Variant::Small, 1.0), [2, 4, 5, 7, 9, 10]);
    assert_eq!(residual(Variant::Small, 0.5), [2, 4, 5, 6, 7, 9, 10]);
}

#[test]
fn impossible_networks_are_refused() {
    assert!(Architecture::new(Family::Paddle, Variant::Small, 0.0, 10).is_err());
    assert!(Architecture::new(Family::Paddle, Variant::Small, f64::NAN, 10).is_err());
    assert!(Architecture::new(Family::Paddle, Variant::Small, 1.0, 0).is_err());
    let small = network(Family::Paddle, Variant::Small, 1.0);
    assert!(small.check_size(31).unwrap_err().to_string().contains("32"));
    small.check_size(33).unwrap();
}
