//! The wasm that trains: the bindings of `photonet-wasm` for it, linked.

pub use photonet_wasm::*;
