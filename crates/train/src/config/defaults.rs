//! The built-in configuration: what `photonet train PHOTOS` uses.

use std::path::PathBuf;

use photonet_model::Frozen;
use photonet_vision::{Interpolation, Library, Mixing, Recipe, Resampler};

use super::{
    Arch, ClassWeights, Config, Given, Global, InferConfig, LoaderConfig, Loss, MetricConfig,
    OptimizerConfig, OptimizerMethod, Pretrained, ScheduleConfig, ScheduleKind, Variant,
};

/// Photos are kept in memory with a short side of at most so many times that of the network's input: even the
/// smallest random crop (8 % of the area, 3:4) then has as many pixels as the input.
pub const KEPT_SIDES: u32 = 4;

/// The side of the network's input where nothing else is said, in pixels.
pub(crate) const SIZE: u32 = 224;

/// Resizing where nothing else is said: with antialias, since a phone's photo is some ten times as large
/// as the network's input. (PaddleClas's operators, as a file names them, resize without.)
const ANTIALIASED: Resampler = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };

fn train_recipe(size: u32) -> Recipe {
    Recipe::train(size).with_resampler(ANTIALIASED)
}

fn eval_recipe(size: u32) -> Recipe {
    Recipe::eval(size).with_resampler(ANTIALIASED)
}

impl Config {
    /// The configuration of a run on a folder of photos, where the user said nothing: MobileNetV3
    /// small at width 1 from scratch on 224-pixel crops, 30 epochs of batches of 32, a learning rate of
    /// 0.05 with a warm-up and a cosine, L2 of 2e-5.
    ///
    /// These fit some thousand photos of a few to a hundred classes. `image_root` is left open.
    pub fn defaults() -> Config {
        let [method, ..] = OptimizerMethod::ALL;
        Config {
            global: Global {
                checkpoints: None,
                pretrained_model: None,
                output_dir: PathBuf::from("./output/"),
                device: "auto".to_owned(),
                epochs: 30,
                save_interval: 1,
                eval_during_train: true,
                eval_interval: 1,
                start_eval_epoch: 0,
                patience: 0,
                print_batch_step: 10,
                image_shape: [3, SIZE, SIZE],
                update_freq: 1,
                seed: 0,
            },
            arch: Arch {
                variant: Variant::Small,
                width: 1.0,
                class_num: None,
                pretrained: Pretrained::No,
                use_ssld: false,
                dropout: 0.2,
                freeze_until: Frozen::Nothing,
                freeze_bn: false,
            },
            loss: Loss { epsilon: 0.0, class_weights: ClassWeights::Equal },
            optimizer: OptimizerConfig {
                method,
                schedule: ScheduleConfig {
                    kind: ScheduleKind::Cosine { eta_min: 0.0 },
                    learning_rate: method.default_rate(),
                    warmup_epoch: warmup_for(30),
                    warmup_start_lr: 0.0,
                    by_epoch: false,
                },
                weight_decay: method.default_decay(),
                no_weight_decay_name: Vec::new(),
                one_dim_param_no_weight_decay: false,
                clip_norm: None,
                head_lr: 1.0,
            },
            train: loader(train_recipe(SIZE), 32, true),
            eval: loader(eval_recipe(SIZE), 64, false),
            infer: InferConfig {
                images: None,
                list: None,
                batch_size: 10,
                recipe: eval_recipe(SIZE),
                topk: 5,
                class_id_map_file: None,
                save_dir: None,
            },
            metric: MetricConfig { train: vec![1, 5], eval: vec![1, 5] },
            ema: None,
            amp: false,
            given: Given::default(),
            ignored: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Sets the number of epochs, and the warm-up to a tenth of them.
    pub fn set_epochs(&mut self, epochs: u32) {
        self.global.epochs = epochs;
        self.optimizer.schedule.warmup_epoch = warmup_for(epochs);
    }

    /// Sets the side of the network's input in pixels, with the usual training and evaluation
    /// transforms for it in place of the present ones.
    pub fn set_size(&mut self, size: u32) {
        self.global.image_shape = [3, size, size];
        self.train.recipe = train_recipe(size);
        self.eval.recipe = eval_recipe(size);
        self.infer.recipe = eval_recipe(size);
    }
}

impl LoaderConfig {
    /// The longest short side that photos are kept with before random steps, in pixels; `None`: as they are.
    ///
    /// Where nothing is said, as much as random crops want, four times the input's; but only where photos are resized
    /// with antialias anyway, so that training sees what evaluation does.
    pub fn kept_short(&self) -> Option<u32> {
        match (self.keep_short, self.recipe.output_size()) {
            (Some(0), _) => None,
            (Some(size), _) => Some(size),
            (None, Some((width, height))) if self.recipe.antialiases() => {
                Some(width.max(height).saturating_mul(KEPT_SIDES))
            }
            (None, _) => None,
        }
    }
}

fn warmup_for(epochs: u32) -> f64 {
    f64::from(epochs) / 10.0
}

fn loader(recipe: Recipe, batch_size: u32, shuffle: bool) -> LoaderConfig {
    LoaderConfig {
        image_root: None,
        cls_label_path: None,
        delimiter: None,
        recipe,
        mixing: Mixing::default(),
        batch_size,
        // A last batch of a few photos would pull at the weights and the running statistics as
        // hard as a full one.
        drop_last: shuffle,
        shuffle,
        num_workers: None,
        cache_mb: None,
        keep_short: None,
        val_fraction: 0.2,
    }
}
