//! Weight files of other projects: bytes in, named tensors out, and the way back.
//!
//! [`read`] takes `.safetensors`, PyTorch's `.pth` and `.pt` (both forms), and PaddlePaddle's
//! `.pdparams`. It knows nothing of networks: which tensor belongs where is `photonet-model`'s.
//!
//! A file may come from anywhere, so whatever it says:
//! * **nothing executes**: pickles are read by a machine that builds inert values, and that stops at
//!   the first name which weights have no need of ([`ReadError::Forbidden`]);
//! * **time and memory are bounded** by a small multiple of the file's length;
//! * every length and offset is checked before it is used, and a file that is not right is an error
//!   that says what is wrong with it.
//!
//! There is no file system in here: the same code reads a file that was dropped on a page.

mod cursor;
mod error;
mod format;
pub mod npy;
mod paddle;
mod pickle;
pub mod protobuf;
pub mod safetensors;
mod tensor;
mod torch;
mod zip;

pub use error::ReadError;
pub use format::{Format, MAX_FILE_BYTES, ReadOptions, TensorFile, read, sniff};
pub use tensor::{Element, Tensor, Values};
