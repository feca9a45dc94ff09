//! `Optimizer`: which one, its settings and its weight decay, as PaddleClas reads them.

mod common;

use common::{QUICK_START, quick_start, read, refused};

use photonet_model::{Architecture, Family, ParameterLayout, Tuning, Variant};
use photonet_nn::Optimiser;
use photonet_train::config::{Config, OptimizerMethod};

/// A file with this section.
fn file(keys: &str) -> String {
    format!("Optimizer: {{{keys}, lr: {{name: Constant, learning_rate: 0.1}}}}")
}

fn of_file(keys: &str) -> Config {
    read(&file(keys), &[]).unwrap_or_else(|e| panic!("{keys}: {e}"))
}

#[test]
fn each_has_paddleclas_defaults_and_its_own_settings() {
    let adam = |beta1, beta2, epsilon, decoupled| Optimiser::Adam { beta1, beta2, epsilon, decoupled };
    let rms = |rho, epsilon, momentum, centered| Optimiser::RmsProp { rho, epsilon, momentum, centered };
    for (keys, optimiser) in [
        ("name: SGD", Optimiser::Sgd),
        ("name: Momentum", Optimiser::Momentum { momentum: 0.9, nesterov: false }),
        (
            "name: Momentum, momentum: 0.8, use_nesterov: True",
            Optimiser::Momentum { momentum: 0.8, nesterov: true },
        ),
        ("name: RMSProp", rms(0.95, 1e-6, 0.0, false)),
        ("name: RMSProp, momentum: 0.9, rho: 0.9, epsilon: 0.001, centered: True", rms(0.9, 1e-3, 0.9, true)),
        ("name: Adam", adam(0.9, 0.999, 1e-8, false)),
        (
            "name: Adam, beta1: 0.8, beta2: 0.99, epsilon: 1e-4, lazy_mode: False",
            adam(0.8, 0.99, 1e-4, false),
        ),
        ("name: AdamW, weight_decay: 0.05", adam(0.9, 0.999, 1e-8, true)),
        (
            "name: AdamW, weight_decay: 0.05, beta1: 0.5, epsilon: 1e-6, clip_norm: 5",
            adam(0.5, 0.999, 1e-6, true),
        ),
    ] {
        let config = of_file(keys);
        assert_eq!(config.learning().optimiser, optimiser, "{keys}");
        assert_eq!(config.learning().clip_norm, keys.contains("clip_norm").then_some(5.0));
        // And the way back.
        let text = config.to_yaml();
        let mut back = Config::from_yaml(&text, "again", &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        back.ignored.clone_from(&config.ignored);
        assert_eq!(back, config, "{text}");
    }
}

#[test]
fn settings_of_others_and_impossible_ones_are_refused() {
    for (keys, words) in [
        ("name: SGD, momentum: 0.9", "Optimizer.momentum is 0.9, but SGD has no such setting: leave it out"),
        ("name: Adam, momentum: 0.9", "but Adam has no such setting"),
        ("name: Adam, no_weight_decay_name: bn", "but Adam has no such setting"),
        ("name: Momentum, beta1: 0.9", "on the command line by -o Optimizer.beta1=None"),
        ("name: RMSProp, use_nesterov: True", "but RMSProp has no such setting"),
        ("name: Adam, beta2: 1", "below 1"),
        ("name: Adam, epsilon: 0", "it must be at least 1e-30"),
        ("name: RMSProp, rho: -0.5", "at least 0"),
        ("name: AdamW", "Optimizer.weight_decay is missing"),
        ("name: AdamW, regularizer: {name: L2, coeff: 0.1}", "AdamW decays without one: give weight_decay"),
        ("name: Adam, weight_decay: -1", "not be negative"),
        ("name: adam", "(did you mean Adam?)"),
        ("name: AdamWDL", "(did you mean AdamW?)"),
        ("name: SGD, clip_norm: 0", "it must be at least 1e-30"),
        ("name: SGD, momentun: 0.9", "unknown key Optimizer.momentun"),
    ] {
        let text = refused(&file(keys), &[]);
        assert!(text.contains(words), "{keys}: {text}");
    }
    // A quick way to another one.
    let overrides = ["Optimizer.name=Adam", "Optimizer.momentum=None", "Optimizer.lr.learning_rate=0.001"];
    let c = quick_start(&overrides).unwrap();
    assert_eq!((c.learning().optimiser.name(), c.optimizer.weight_decay), ("Adam", 1e-6));
    assert!(refused(QUICK_START, &overrides[..1]).contains("-o Optimizer.momentum=None"));
}

#[test]
fn weight_decay_is_a_regularizer_by_another_name() {
    for (keys, decay) in [
        ("name: SGD, weight_decay: 0.1", 0.1),
        ("name: Adam, regularizer: {name: L2, coeff: 0.2}", 0.2),
        ("name: AdamW, weight_decay: 0.3", 0.3),
        ("name: RMSProp", 0.0),
    ] {
        let c = of_file(keys);
        assert_eq!((c.optimizer.weight_decay, c.warnings.len()), (decay, 0), "{keys}");
    }
    let c = of_file("name: Adam, weight_decay: 0.1, regularizer: {name: L2, coeff: 0.2}");
    assert_eq!(c.optimizer.weight_decay, 0.2);
    assert!(c.warnings[0].contains("the regularizer counts, as in PaddleClas"), "{:?}", c.warnings);
    // Without a file each has Photonet's own.
    let of = |overrides: &[&str]| read("", overrides).unwrap().optimizer.weight_decay;
    assert_eq!((of(&["Optimizer.name=Adam"]), of(&["Optimizer.name=AdamW"])), (2e-5, 0.01));
    assert_eq!(of(&["Optimizer.name=AdamW", "Optimizer.weight_decay=0.2"]), 0.2);
}

#[test]
fn what_does_not_decay_goes_by_paddleclas_names() {
    let architecture = Architecture::new(Family::Paddle, Variant::Small, 0.35, 7).unwrap();
    let layout = ParameterLayout::new(&architecture);
    let decaying = |keys: &str| {
        let learning = of_file(keys).learning();
        let ranges = layout.ranges(&architecture, &learning.decay, &Tuning::default());
        let decays = |name: &str| {
            let spec = layout.parameter(name).unwrap_or_else(|| panic!("{name}"));
            let [rate, decay] = ranges[spec.offset / Optimiser::BLOCK];
            assert_eq!(rate, 1.0);
            assert!(decay == 0.0 || decay == 0.5, "{name}: {decay}");
            decay > 0.0
        };
        [
            "stem.conv.weight",
            "blocks.3.depthwise.bn.weight",
            "blocks.0.squeeze.reduce.weight",
            "blocks.0.squeeze.reduce.bias",
            "classifier.weight",
            "classifier.bias",
        ]
        .map(decays)
    };
    let (on, off) = (true, false);
    let spared = "no_weight_decay_name: mid_se fc.";
    for (keys, expected) in [
        ("name: SGD, weight_decay: 0.5".to_owned(), [on, off, on, on, on, on]),
        (format!("name: Momentum, weight_decay: 0.5, {spared}"), [on, off, off, off, off, off]),
        ("name: AdamW, weight_decay: 0.5".into(), [on, on, on, on, on, on]),
        (
            "name: AdamW, weight_decay: 0.5, one_dim_param_no_weight_decay: True".into(),
            [on, off, on, off, on, off],
        ),
        (format!("name: AdamW, weight_decay: 0.5, {spared}"), [on, on, off, off, off, off]),
        (
            "name: RMSProp, weight_decay: 0.5, one_dim_param_no_weight_decay: True".into(),
            [on, off, on, off, on, off],
        ),
        (
            "name: Momentum, weight_decay: 0.5, one_dim_param_no_weight_decay: True, no_weight_decay_name: none"
                .into(),
            [on, off, on, off, on, off],
        ),
    ] {
        assert_eq!(decaying(&keys), expected, "{keys}");
    }
    // Alone it does nothing there, which is told.
    let alone = "name: Momentum, weight_decay: 0.5, one_dim_param_no_weight_decay: True";
    assert_eq!(decaying(alone), [on, off, on, on, on, on]);
    let warnings = of_file(alone).warnings.concat();
    assert!(warnings.contains("has no effect with Momentum, as in PaddleClas"), "{warnings}");
}

#[test]
fn the_default_learning_rates_are_those_of_the_optimiser() {
    let rates =
        OptimizerMethod::ALL.map(|method| (method.name(), method.default_rate(), method.fine_tuning_rate()));
    let expected = [
        ("Momentum", 0.05, 0.0075),
        ("SGD", 0.2, 0.03),
        ("RMSProp", 0.003, 0.0002),
        ("Adam", 0.003, 0.0002),
        ("AdamW", 0.003, 0.0002),
    ];
    assert_eq!(rates, expected);
}
