//! Textual expansion of WGSL: `#import name` lines and the constants of variants.
//!
//! A kernel is one file. `#import reduce` pastes `shared/reduce.wgsl` once; a variant prepends
//! `const NAME: u32 = value;` lines. `#unroll r ROWS` repeats the lines up to its `#end` with `r` being 0, 1, ...
//! up to the variant's constant `ROWS` (or a number): arrays that are indexed by `r` then stay in registers, whatever
//! a driver's compiler makes of loops. `#import storage` stands for the types of activations, weights and gradients as
//! they lie in memory, which are put before the text when a pipeline is made, and `#import matrix` for those of the device's
//! matrix units. A kernel that imports `shared/subgroup` runs on devices whose subgroups are what that says. A variant may name a
//! folder of `shared/`, whose files stand in for those of the same name. Every expanded line remembers the file and line it came
//! from, so that an error found later can be reported where its author will look.

use std::collections::{HashMap, HashSet};
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
#[derive(Clone, Debug, Default)]
pub struct Expanded {
    /// `layer/kernel` or `layer/kernel@variant`.
    pub name: String,
    /// Complete WGSL text.
    pub source: String,
    /// The origin of each line of `source`.
    pub origins: Vec<Origin>,
    /// Whether it imports `storage`.
    pub stored: bool,
    /// Whether it imports `matrix`.
    pub matrix: bool,
    /// Whether it imports `subgroup`.
    pub subgroups: bool,
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
    /// The folder of `shared/` whose files stand in for those of the same name.
    pub folder: Option<String>,
    /// Constants in the order they are written.
    pub constants: Vec<(String, u32)>,
}

/// Parses the variants file: one `kernel variant [in FOLDER] NAME=VALUE...` a line, `#` starts a comment. A line
/// `@SET NAME=VALUE...` names constants that `@SET` stands for on the lines after it.
///
/// # Errors
/// Names the line that is not in this form.
pub fn parse_variants(text: &str, file: &Path) -> Result<Vec<Variant>, ShaderError> {
    let mut variants = Vec::new();
    let mut sets: HashMap<&str, Vec<(String, u32)>> = HashMap::new();
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
        let constants = |words: &mut dyn Iterator<Item = &str>, sets: &HashMap<&str, Vec<_>>| {
            let mut constants = Vec::new();
            for word in words {
                if word.starts_with('@') {
                    let set = sets.get(word);
                    constants.extend_from_slice(
                        set.ok_or_else(|| fail(format!("`{word}` is not defined above")))?,
                    );
                    continue;
                }
                let parsed = word.split_once('=').and_then(|(n, v)| Some((n.to_string(), v.parse().ok()?)));
                constants.push(parsed.ok_or_else(|| fail(format!("`{word}` is not NAME=NUMBER")))?);
            }
            Ok(constants)
        };
        let mut words = content.split_whitespace().peekable();
        if let Some(set) = words.next_if(|word| word.starts_with('@')) {
            let of_set = constants(&mut words, &sets)?;
            sets.insert(set, of_set);
            continue;
        }
        let (Some(kernel), Some(name)) = (words.next(), words.next()) else {
            return Err(fail("expected `kernel variant [in FOLDER] NAME=VALUE...`".into()));
        };
        let folder = match words.next_if_eq(&"in").map(|_| words.next()) {
            Some(Some(folder)) if !folder.contains('=') => Some(folder.to_string()),
            Some(_) => return Err(fail("`in` is followed by the name of a folder of shared/".into())),
            None => None,
        };
        let constants = constants(&mut words, &sets)?;
        variants.push(Variant { kernel: kernel.into(), name: name.into(), folder, constants });
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
    let mut expanded = Expanded { name, ..Expanded::default() };
    let mut lines = Vec::new();
    let folder = variant.and_then(|v| v.folder.as_deref());
    if let Some(folder) = folder.filter(|folder| !root.join("shared").join(folder).is_dir()) {
        let message = format!("there is no folder shared/{folder}");
        return Err(ShaderError { origin: None, kernel: expanded.name, message });
    }
    let mut files = HashSet::new();
    paste(root, folder, &file, None, &mut files, &expanded.name, &mut lines)?;
    expanded.subgroups = files.contains(Path::new(SUBGROUP));
    let constants = variant.map_or(&[][..], |v| &v.constants);
    // Of a set a kernel may need some alone.
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let used: HashSet<&str> = lines.iter().flat_map(|(line, _)| line.split(|c| !is_word(c))).collect();
    for (constant, value) in constants.iter().filter(|(constant, _)| used.contains(constant.as_str())) {
        let origin = Origin { file: PathBuf::from("variants.txt"), line: 1 };
        expanded.push(&format!("const {constant}: u32 = {value}u;"), &origin);
    }
    unroll(&lines, constants, &mut expanded)?;
    Ok(expanded)
}

/// The line that asks for the types of activations, weights and gradients.
const STORAGE: &str = "#import storage";
/// The line that asks for the types of matrix units.
const MATRIX: &str = "#import matrix";
/// What kernels import whose subgroups exchange values.
const SUBGROUP: &str = "shared/subgroup.wgsl";

/// A line of a shader and where it stands.
type Line = (String, Origin);

/// Appends `lines` to `out`, each `#unroll NAME COUNT` ... `#end` repeated in scopes of its own.
fn unroll(lines: &[Line], constants: &[(String, u32)], out: &mut Expanded) -> Result<(), ShaderError> {
    let mut at = 0;
    while let Some((text, origin)) = lines.get(at) {
        let fail = |out: &Expanded, message: String| ShaderError {
            origin: Some(origin.clone()),
            kernel: out.name.clone(),
            message,
        };
        match text.trim_start() {
            directive if directive.starts_with("#unroll ") => {
                let words: Vec<&str> = directive.split_whitespace().skip(1).collect();
                let (&[name, count], Some(length)) = (words.as_slice(), block_length(&lines[at + 1..]))
                else {
                    return Err(fail(out, "expected `#unroll NAME COUNT` and, below, its `#end`".into()));
                };
                let known = constants.iter().find(|(n, _)| n == count).map(|(_, v)| *v);
                let Some(count) = known.or_else(|| count.parse().ok()) else {
                    return Err(fail(
                        out,
                        format!("`{count}` is neither a number nor a constant of the variant"),
                    ));
                };
                let body = &lines[at + 1..at + 1 + length];
                for turn in 0..count {
                    out.push(&format!("{{ const {name} = {turn}u;"), origin);
                    unroll(body, constants, out)?;
                    out.push("}", origin);
                }
                at += length + 2;
            }
            "#end" => return Err(fail(out, "`#end` without `#unroll`".into())),
            STORAGE => {
                out.stored = true;
                at += 1;
            }
            MATRIX => {
                out.matrix = true;
                at += 1;
            }
            _ => {
                out.push(text, origin);
                at += 1;
            }
        }
    }
    Ok(())
}

/// Lines up to the `#end` that closes a block whose `#unroll` stands before `lines`.
fn block_length(lines: &[Line]) -> Option<usize> {
    let mut depth = 1;
    lines.iter().position(|(text, _)| {
        depth += i32::from(text.trim_start().starts_with("#unroll ")) - i32::from(text.trim() == "#end");
        depth == 0
    })
}

/// Who has a format of its own: the name, that of its type, and the files of its formats in `shared/storage`.
pub const STORAGE_ROLES: [(&str, &str, &[&str]); 3] = [
    ("values", "Value", &["single", "half", "packed", "brain"]),
    ("weights", "Weight", &["single", "half", "packed"]),
    ("gradients", "Gradient", &["single", "brain"]),
];

/// The types of each of [`STORAGE_ROLES`] in each of its formats.
pub type StorageTexts = [Vec<String>; 3];

/// Reads the types of activations, weights and gradients from `shared/storage`, where they are written once for all.
///
/// # Errors
/// A file that cannot be read.
pub fn storage_texts(root: &Path) -> Result<StorageTexts, ShaderError> {
    let mut texts = StorageTexts::default();
    for ((_, name, formats), of_role) in STORAGE_ROLES.iter().zip(&mut texts) {
        for format in *formats {
            of_role.push(storage_text(root, format, name)?);
        }
    }
    Ok(texts)
}

/// A format of `shared/storage` as the type `name`.
fn storage_text(root: &Path, format: &str, name: &str) -> Result<String, ShaderError> {
    let file = Path::new("shared/storage").join(format!("{format}.wgsl"));
    let text = fs::read_to_string(root.join(&file)).map_err(|e| ShaderError {
        origin: None,
        kernel: "shared/storage".into(),
        message: format!("cannot read {}: {e}", file.display()),
    })?;
    Ok(text.replace("Stored", name).replace("_stored", &format!("_{}", name.to_lowercase())))
}

/// The sides of the matrices that devices' matrix units multiply.
pub const MATRIX_EDGES: [u32; 2] = [8, 16];

/// The types of matrix units for each of [`MATRIX_EDGES`]: `EDGE`, `MatrixA`, `MatrixB` and `MatrixSum`, and `Half`, of which the first
/// two are made.
///
/// # Errors
/// A file that cannot be read.
pub fn matrix_texts(root: &Path) -> Result<Vec<String>, ShaderError> {
    let half = storage_text(root, "half", "Half")?;
    let alias = |edge: u32| {
        let matrix =
            |name, scalar, role| format!("alias {name} = coop_mat{edge}x{edge}<{scalar}, {role}>;\n");
        let matrices =
            [matrix("MatrixA", "f16", "A"), matrix("MatrixB", "f16", "B"), matrix("MatrixSum", "f32", "C")];
        format!("const EDGE: u32 = {edge}u;\n{}{half}", matrices.concat())
    };
    Ok(MATRIX_EDGES.map(alias).to_vec())
}

impl Expanded {
    /// The text with the types of `texts`, for each role the number of its format, and of matrix units, `matrices`; as it is where it
    /// needs none.
    pub fn with_types(&self, texts: &StorageTexts, formats: [usize; 3], matrices: &str) -> Self {
        let origin = Origin { file: PathBuf::from("shared/storage"), line: 1 };
        let (matrix, subgroups) = (self.matrix, self.subgroups);
        let mut whole = Self { name: self.name.clone(), matrix, subgroups, ..Self::default() };
        let storage =
            texts.iter().zip(formats).map(|(of_role, format)| of_role.get(format).map_or("", String::as_str));
        let storage = storage.filter(|_| self.stored);
        let chosen = storage.chain(Some(matrices).filter(|_| self.matrix));
        if chosen.clone().any(|text| text.contains("<f16")) {
            whole.push("enable f16;", &origin);
        }
        if self.matrix {
            whole.push("enable wgpu_cooperative_matrix;", &origin);
        }
        for line in chosen.flat_map(str::lines) {
            whole.push(line, &origin);
        }
        whole.source.push_str(&self.source);
        whole.origins.extend_from_slice(&self.origins);
        whole
    }

    fn push(&mut self, text: &str, origin: &Origin) {
        self.source.push_str(text);
        self.source.push('\n');
        self.origins.push(origin.clone());
    }
}

fn paste(
    root: &Path,
    folder: Option<&str>,
    file: &Path,
    importer: Option<Origin>,
    seen: &mut HashSet<PathBuf>,
    kernel: &str,
    out: &mut Vec<Line>,
) -> Result<(), ShaderError> {
    if !seen.insert(file.to_path_buf()) {
        return Ok(());
    }
    let text = fs::read_to_string(root.join(file)).map_err(|e| ShaderError {
        origin: importer,
        kernel: kernel.to_string(),
        message: format!("cannot read {}: {e}", file.display()),
    })?;
    for (index, line) in text.lines().enumerate() {
        let origin = Origin { file: file.to_path_buf(), line: index + 1 };
        if [STORAGE, MATRIX].contains(&line.trim()) {
            out.push((line.trim().into(), origin));
        } else if let Some(import) = line.trim_start().strip_prefix("#import ") {
            let name = format!("{}.wgsl", import.trim());
            let instead = folder.map(|folder| Path::new("shared").join(folder).join(&name));
            let shared = instead.filter(|instead| root.join(instead).exists());
            let shared = shared.unwrap_or_else(|| Path::new("shared").join(&name));
            paste(root, folder, &shared, Some(origin), seen, kernel, out)?;
        } else {
            out.push((line.to_string(), origin));
        }
    }
    Ok(())
}
