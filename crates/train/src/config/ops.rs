//! `transform_ops`: PaddleClas's image operators to and from a [`Recipe`].

mod augment;

use photonet_vision::{Interpolation, Library, Recipe, Resampler, Transform};

use super::ConfigError;
use super::emit::Yaml;
use super::reader::{Item, Only, Section};

/// The operators that are carried out beside the [augmentations](augment::NAMES).
/// `ResizeThenCrop` is not PaddleClas's: it is how an imported torchvision or timm model sees its photos.
const OPERATORS: [&str; 7] = [
    "DecodeImage",
    "RandCropImage",
    "ResizeImage",
    "CropImage",
    "ResizeThenCrop",
    "NormalizeImage",
    "ToCHWImage",
];

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

pub(crate) fn read(list: &Item, ignored: &mut Vec<String>) -> Result<Recipe, ConfigError> {
    // Without NormalizeImage the network sees plain bytes, as it would in PaddleClas.
    let mut recipe = Recipe { transforms: Vec::new(), mean: [0.0; 3], std: [1.0; 3], scale: 1.0 };
    let (mut normalized, mut planar) = (false, false);
    for entry in list.list()? {
        let (name, item, mut options) = entry.named()?;
        let may_follow = name == "ToCHWImage" || augment::AFTER_NORMALIZATION.contains(&name.as_str());
        if normalized && !may_follow && names().any(|known| known == name) {
            let supported = format!("{} and ToCHWImage after it", augment::AFTER_NORMALIZATION.join(", "));
            return Err(item.unsupported(&format!("{name} after NormalizeImage"), supported));
        }
        match name.as_str() {
            "DecodeImage" => decode(&mut options, ignored)?,
            "RandCropImage" => recipe.transforms.push(random_crop(&mut options)?),
            "ResizeImage" => recipe.transforms.push(resize(&item, &mut options, ignored)?),
            "CropImage" => recipe.transforms.push(center_crop(&mut options)?),
            "ResizeThenCrop" => recipe.transforms.push(resize_then_crop(&item, &mut options)?),
            "NormalizeImage" => {
                normalize(&mut options, &mut recipe, ignored)?;
                normalized = true;
            }
            // The order of the axes is the network's own matter here.
            "ToCHWImage" => planar = true,
            augmentation if augment::NAMES.contains(&augmentation) => {
                let before = augment::Before { normalized: normalized.then_some(&recipe), planar };
                let step = augment::read(augmentation, &item, &mut options, before)?;
                recipe.transforms.extend(step.map(Transform::Augment));
            }
            _ => return Err(item.unsupported_name(&name, &names().collect::<Vec<_>>())),
        }
        options.finish()?;
    }
    recipe.validate().map_err(|e| list.invalid(format!("{e}")))?;
    if recipe.output_size().is_none() {
        return Err(
            list.invalid("its steps must end in one size for all photos; add CropImage or RandCropImage")
        );
    }
    Ok(recipe)
}

/// The names of all operators that are carried out, for error messages and suggestions.
fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.into_iter().chain(augment::NAMES)
}

fn decode(options: &mut Section, ignored: &mut Vec<String>) -> Result<(), ConfigError> {
    options.only_default(&[
        ("to_rgb", Only::Bool(true)),
        ("channel_first", Only::Bool(false)),
        ("to_np", Only::Bool(false)),
    ])?;
    options.ignore(&["backend"], ignored);
    Ok(())
}

fn random_crop(options: &mut Section) -> Result<Transform, ConfigError> {
    let size = square(options, "size")?;
    let scale = options.read("scale", pair, (0.08, 1.0))?;
    let ratio = options.read("ratio", pair, (3.0 / 4.0, 4.0 / 3.0))?;
    let resampler = resampler(options)?;
    options.only_default(&[("use_log_aspect", Only::Bool(false)), ("progress_size", Only::Absent)])?;
    Ok(Transform::RandomCrop { size, scale, ratio, resampler })
}

fn resize(item: &Item, options: &mut Section, ignored: &mut Vec<String>) -> Result<Transform, ConfigError> {
    let short = options.read_opt("resize_short", Item::u32_positive)?;
    let size = options.take("size");
    let resampler = resampler(options)?;
    options.ignore(&["return_numpy"], ignored);
    match (short, size) {
        (Some(size), None) => Ok(Transform::ResizeShort { size, resampler }),
        (None, Some(size)) => {
            let (width, height) = sides(&size)?;
            Ok(Transform::Resize { width, height, resampler })
        }
        _ => Err(item.invalid("it needs either resize_short or size")),
    }
}

fn resize_then_crop(item: &Item, options: &mut Section) -> Result<Transform, ConfigError> {
    let short = options.read_opt("resize_short", Item::u32_positive)?;
    let short = short.ok_or_else(|| item.invalid("it needs resize_short"))?;
    Ok(Transform::ResizeThenCrop { short, size: square(options, "size")?, resampler: resampler(options)? })
}

fn center_crop(options: &mut Section) -> Result<Transform, ConfigError> {
    Ok(Transform::CenterCrop { size: square(options, "size")? })
}

fn normalize(
    options: &mut Section,
    recipe: &mut Recipe,
    ignored: &mut Vec<String>,
) -> Result<(), ConfigError> {
    recipe.scale = options.read("scale", Item::f64, 1.0 / 255.0)? as f32;
    recipe.mean = options.read("mean", triple, IMAGENET_MEAN)?;
    recipe.std = options.read("std", triple, IMAGENET_STD)?;
    options.only_default(&[("channel_num", Only::Number(3.0)), ("output_fp16", Only::Bool(false))])?;
    // Says where the channel axis lies, which the network knows by itself.
    options.take("order");
    options.ignore(&["data_format"], ignored);
    Ok(())
}

fn square(options: &mut Section, key: &'static str) -> Result<u32, ConfigError> {
    let Some(item) = options.take(key) else { return Err(options.missing(key)) };
    match sides(&item)? {
        (width, height) if width == height => Ok(width),
        _ => Err(item.unsupported("a crop that is not square", "one number, the side of a square")),
    }
}

/// One number, or `[width, height]`.
fn sides(item: &Item) -> Result<(u32, u32), ConfigError> {
    let Ok(items) = item.list() else {
        let side = item.u32_positive()?;
        return Ok((side, side));
    };
    match items.iter().map(Item::u32_positive).collect::<Result<Vec<_>, _>>()?[..] {
        [width, height] => Ok((width, height)),
        _ => Err(item.invalid("it must be one number or [width, height]")),
    }
}

fn numbers(item: &Item) -> Result<Vec<f64>, ConfigError> {
    item.list()?.iter().map(Item::f64).collect()
}

fn pair(item: &Item) -> Result<(f64, f64), ConfigError> {
    match numbers(item)?[..] {
        [low, high] => Ok((low, high)),
        _ => Err(item.invalid("it must be two numbers, [least, greatest]")),
    }
}

fn triple(item: &Item) -> Result<[f32; 3], ConfigError> {
    match numbers(item)?[..] {
        [r, g, b] => Ok([r as f32, g as f32, b as f32]),
        _ => Err(item.invalid("it must be three numbers, one for each of red, green and blue")),
    }
}

const INTERPOLATIONS: [(&str, Interpolation); 5] = [
    ("nearest", Interpolation::Nearest),
    ("bilinear", Interpolation::Bilinear),
    ("bicubic", Interpolation::Bicubic),
    ("area", Interpolation::Area),
    ("lanczos", Interpolation::Lanczos),
];

fn resampler(options: &mut Section) -> Result<Resampler, ConfigError> {
    let mut resampler = Resampler::default();
    if let Some(item) = options.take("backend") {
        let word = item.text()?;
        resampler.library = match word.to_lowercase().as_str() {
            "cv2" => Library::OpenCv,
            "pil" => Library::Pillow,
            _ => return Err(item.unsupported_name(&word, &["cv2", "pil"])),
        };
        if resampler.library == Library::Pillow {
            // What Pillow's resize takes where it is told nothing, and PaddleClas tells it nothing.
            resampler.interpolation = Interpolation::Bicubic;
        }
    }
    if let Some(item) = options.take("interpolation") {
        let word = item.text()?;
        let lower = word.to_lowercase();
        // Pillow's name for the mean over an area.
        let known = if lower == "box" { "area" } else { lower.as_str() };
        let found = INTERPOLATIONS.iter().find(|(name, _)| *name == known);
        resampler.interpolation =
            found.ok_or_else(|| item.unsupported_name(&word, &INTERPOLATIONS.map(|(name, _)| name)))?.1;
    }
    Ok(resampler)
}

/// A recipe as a list of operators that [`read`] reads back to the same recipe.
pub(crate) fn write(recipe: &Recipe) -> Yaml {
    let op = |name: &'static str, options| Yaml::Map(vec![(name, Yaml::Map(options))]);
    let decode = vec![("to_rgb", Yaml::bool(true)), ("channel_first", Yaml::bool(false))];
    let mut ops = vec![op("DecodeImage", decode)];
    for transform in &recipe.transforms {
        ops.push(match *transform {
            Transform::RandomCrop { size, scale, ratio, resampler } => {
                let mut options = vec![
                    ("size", Yaml::int(size)),
                    ("scale", Yaml::floats([scale.0, scale.1])),
                    ("ratio", Yaml::floats([ratio.0, ratio.1])),
                ];
                options.extend(resampler_keys(resampler));
                op("RandCropImage", options)
            }
            Transform::Augment(ref step) => {
                let (name, options) = augment::write(step);
                op(name, options)
            }
            Transform::ResizeShort { size, resampler } => {
                let mut options = vec![("resize_short", Yaml::int(size))];
                options.extend(resampler_keys(resampler));
                op("ResizeImage", options)
            }
            Transform::Resize { width, height, resampler } => {
                let mut options = vec![("size", Yaml::ints(&[width, height]))];
                options.extend(resampler_keys(resampler));
                op("ResizeImage", options)
            }
            Transform::CenterCrop { size } => op("CropImage", vec![("size", Yaml::int(size))]),
            Transform::ResizeThenCrop { short, size, resampler } => {
                let mut options = vec![("resize_short", Yaml::int(short)), ("size", Yaml::int(size))];
                options.extend(resampler_keys(resampler));
                op("ResizeThenCrop", options)
            }
        });
    }
    let normalize = vec![
        ("scale", Yaml::single(recipe.scale)),
        ("mean", Yaml::List(recipe.mean.map(Yaml::single).to_vec())),
        ("std", Yaml::List(recipe.std.map(Yaml::single).to_vec())),
        ("order", Yaml::text("")),
    ];
    ops.push(op("NormalizeImage", normalize));
    Yaml::Items(ops)
}

fn resampler_keys(resampler: Resampler) -> [(&'static str, Yaml); 2] {
    let found = INTERPOLATIONS.iter().find(|(_, i)| *i == resampler.interpolation);
    let interpolation = found.map_or("bilinear", |(name, _)| name);
    let backend = match resampler.library {
        Library::OpenCv => "cv2",
        Library::Pillow => "pil",
    };
    [("interpolation", Yaml::text(interpolation)), ("backend", Yaml::text(backend))]
}
