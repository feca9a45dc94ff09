//! Which operations are drawn, and how strong: PaddleClas's `AutoAugment` and `RandAugment`.

use super::Operation;
use crate::Random;

#[derive(Clone, Copy)]
enum Kind {
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Color,
    Posterize,
    Solarize,
    Contrast,
    Sharpness,
    Brightness,
    AutoContrast,
    Equalize,
    Invert,
}

use Kind::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Invert, Posterize, Rotate, Sharpness, ShearX,
    ShearY, Solarize, TranslateX, TranslateY,
};

/// All kinds, in PaddleClas's order.
const KINDS: [Kind; 14] = [
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Color,
    Posterize,
    Solarize,
    Contrast,
    Sharpness,
    Brightness,
    AutoContrast,
    Equalize,
    Invert,
];

/// How often an operation is carried out, the operation, and its level from 0 to 9.
type Step = (f64, Kind, u32);

/// The policy that was found for ImageNet: E. D. Cubuk and others, "AutoAugment: Learning augmentation
/// policies from data", CVPR 2019, table 9. As there, some of its 25 pairs are the same.
const IMAGENET_POLICY: [[Step; 2]; 25] = [
    [(0.4, Posterize, 8), (0.6, Rotate, 9)],
    [(0.6, Solarize, 5), (0.6, AutoContrast, 5)],
    [(0.8, Equalize, 8), (0.6, Equalize, 3)],
    [(0.6, Posterize, 7), (0.6, Posterize, 6)],
    [(0.4, Equalize, 7), (0.2, Solarize, 4)],
    [(0.4, Equalize, 4), (0.8, Rotate, 8)],
    [(0.6, Solarize, 3), (0.6, Equalize, 7)],
    [(0.8, Posterize, 5), (1.0, Equalize, 2)],
    [(0.2, Rotate, 3), (0.6, Solarize, 8)],
    [(0.6, Equalize, 8), (0.4, Posterize, 6)],
    [(0.8, Rotate, 8), (0.4, Color, 0)],
    [(0.4, Rotate, 9), (0.6, Equalize, 2)],
    [(0.0, Equalize, 7), (0.8, Equalize, 8)],
    [(0.6, Invert, 4), (1.0, Equalize, 8)],
    [(0.6, Color, 4), (1.0, Contrast, 8)],
    [(0.8, Rotate, 8), (1.0, Color, 2)],
    [(0.8, Color, 8), (0.8, Solarize, 7)],
    [(0.4, Sharpness, 7), (0.6, Invert, 8)],
    [(0.6, ShearX, 5), (1.0, Equalize, 9)],
    [(0.4, Color, 0), (0.6, Equalize, 3)],
    [(0.4, Equalize, 7), (0.2, Solarize, 4)],
    [(0.6, Solarize, 5), (0.6, AutoContrast, 5)],
    [(0.6, Invert, 4), (1.0, Equalize, 8)],
    [(0.6, Color, 4), (1.0, Contrast, 8)],
    [(0.8, Equalize, 8), (0.6, Equalize, 3)],
];

/// The greatest share of a side that a photo is translated by.
const FARTHEST: f64 = 150.0 / 331.0;

/// What `AutoAugment` does to one photo: a pair of the policy, each half of it with its own probability.
pub fn auto_augment(random: &mut Random) -> [Option<Operation>; 2] {
    let pair = IMAGENET_POLICY[random.below(IMAGENET_POLICY.len() as u32) as usize];
    pair.map(|(probability, kind, level)| {
        let drawn = random.uniform() < probability;
        drawn.then(|| kind.drawn(kind.strength_of_level(level), random))
    })
}

/// One of the operations that `RandAugment` does to a photo, all equally likely. `magnitude` is at least 0
/// and usually at most 10.
pub fn rand_augment(magnitude: f64, random: &mut Random) -> Operation {
    let kind = KINDS[random.below(KINDS.len() as u32) as usize];
    kind.drawn(kind.strength_of_magnitude(magnitude), random)
}

/// What `RandAugmentV2` draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drawn {
    /// An operation.
    Operation(Operation),
    /// A square of grey, from its middle to each side so many pixels.
    Square(u32),
}

/// How many operations `RandAugmentV2` draws from.
const OPERATIONS_V2: u32 = 16;

/// One of the operations that `RandAugmentV2` does to a photo, all equally likely.
pub fn rand_augment_v2(magnitude: f64, random: &mut Random) -> Drawn {
    let level = magnitude / 10.0;
    let kind = random.below(OPERATIONS_V2);
    let mut either = |strength: f64| if random.below(2) == 0 { -strength } else { strength };
    let factor = 1.8 * level + 0.1;
    Drawn::Operation(match kind {
        0 => Operation::ShearX(either(0.3 * level)),
        1 => Operation::ShearY(either(0.3 * level)),
        2 => Operation::ShiftX(either(100.0 * level)),
        3 => Operation::ShiftY(either(100.0 * level)),
        4 => Operation::Rotate(either(30.0 * level)),
        5 => Operation::Color(factor),
        6 => Operation::Posterize((4.0 * level) as u32),
        7 => Operation::Solarize((256.0 * level).trunc()),
        8 => Operation::SolarizeAdd((110.0 * level) as u8),
        9 => Operation::Contrast(factor),
        10 => Operation::Sharpness(factor),
        11 => Operation::Brightness(factor),
        12 => Operation::AutoContrast,
        13 => Operation::Equalize,
        14 => Operation::Invert,
        _ => return Drawn::Square((40.0 * level) as u32),
    })
}

impl Kind {
    /// The operation of that strength, in one of both directions where there are two. Photos are turned in
    /// one only, as PaddleClas does.
    fn drawn(self, strength: f64, random: &mut Random) -> Operation {
        let mut either = || if random.below(2) == 0 { -strength } else { strength };
        match self {
            ShearX => Operation::ShearX(either()),
            ShearY => Operation::ShearY(either()),
            TranslateX => Operation::TranslateX(either()),
            TranslateY => Operation::TranslateY(either()),
            Rotate => Operation::Rotate(strength),
            Color => Operation::Color(1.0 + either()),
            Posterize => Operation::Posterize(strength as u32),
            Solarize => Operation::Solarize(strength),
            Contrast => Operation::Contrast(1.0 + either()),
            Sharpness => Operation::Sharpness(1.0 + either()),
            Brightness => Operation::Brightness(1.0 + either()),
            AutoContrast => Operation::AutoContrast,
            Equalize => Operation::Equalize,
            Invert => Operation::Invert,
        }
    }

    /// `AutoAugment`: one of ten strengths at equal distances.
    fn strength_of_level(self, level: u32) -> f64 {
        let of_ten = |first: f64, last: f64| match level {
            9 => last,
            _ => f64::from(level) * ((last - first) / 9.0) + first,
        };
        match self {
            ShearX | ShearY => of_ten(0.0, 0.3),
            TranslateX | TranslateY => of_ten(0.0, FARTHEST),
            Rotate => of_ten(0.0, 30.0),
            Color | Contrast | Sharpness | Brightness => of_ten(0.0, 0.9),
            Posterize => of_ten(8.0, 4.0).round_ties_even(),
            Solarize => of_ten(256.0, 0.0),
            AutoContrast | Equalize | Invert => 0.0,
        }
    }

    /// `RandAugment`: in proportion to the magnitude, 10 being the strength of `AutoAugment`'s last level.
    /// Posterising and solarising are weaker with a greater magnitude, as in PaddleClas.
    fn strength_of_magnitude(self, magnitude: f64) -> f64 {
        let level = magnitude / 10.0;
        match self {
            ShearX | ShearY => 0.3 * level,
            TranslateX | TranslateY => FARTHEST * level,
            Rotate => 30.0 * level,
            Color | Contrast | Sharpness | Brightness => 0.9 * level,
            Posterize => (4.0 * level).trunc(),
            Solarize => 256.0 * level,
            AutoContrast | Equalize | Invert => 0.0,
        }
    }
}
