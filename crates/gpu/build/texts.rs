//! Texts as the registry holds them: bare, and compressed with what they have in common left out.

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::CompressionLevel::UberCompression;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output};

/// Kernels whose texts, one behind the other, are the dictionary of all others: most of what inference's kernels import, so that a page, which
/// has to download them, gets that once. All together at most [`WINDOW`].
pub const COMMON: [&str; 3] =
    ["squeeze_excite/gate@four", "depthwise/forward@k3s1", "pointwise/forward@32x32"];

/// How far back deflate looks, in bytes.
pub const WINDOW: usize = 32 << 10;

/// The text without comments and indentation, which no compiler needs; for a page without line ends and most spaces as well. Those
/// around operators stay: without them two may become another.
pub fn bare(text: &str, for_page: bool) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or("").trim());
    let joined = |line: &str| for_page && line.ends_with([';', '{', '}', ',']);
    let lines = code.filter(|line| !line.is_empty());
    let code: String = lines.flat_map(|line| [line, if joined(line) { "" } else { "\n" }]).collect();
    let spaces: &[_] = if for_page { &[(", ", ","), (": ", ":"), (" {", "{"), ("{ ", "{")] } else { &[] };
    spaces.iter().fold(code, |code, (spaced, close)| code.replace(spaced, close))
}

/// A text in the deflate format, to be read behind `dictionary`.
///
/// # Errors
/// A compressor that does not come to an end.
pub fn deflate(dictionary: &str, text: &str) -> Result<Vec<u8>, String> {
    let mut compressor = CompressorOxide::with_format_and_level(DataFormat::Raw, UberCompression);
    let mut bytes = Vec::new();
    let mut add = |text: &str, flush, ended| {
        bytes.clear();
        let (status, read) = compress_to_output(&mut compressor, text.as_bytes(), flush, |more| {
            bytes.extend_from_slice(more);
            true
        });
        match status == ended && read == text.len() {
            true => Ok(()),
            false => Err(format!("cannot compress a text: {status:?} after {read} of {} bytes", text.len())),
        }
    };
    if !dictionary.is_empty() {
        // What this leaves is what a reader has already; it ends with a whole byte.
        add(dictionary, TDEFLFlush::Sync, TDEFLStatus::Okay)?;
    }
    add(text, TDEFLFlush::Finish, TDEFLStatus::Done)?;
    Ok(bytes)
}
