//! The wasm that classifies: the bindings of `photonet-wasm` for it, linked.

pub use photonet_wasm::*;
