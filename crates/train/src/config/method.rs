//! `Optimizer.name` and its settings: which optimiser, in PaddleClas's keys and with its defaults.

use photonet_nn::Optimiser;

use super::emit::Yaml;
use super::reader::{Item, Section};
use super::{ConfigError, ScheduleConfig};

/// `Optimizer`: which one, its schedule and weight decay.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerConfig {
    /// Which one, and its settings.
    pub method: OptimizerMethod,
    /// The learning rate over the run.
    pub schedule: ScheduleConfig,
    /// `regularizer.coeff` or `weight_decay`: added to each gradient as this times the weight, with AdamW taken off the weight.
    pub weight_decay: f64,
    /// Parts of the names, in PaddleClas, of what does not decay.
    pub no_weight_decay_name: Vec<String>,
    /// Whether tensors with one dimension do not decay: biases, and batch normalisation, which decays with AdamW alone.
    pub one_dim_param_no_weight_decay: bool,
    /// The largest norm of each tensor's gradient.
    pub clip_norm: Option<f64>,
    /// A key of Photonet's own, `head_lr`: the learning rate of the classifier's two layers, in units of
    /// that of the rest.
    pub head_lr: f64,
}

/// `Optimizer.name` and its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerMethod {
    /// Stochastic gradient descent.
    Sgd,
    /// With a velocity.
    Momentum {
        /// The share of the velocity kept from step to step, in [0, 1).
        momentum: f64,
        /// `use_nesterov`: Nesterov's form.
        nesterov: bool,
    },
    /// In units of the gradient's root mean square.
    RmsProp {
        /// The share of the last move that is added, in [0, 1).
        momentum: f64,
        /// The share of the mean square that is kept, in [0, 1).
        rho: f64,
        /// Added to the mean square.
        epsilon: f64,
        /// Take the square of the mean gradient off the mean square. A key of PaddlePaddle's, which PaddleClas has not.
        centered: bool,
    },
    /// With means of the gradient and of its square.
    Adam {
        /// The share of the mean that is kept, in [0, 1).
        beta1: f64,
        /// The share of the mean square that is kept, in [0, 1).
        beta2: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
    },
    /// Adam, whose decay does not go through the gradient.
    AdamW {
        /// As Adam's.
        beta1: f64,
        /// As Adam's.
        beta2: f64,
        /// As Adam's.
        epsilon: f64,
    },
}

/// Every setting that one of them has.
const SETTINGS: [&str; 9] = [
    "momentum",
    "use_nesterov",
    "rho",
    "epsilon",
    "centered",
    "beta1",
    "beta2",
    "no_weight_decay_name",
    "one_dim_param_no_weight_decay",
];

/// Of smaller ones too little is left in single precision to divide by.
const SMALLEST: f64 = 1e-30;

impl OptimizerMethod {
    /// All, with PaddleClas's defaults; of Momentum, which has none there, Photonet's.
    pub const ALL: [Self; 5] = [
        Self::Momentum { momentum: 0.9, nesterov: false },
        Self::Sgd,
        Self::RmsProp { momentum: 0.0, rho: 0.95, epsilon: 1e-6, centered: false },
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        Self::FINE_TUNING,
    ];

    /// That of a run that starts from a model, where nothing is said.
    pub const FINE_TUNING: Self = Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// As `Optimizer.name`.
    pub fn name(&self) -> &'static str {
        self.optimiser().name()
    }

    /// The learning rate where nothing is said, for batches of 32 from scratch.
    pub fn default_rate(&self) -> f64 {
        match self {
            Self::Momentum { .. } => 0.05,
            Self::Sgd => 0.2,
            Self::RmsProp { .. } | Self::Adam { .. } | Self::AdamW { .. } => 0.003,
        }
    }

    /// The same of a run that starts from a model.
    pub fn fine_tuning_rate(&self) -> f64 {
        match self {
            Self::Momentum { .. } => 0.0075,
            Self::Sgd => 0.03,
            Self::RmsProp { .. } | Self::Adam { .. } | Self::AdamW { .. } => 0.0002,
        }
    }

    /// Whether a weight moves by about the learning rate, whatever the size of its gradient.
    pub(crate) fn is_adaptive(&self) -> bool {
        matches!(self, Self::RmsProp { .. } | Self::Adam { .. } | Self::AdamW { .. })
    }

    /// The weight decay where nothing is said and there is no file.
    pub(crate) fn default_decay(&self) -> f64 {
        if matches!(self, Self::AdamW { .. }) { 0.01 } else { 2e-5 }
    }

    /// What runs on the device.
    pub fn optimiser(&self) -> Optimiser {
        match *self {
            Self::Sgd => Optimiser::Sgd,
            Self::Momentum { momentum, nesterov } => {
                Optimiser::Momentum { momentum: momentum as f32, nesterov }
            }
            Self::RmsProp { momentum, rho, epsilon, centered } => Optimiser::RmsProp {
                rho: rho as f32,
                epsilon: epsilon as f32,
                momentum: momentum as f32,
                centered,
            },
            Self::Adam { beta1, beta2, epsilon } => adam([beta1, beta2, epsilon], false),
            Self::AdamW { beta1, beta2, epsilon } => adam([beta1, beta2, epsilon], true),
        }
    }

    /// Whether `no_weight_decay_name` and `one_dim_param_no_weight_decay` are known to it, as in PaddleClas.
    pub(crate) fn can_spare(&self) -> bool {
        !matches!(self, Self::Sgd | Self::Adam { .. })
    }

    /// Its settings in the order of the file.
    pub(crate) fn settings(&self) -> Vec<(&'static str, Yaml)> {
        match *self {
            Self::Sgd => Vec::new(),
            Self::Momentum { momentum, nesterov } => {
                vec![("momentum", Yaml::float(momentum)), ("use_nesterov", Yaml::bool(nesterov))]
            }
            Self::RmsProp { momentum, rho, epsilon, centered } => vec![
                ("momentum", Yaml::float(momentum)),
                ("rho", Yaml::float(rho)),
                ("epsilon", Yaml::float(epsilon)),
                ("centered", Yaml::bool(centered)),
            ],
            Self::Adam { beta1, beta2, epsilon } | Self::AdamW { beta1, beta2, epsilon } => vec![
                ("beta1", Yaml::float(beta1)),
                ("beta2", Yaml::float(beta2)),
                ("epsilon", Yaml::float(epsilon)),
            ],
        }
    }

    /// Takes `name` and the settings; `base` where no name is given. Settings of others are problems, and so is a name that is
    /// not supported, whose settings are not known.
    pub(crate) fn read(section: &mut Section, base: Self) -> Self {
        let method = match section.take("name").map_or(Ok(base), |item| Self::named(&item, base)) {
            Ok(method) => method,
            Err(problem) => {
                section.problem(problem);
                SETTINGS.into_iter().for_each(|key| drop(section.take(key)));
                return base;
            }
        };
        let method = match method {
            Self::Sgd => Self::Sgd,
            Self::Momentum { momentum, nesterov } => Self::Momentum {
                momentum: section.get("momentum", Item::fraction, momentum),
                nesterov: section.get("use_nesterov", Item::bool, nesterov),
            },
            Self::RmsProp { momentum, rho, epsilon: small, centered } => Self::RmsProp {
                momentum: section.get("momentum", Item::fraction, momentum),
                rho: section.get("rho", Item::fraction, rho),
                epsilon: section.get("epsilon", above_zero, small),
                centered: section.get("centered", Item::bool, centered),
            },
            Self::Adam { beta1, beta2, epsilon } => {
                let [beta1, beta2, epsilon] = adams(section, [beta1, beta2, epsilon]);
                Self::Adam { beta1, beta2, epsilon }
            }
            Self::AdamW { beta1, beta2, epsilon } => {
                let [beta1, beta2, epsilon] = adams(section, [beta1, beta2, epsilon]);
                Self::AdamW { beta1, beta2, epsilon }
            }
        };
        let own: Vec<_> = method.settings().into_iter().map(|(key, _)| key).collect();
        for key in SETTINGS.into_iter().filter(|key| !own.contains(key)) {
            if method.can_spare() && key.contains("no_weight_decay") {
                continue;
            }
            if let Some(item) = section.take(key) {
                section.problem(item.has_no_such_setting(method.name()));
            }
        }
        method
    }

    fn named(item: &Item, base: Self) -> Result<Self, ConfigError> {
        let name = item.text()?;
        let names = Self::ALL.map(|method| method.name());
        let known = Self::ALL.into_iter().find(|method| method.name() == name);
        let known = known.ok_or_else(|| item.unsupported_name(&name, &names))?;
        Ok(if known.name() == base.name() { base } else { known })
    }
}

fn adam([beta1, beta2, epsilon]: [f64; 3], decoupled: bool) -> Optimiser {
    Optimiser::Adam { beta1: beta1 as f32, beta2: beta2 as f32, epsilon: epsilon as f32, decoupled }
}

fn adams(section: &mut Section, [beta1, beta2, small]: [f64; 3]) -> [f64; 3] {
    [
        section.get("beta1", Item::fraction, beta1),
        section.get("beta2", Item::fraction, beta2),
        section.get("epsilon", above_zero, small),
    ]
}

/// A number that is above 0 in single precision too.
pub(crate) fn above_zero(item: &Item) -> Result<f64, ConfigError> {
    let value = item.f64()?;
    if value >= SMALLEST { Ok(value) } else { Err(item.invalid(format!("it must be at least {SMALLEST:e}"))) }
}
