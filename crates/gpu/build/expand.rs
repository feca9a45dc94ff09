//! Textual expansion of WGSL: `#import name` lines and the constants of variants.
//!
//! A kernel is one file. `#import reduce` pastes `shared/reduce.wgsl` once; a variant prepends
//! `const NAME: u32 = value;` lines. Every expanded line remembers the file and line it came from,
//! so that an error found later can be reported where its author will look.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Where an expanded line came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File, relative to the shader folder.
    pub file: PathBuf,
    /// 1-based line in that file.
    pub line: usize,
}

/// One kernel after expansion.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// `layer/kernel` or `layer/kernel@variant`.
    pub name: String,
    /// Complete WGSL text.
    pub source: String,
    /// The origin of each line of `source`.
    pub origins: Vec<Origin>,
}

/// A shader that cannot be built, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShaderError {
    /// The place, when it is known.
    pub origin: Option<Origin>,
    /// The kernel being built.
    pub kernel: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ShaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(o) => {
                write!(
                    f,
                    "shaders/{}:{}: {} (kernel {})",
                    o.file.display(),
                    o.line,
                    self.message,
                    self.kernel
                )
            }
            None => write!(f, "shader {}: {}", self.kernel, self.message),
        }
    }
}

/// A named set of constants for one kernel file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Kernel file without its extension, `/`-separated.
    pub kernel: String,
    /// Variant name, appended to the kernel's as `@name`.
    pub name: String,
    /// Constants in the order they are written.
    pub constants: Vec<(String, u32)>,
}

/// Parses the variants file: one `kernel variant NAME=VALUE...` a line, `#` starts a comment.
///
/// # Errors
/// Names the line that is not in this form.
pub fn parse_variants(text: &str, file: &Path) -> Result<Vec<Variant>, ShaderError> {
    let mut variants = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or("").trim();
        if content.is_empty() {
            continue;
        }
        let fail = |message: String| ShaderError {
            origin: Some(Origin { file: file.to_path_buf(), line: index + 1 }),
            kernel: "variants".into(),
            message,
        };
        let mut words = content.split_whitespace();
        let (Some(kernel), Some(name)) = (words.next(), words.next()) else {
            return Err(fail("expected `kernel variant NAME=VALUE...`".into()));
        };
        let mut constants = Vec::new();
        for word in words {
            let parsed = word.split_once('=').and_then(|(n, v)| Some((n.to_string(), v.parse().ok()?)));
            constants.push(parsed.ok_or_else(|| fail(format!("`{word}` is not NAME=NUMBER")))?);
        }
        variants.push(Variant { kernel: kernel.into(), name: name.into(), constants });
    }
    Ok(variants)
}

/// Expands one kernel file, with the constants of `variant` where there is one.
///
/// # Errors
/// A file that cannot be read, or an import that does not exist.
pub fn expand(root: &Path, kernel: &str, variant: Option<&Variant>) -> Result<Expanded, ShaderError> {
    let file = PathBuf::from(format!("{kernel}.wgsl"));
    let name = variant.map_or_else(|| kernel.to_string(), |v| format!("{kernel}@{}", v.name));
    let mut expanded = Expanded { name, source: String::new(), origins: Vec::new() };
    for (constant, value) in variant.into_iter().flat_map(|v| &v.constants) {
        expanded.source.push_str(&format!("const {constant}: u32 = {value}u;\n"));
        expanded.origins.push(Origin { file: PathBuf::from("variants.txt"), line: 1 });
    }
    paste(root, &file, None, &mut HashSet::new(), &mut expanded)?;
    Ok(expanded)
}

fn paste(
    root: &Path,
    file: &Path,
    importer: Option<Origin>,
    seen: &mut HashSet<PathBuf>,
    out: &mut Expanded,
) -> Result<(), ShaderError> {
    if !seen.insert(file.to_path_buf()) {
        return Ok(());
    }
    let text = fs::read_to_string(root.join(file)).map_err(|e| ShaderError {
        origin: importer,
        kernel: out.name.clone(),
        message: format!("cannot read {}: {e}", file.display()),
    })?;
    for (index, line) in text.lines().enumerate() {
        let origin = Origin { file: file.to_path_buf(), line: index + 1 };
        if let Some(import) = line.trim_start().strip_prefix("#import ") {
            let shared = Path::new("shared").join(format!("{}.wgsl", import.trim()));
            paste(root, &shared, Some(origin), seen, out)?;
        } else {
            out.source.push_str(line);
            out.source.push('\n');
            out.origins.push(origin);
        }
    }
    Ok(())
}
