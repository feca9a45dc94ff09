//! The names a pickle may use.

use crate::{Element, ReadError};

/// What a permitted name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Global {
    /// A dictionary that keeps its order, or one with a default.
    Dictionary,
    /// `_codecs.encode`: how protocol 2 writes bytes, as text in Latin-1.
    Encode,
    /// `numpy.core.multiarray._reconstruct`: an array whose contents come as its state.
    Array,
    /// `numpy.dtype`.
    ArrayType,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`: a view of a storage.
    Tensor,
    /// `torch._utils._rebuild_parameter`: a tensor that is trained.
    Parameter,
    /// `torch.FloatStorage` and its siblings; `None` for types that weights do not have.
    Storage(Option<Element>),
    /// Anything else that checkpoints carry beside weights. It stays a name.
    Inert,
}

impl Global {
    /// Looks up a name.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] for every name that is not on the list.
    pub(crate) fn named(module: &str, name: &str) -> Result<Self, ReadError> {
        Ok(match (module, name) {
            ("collections", "OrderedDict" | "defaultdict") => Self::Dictionary,
            ("_codecs", "encode") => Self::Encode,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::Array,
            ("numpy", "dtype") => Self::ArrayType,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter") => Self::Parameter,
            ("torch" | "torch.storage" | "torch.cuda", storage) if storage.ends_with("Storage") => {
                Self::Storage(match storage {
                    "FloatStorage" => Some(Element::F32),
                    "HalfStorage" => Some(Element::F16),
                    "BFloat16Storage" => Some(Element::BF16),
                    "LongStorage" => Some(Element::I64),
                    "IntStorage" => Some(Element::I32),
                    _ => None,
                })
            }
            // What training scripts save beside the weights: arguments, sizes, devices, types, scalars.
            ("argparse", "Namespace")
            | ("pathlib", "Path" | "PosixPath" | "PurePosixPath" | "WindowsPath")
            | ("builtins" | "__builtin__", "set" | "frozenset" | "list" | "dict" | "int" | "float")
            | ("numpy", "ndarray" | "float64" | "float32" | "int64")
            | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
            | ("torch", "Size" | "device" | "float32" | "float16" | "bfloat16" | "float64" | "int64")
            | ("torch.nn.parameter", "Parameter") => Self::Inert,
            _ => return Err(forbidden(module, name)),
        })
    }
}

fn forbidden(module: &str, name: &str) -> ReadError {
    let whole_model = ["torchvision.", "timm.", "torch.nn.modules", "__main__", "paddle.nn", "ppcls."];
    let hint = if whole_model.iter().any(|m| module.starts_with(m)) {
        ". A whole network was pickled here: save its weights alone, with torch.save(model.state_dict(), FILE)"
    } else {
        ""
    };
    // A name from a hostile file must not flood the terminal.
    let name: String = format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(80).collect();
    ReadError::Forbidden { name, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_names_are_understood() {
        assert_eq!(Global::named("torch", "HalfStorage").unwrap(), Global::Storage(Some(Element::F16)));
        for (module, name) in [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("posix", "system")]
        {
            let error = Global::named(module, name).unwrap_err().to_string();
            assert!(error.contains(&format!("{module}.{name}")) && error.contains("nothing"), "{error}");
        }
        let whole = Global::named("torchvision.models.mobilenetv3", "MobileNetV3").unwrap_err().to_string();
        assert!(whole.contains("state_dict"), "{whole}");
    }
}
