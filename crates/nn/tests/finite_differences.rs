//! Every backward twin against central differences of its forward twin, in `f64`, element by element.

use photonet_nn::cpu::{self, batch_norm::Statistics, squeeze_excite::Parameters};
use photonet_nn::{
    Activation, Answer, BatchNorm, CrossEntropy, Dense, Depthwise, Dropout, DropoutMode, Geometry,
    GlobalPool, Padding, Pointwise, RunningVariance, Shape, SqueezeExcite,
};

const ACTIVATIONS: [Activation; 5] = [
    Activation::Identity,
    Activation::Relu,
    Activation::HardSwish,
    Activation::HardSigmoid { slope: 0.2 },
    Activation::HardSigmoid { slope: 1.0 / 6.0 },
];

/// Half the distance between the two points of a difference. Together with a distance of inputs from
/// kinks of `MARGIN` no difference crosses one.
const STEP: f64 = 1e-5;
const MARGIN: f64 = 1e-3;

/// Values in -1 to 1 from a linear congruential generator.
fn random(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    // The first numbers of neighbouring seeds are alike.
    let mut numbers: Vec<f64> = (0..count + 8).map(|_| next()).collect();
    numbers.split_off(8)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Compares `gradient` with the differences of `objective` around `at`, by normalised error.
fn check(what: &str, at: &[f64], gradient: &[f64], objective: impl Fn(&[f64]) -> f64) {
    assert_eq!(at.len(), gradient.len(), "{what}");
    let mut point = at.to_vec();
    let (mut difference, mut norm) = (0.0, 0.0);
    for i in 0..at.len() {
        point[i] = at[i] + STEP;
        let above = objective(&point);
        point[i] = at[i] - STEP;
        let below = objective(&point);
        point[i] = at[i];
        let expected = (above - below) / (2.0 * STEP);
        difference += (gradient[i] - expected).powi(2);
        norm += expected.powi(2);
    }
    let error = (difference / if norm > 0.0 { norm } else { 1.0 }).sqrt();
    assert!(error < 1e-7, "{what}: normalised error {error:.1e}");
}

/// Whether no value lies so near to a kink that a difference could cross it.
fn clear_of_kinks(activation: Activation, values: &[f64]) -> bool {
    let kinks = cpu::activation::kinks(activation);
    values.iter().all(|v| kinks.iter().all(|kink| (v - kink).abs() > MARGIN))
}

#[test]
fn a_wrong_gradient_is_noticed() {
    let wrong = std::panic::catch_unwind(|| check("x^2", &[1.0, 2.0], &[2.0, 4.001], |x| dot(x, x)));
    assert!(wrong.is_err());
    check("x^2", &[1.0, 2.0], &[2.0, 4.0], |x| dot(x, x));
}

#[test]
fn activation() {
    for activation in ACTIVATIONS {
        let mut input: Vec<f64> = random(1, 200).iter().map(|x| 5.0 * x).collect();
        input.retain(|&x| clear_of_kinks(activation, &[x]));
        assert!(input.len() > 190);
        let g = random(2, input.len());
        let gradient = cpu::activation::backward(activation, &input, &g);
        check(&format!("{activation:?}"), &input, &gradient, |x| {
            dot(&cpu::activation::forward(activation, x), &g)
        });
    }
}

#[test]
fn pointwise() {
    for (rows, inputs, outputs) in [(1, 3, 1), (5, 8, 3), (7, 3, 18)] {
        let layer = Pointwise { rows, inputs, outputs };
        let (x, w) = (random(1, rows * inputs), random(2, inputs * outputs));
        let (b, g) = (random(3, outputs), random(4, rows * outputs));
        let objective = |x: &[f64], w: &[f64], b: &[f64]| {
            dot(&cpu::pointwise::forward(&layer, x, w, Some(b), Activation::Identity, None), &g)
        };
        let name = |of| format!("{layer:?} {of}");
        let gradient = cpu::pointwise::data_gradient(&layer, &g, &w, None);
        check(&name("input"), &x, &gradient, |x| objective(x, &w, &b));
        let gradient = cpu::pointwise::weight_gradient(&layer, &x, &g);
        check(&name("weights"), &w, &gradient, |w| objective(&x, w, &b));
        check(&name("bias"), &b, &cpu::pointwise::bias_gradient(&layer, &g), |b| objective(&x, &w, b));
        // A skip connection around the product adds its own gradient.
        let skip = random(5, x.len());
        let gradient = cpu::pointwise::data_gradient(&layer, &g, &w, Some(&skip));
        check(&name("input and skip"), &x, &gradient, |x| objective(x, &w, &b) + dot(x, &skip));
    }
}

/// Inputs of odd and even sizes, with which SAME pads one side more than the other.
fn geometries(outputs: usize) -> Vec<Geometry> {
    let mut all = Vec::new();
    for input in [Shape::new(2, 1, 1, 3), Shape::new(1, 7, 6, 3), Shape::new(2, 5, 8, 3)] {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for padding in [Padding::Symmetric, Padding::Same] {
                all.push(Geometry { input, outputs, kernel, stride, padding });
            }
        }
    }
    all
}

#[test]
fn depthwise() {
    for geometry in geometries(3) {
        let Geometry { input, kernel, stride, padding, .. } = geometry;
        let layer = Depthwise::new(input, kernel, stride, padding).unwrap();
        let (x, w) = (random(1, input.rows() * 3), random(2, kernel * kernel * 3));
        let g = random(3, layer.output().rows() * 3);
        let objective = |x: &[f64], w: &[f64]| {
            dot(&cpu::depthwise::forward(&layer, x, w, Some(&[0.5, -0.5, 1.0]), Activation::Identity), &g)
        };
        let gradient = cpu::depthwise::data_gradient(&layer, &g, &w);
        check(&format!("{geometry:?} input"), &x, &gradient, |x| objective(x, &w));
        let gradient = cpu::depthwise::weight_gradient(&layer, &x, &g);
        check(&format!("{geometry:?} weights"), &w, &gradient, |w| objective(&x, w));
    }
}

#[test]
fn dense() {
    for geometry in geometries(4) {
        let layer = Dense { geometry };
        let x = random(1, geometry.input.rows() * 3);
        let w = random(2, geometry.kernel * geometry.kernel * 3 * 4);
        let g = random(3, layer.output().rows() * 4);
        let objective =
            |x: &[f64], w: &[f64]| dot(&cpu::dense::forward(&layer, x, w, None, Activation::Identity), &g);
        let gradient = cpu::dense::data_gradient(&layer, &g, &w);
        check(&format!("{geometry:?} input"), &x, &gradient, |x| objective(x, &w));
        let gradient = cpu::dense::weight_gradient(&layer, &x, &g);
        check(&format!("{geometry:?} weights"), &w, &gradient, |w| objective(&x, w));
    }
}

/// One batch normalisation with its activation, in training: the statistics follow the input unless
/// they are frozen or there is one row only.
fn check_batch_norm(shape: Shape, frozen: bool, activation: Activation) {
    let running_variance = RunningVariance::Biased;
    let layer = BatchNorm { shape, epsilon: 1e-3, keep: 0.9, running_variance, frozen };
    let channels = shape.channels;
    let running = Statistics { mean: random(1, channels), variance: vec![0.7; channels] };
    let objective = |x: &[f64], gamma: &[f64], beta: &[f64], g: &[f64]| {
        let moments = cpu::batch_norm::training_moments(&layer, x, &running, gamma, beta);
        dot(&cpu::batch_norm::apply(x, &moments, activation, None), g)
    };
    let gamma: Vec<f64> = random(2, channels).iter().map(|v| 2.0 + v).collect();
    let beta = random(3, channels);
    // The first draw whose normalised values all keep away from the kinks.
    let (x, moments) = (10..200)
        .map(|seed| {
            let x: Vec<f64> = random(seed, shape.rows() * channels).iter().map(|v| 2.0 * v + 1.0).collect();
            let moments = cpu::batch_norm::training_moments(&layer, &x, &running, &gamma, &beta);
            (x, moments)
        })
        .find(|(x, moments)| clear_of_kinks(activation, &cpu::batch_norm::normalise(x, moments)))
        .expect("one draw of many keeps away from the kinks");
    let g = random(4, x.len());
    let gradients = cpu::batch_norm::backward(&layer, &x, &moments, activation, &g);
    let name = |of| format!("{shape:?} frozen {frozen} {activation:?} {of}");
    check(&name("input"), &x, &gradients.input, |x| objective(x, &gamma, &beta, &g));
    check(&name("gamma"), &gamma, &gradients.gamma, |gamma| objective(&x, gamma, &beta, &g));
    check(&name("beta"), &beta, &gradients.beta, |beta| objective(&x, &gamma, beta, &g));
}

#[test]
fn batch_norm() {
    for activation in ACTIVATIONS {
        for frozen in [false, true] {
            check_batch_norm(Shape::new(1, 1, 1, 5), frozen, activation);
            check_batch_norm(Shape::new(2, 3, 3, 5), frozen, activation);
        }
    }
}

#[test]
fn global_pool() {
    let layer = GlobalPool { input: Shape::new(2, 3, 5, 7) };
    let (x, g) = (random(1, 2 * 3 * 5 * 7), random(2, 2 * 7));
    let gradient = cpu::pool::backward(&layer, &g);
    check("pool", &x, &gradient, |x| dot(&cpu::pool::forward(&layer, x), &g));
}

#[test]
fn residual() {
    let (left, right, g) = (random(1, 30), random(2, 30), random(3, 30));
    check("left", &left, &g, |left| dot(&cpu::residual::add(left, &right), &g));
    check("right", &right, &g, |right| dot(&cpu::residual::add(&left, right), &g));
}

#[test]
fn squeeze_excite() {
    for (shape, hidden, slope) in [
        (Shape::new(1, 1, 1, 3), 2, 0.2),
        (Shape::new(2, 3, 3, 8), 4, 1.0 / 6.0),
        (Shape::new(3, 2, 5, 6), 5, 0.2),
    ] {
        let layer = SqueezeExcite { shape, hidden, slope };
        let channels = shape.channels;
        let wide = |v: Vec<f64>| v.iter().map(|v| 3.0 * v).collect::<Vec<_>>();
        let p = Parameters {
            reduce_weight: wide(random(1, channels * hidden)),
            reduce_bias: random(2, hidden),
            expand_weight: wide(random(3, hidden * channels)),
            expand_bias: random(4, channels),
        };
        let x: Vec<f64> = random(5, shape.rows() * channels).iter().map(|v| v + 0.3).collect();
        let state = cpu::squeeze_excite::state(&layer, &x, &p);
        assert!(clear_of_kinks(Activation::Relu, &state.reduced));
        assert!(clear_of_kinks(Activation::HardSigmoid { slope }, &state.expanded));
        let g = random(6, x.len());
        let (gradients, input_gradient) = cpu::squeeze_excite::backward(&layer, &x, &p, &g);
        let objective = |x: &[f64], p: &Parameters| dot(&cpu::squeeze_excite::forward(&layer, x, p), &g);
        let name = |of| format!("{layer:?} {of}");
        check(&name("input"), &x, &input_gradient, |x| objective(x, &p));
        check(&name("reduce weight"), &p.reduce_weight, &gradients.reduce_weight, |v| {
            objective(&x, &Parameters { reduce_weight: v.to_vec(), ..p.clone() })
        });
        check(&name("reduce bias"), &p.reduce_bias, &gradients.reduce_bias, |v| {
            objective(&x, &Parameters { reduce_bias: v.to_vec(), ..p.clone() })
        });
        check(&name("expand weight"), &p.expand_weight, &gradients.expand_weight, |v| {
            objective(&x, &Parameters { expand_weight: v.to_vec(), ..p.clone() })
        });
        check(&name("expand bias"), &p.expand_bias, &gradients.expand_bias, |v| {
            objective(&x, &Parameters { expand_bias: v.to_vec(), ..p.clone() })
        });
    }
}

#[test]
fn dropout() {
    for mode in [DropoutMode::UpscaleInTrain, DropoutMode::DownscaleInInfer] {
        for rate in [0.0, 0.2, 0.5] {
            let layer = Dropout { shape: Shape::vector(3, 18), rate, mode, seed: 5 };
            let mask = cpu::dropout::mask(&layer, 2, &[7, 8, 9]);
            let (x, g) = (random(1, 54), random(2, 54));
            let gradient = cpu::dropout::apply(&layer, &mask, &g);
            check(&format!("{layer:?}"), &x, &gradient, |x| dot(&cpu::dropout::apply(&layer, &mask, x), &g));
        }
    }
}

#[test]
fn cross_entropy() {
    for smoothing in [0.0, 0.1] {
        for (batch, classes, weighted) in [(1, 2, false), (3, 6, false), (2, 40, true), (3, 6, true)] {
            let mut layer = CrossEntropy { batch, classes, smoothing, mean_weight: 1.0 };
            let mut weights = vec![1.0; classes];
            let logits: Vec<f64> = random(1, batch * classes).iter().map(|z| 4.0 * z).collect();
            let label = |n: u32| n % classes as u32;
            let mut answers: Vec<Answer> = (0..batch as u32).map(|n| Answer::of(label(n))).collect();
            if batch == 3 {
                answers[1] = Answer::of(u32::MAX);
                answers[2] = Answer { second: label(5), share: 0.375, ..answers[2] };
            }
            if weighted {
                weights = random(2, classes).iter().map(|w| 1.5 + w).collect();
                layer.mean_weight = (weights.iter().sum::<f64>() / classes as f64) as f32;
                let single: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
                Answer::scale(&mut answers, &single);
            }
            let gradient = cpu::loss::backward(&layer, &logits, &answers, &weights);
            check(&format!("{layer:?}"), &logits, &gradient, |z| {
                let outcomes = cpu::loss::forward(&layer, z, &answers, &weights);
                outcomes.iter().flatten().map(|o| o.loss).sum::<f64>() / batch as f64
            });
        }
    }
}

/// `torch.nn.functional.cross_entropy` of PyTorch 2.15.0 in double precision, with `weight` and with two labels an image,
/// as probabilities; `label_smoothing` is 0 and then 1/8.
#[test]
fn weights_and_mixed_labels_are_those_of_pytorch() {
    let logits = [1.0, -0.5, 0.25, -2.0, 0.5, 1.5];
    let weights = [0.5, 2.0, 1.25];
    let mut weighted = [1, 0].map(Answer::of);
    Answer::scale(&mut weighted, &weights.map(|w| w as f32));
    let mixed = [(1, 2), (0, 1)].map(|(first, second)| Answer { second, share: 0.375, ..Answer::of(first) });
    let (plain, mean) = ([1.0; 3], 1.25);
    for (answers, weights, mean_weight, smoothing, loss, gradient) in [
        (
            weighted,
            weights,
            mean,
            0.0,
            2.3894001141874814,
            [0.471838130925, -0.694718682282, 0.222880551357, -0.195680153924, 0.05262649873, 0.143053655194],
        ),
        (
            weighted,
            weights,
            mean,
            0.125,
            2.2727921836247638,
            [
                0.441387385205,
                -0.632987077384,
                0.191599692179,
                -0.178203516118,
                0.029160633909,
                0.149042882209,
            ],
        ),
        (
            mixed,
            plain,
            1.0,
            0.0,
            2.3221616696857383,
            [
                0.294898831828,
                -0.246699176427,
                -0.048199655402,
                -0.30170038481,
                -0.055933753174,
                0.357634137985,
            ],
        ),
        (
            mixed,
            plain,
            1.0,
            0.125,
            2.2264585446857383,
            [
                0.274065498495,
                -0.22847000976,
                -0.045595488735,
                -0.283471218144,
                -0.053329586508,
                0.336800804651,
            ],
        ),
    ] {
        let layer = CrossEntropy { batch: 2, classes: 3, smoothing, mean_weight };
        let outcomes = cpu::loss::forward(&layer, &logits, &answers, &weights);
        let mean = outcomes.iter().flatten().map(|o| o.loss).sum::<f64>() / 2.0;
        // The scale of a batch is in single precision.
        assert!((mean / loss - 1.0).abs() < 1e-7, "{mean}, not {loss}");
        for (found, expected) in cpu::loss::backward(&layer, &logits, &answers, &weights).iter().zip(gradient)
        {
            assert!((found - expected).abs() < 1e-7, "{found}, not {expected}");
        }
    }
}
