//! Twin of [`Activation`].

use crate::Activation;

/// The activation of one value.
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSigmoid { slope } => (f64::from(slope) * x + 0.5).clamp(0.0, 1.0),
    }
}

/// The derivative of the activation at `x`. At a kink it is ReLU's and the hardsigmoid's flat side,
/// and the parabola's side of the hardswish.
pub fn derivative(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu if x > 0.0 => 1.0,
        Activation::Relu => 0.0,
        Activation::HardSwish if x < -3.0 => 0.0,
        Activation::HardSwish if x > 3.0 => 1.0,
        Activation::HardSwish => (2.0 * x + 3.0) / 6.0,
        Activation::HardSigmoid { slope } => {
            let y = f64::from(slope) * x + 0.5;
            if y > 0.0 && y < 1.0 { f64::from(slope) } else { 0.0 }
        }
    }
}

/// Where the derivative jumps.
pub fn kinks(activation: Activation) -> Vec<f64> {
    match activation {
        Activation::Identity => vec![],
        Activation::Relu => vec![0.0],
        Activation::HardSwish => vec![-3.0, 3.0],
        Activation::HardSigmoid { slope } => vec![-0.5 / f64::from(slope), 0.5 / f64::from(slope)],
    }
}

/// `activate` of every element.
pub fn forward(activation: Activation, input: &[f64]) -> Vec<f64> {
    input.iter().map(|&x| activate(activation, x)).collect()
}

/// The gradient of the input, given the output's.
pub fn backward(activation: Activation, input: &[f64], output_gradient: &[f64]) -> Vec<f64> {
    assert_eq!(input.len(), output_gradient.len());
    input.iter().zip(output_gradient).map(|(&x, g)| g * derivative(activation, x)).collect()
}
