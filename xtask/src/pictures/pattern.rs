//! The patterns of the drawn pictures: the classes of the picture set.

use std::f32::consts::TAU;

use super::rng::Rng;

/// A pattern that goes on in all directions, on a grid of cells of side 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A chessboard.
    Checks,
    /// A cross in every cell.
    Crosses,
    /// A disc in every cell.
    Dots,
    /// A ring in every cell.
    Rings,
    /// Straight bands.
    Stripes,
    /// Wavy bands.
    Waves,
}

impl Pattern {
    /// All of them, in alphabetical order, which is the order of the labels.
    pub const ALL: [Self; 6] =
        [Self::Checks, Self::Crosses, Self::Dots, Self::Rings, Self::Stripes, Self::Waves];

    /// The label, and the name of the folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Crosses => "crosses",
            Self::Dots => "dots",
            Self::Rings => "rings",
            Self::Stripes => "stripes",
            Self::Waves => "waves",
        }
    }
}

/// A pattern with its free measures chosen.
pub struct Motif {
    pattern: Pattern,
    /// Size of the figure in its cell, from 0 (smallest) to 1.
    size: f32,
    /// Thickness of its lines, from 0 to 1.
    weight: f32,
    /// Height of the waves, from 0 to 1.
    swing: f32,
}

impl Motif {
    /// Draws the measures at random.
    pub fn random(pattern: Pattern, rng: &mut Rng) -> Self {
        Self { pattern, size: rng.unit(), weight: rng.unit(), swing: rng.unit() }
    }

    /// How far the point (u, v) lies from the edge of the figure, in cells; negative inside.
    pub fn distance(&self, u: f32, v: f32) -> f32 {
        // The nearest cell's middle is the origin of (x, y).
        let (x, y) = (u - u.round(), v - v.round());
        let lerp = |low: f32, high: f32, t: f32| low + (high - low) * t;
        match self.pattern {
            Pattern::Checks => {
                let to_edge = (0.5 - x.abs()).min(0.5 - y.abs());
                let dark = (u.round() + v.round()).rem_euclid(2.0) < 0.5;
                if dark { -to_edge } else { to_edge }
            }
            Pattern::Crosses => {
                let (arm, half) = (lerp(0.34, 0.44, self.size), lerp(0.07, 0.13, self.weight));
                let bar = |along: f32, across: f32| (along.abs() - arm).max(across.abs() - half);
                bar(x, y).min(bar(y, x))
            }
            Pattern::Dots => x.hypot(y) - lerp(0.22, 0.4, self.size),
            Pattern::Rings => {
                (x.hypot(y) - lerp(0.28, 0.36, self.size)).abs() - lerp(0.05, 0.09, self.weight)
            }
            Pattern::Stripes => x.abs() - lerp(0.15, 0.33, self.size),
            Pattern::Waves => {
                let height = lerp(0.3, 0.5, self.swing);
                let length = lerp(1.8, 2.6, self.weight);
                let bent = u + height * (TAU * v / length).sin();
                let slope = height * TAU / length * (TAU * v / length).cos();
                // The band is steeper than the axis it follows: distances across it shrink.
                ((bent - bent.round()).abs() - lerp(0.15, 0.33, self.size)) / slope.hypot(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_alphabetical_order() {
        assert!(Pattern::ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }

    #[test]
    fn figures_lie_where_their_names_say() {
        let motif = |pattern| Motif { pattern, size: 0.5, weight: 0.5, swing: 1.0 };
        let inside = |pattern, u, v| motif(pattern).distance(u, v) < 0.0;
        assert!(inside(Pattern::Checks, 0.1, 0.2) && !inside(Pattern::Checks, 1.1, 0.2));
        assert!(inside(Pattern::Checks, 1.1, -0.9));
        assert!(inside(Pattern::Crosses, 0.3, 0.0) && !inside(Pattern::Crosses, 0.3, 0.3));
        assert!(inside(Pattern::Dots, 3.0, -2.0) && !inside(Pattern::Dots, 3.5, -2.0));
        assert!(inside(Pattern::Rings, 0.32, 0.0) && !inside(Pattern::Rings, 0.0, 0.0));
        assert!(inside(Pattern::Stripes, 0.0, 0.4) && !inside(Pattern::Stripes, 0.5, 0.4));
        // Along a wave the band swings to the side and back; a stripe does not.
        let along = |v: f32| inside(Pattern::Waves, 0.0, v * 2.2);
        assert!(along(0.0) && !along(0.25) && along(0.5) && !along(0.75) && along(1.0));
    }
}
