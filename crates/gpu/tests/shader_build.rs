//! The shader build: expansion, validation and reflection of kernels in a folder of their own.

#[path = "../build/expand.rs"]
mod expand;
#[path = "../build/reflect.rs"]
mod reflect;

use expand::{
    Expanded, MATRIX_EDGES, Origin, ShaderError, Variant, expand, matrix_texts, parse_variants, storage_texts,
};
use reflect::{Reflection, reflect, reflect_all};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A shader folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    root
}

/// Expands and reflects `layer/kernel`.
fn build(files: &[(&str, &str)], variant: Option<&Variant>) -> Result<(Expanded, Reflection), ShaderError> {
    let root = folder(files);
    let expanded = expand(root.path(), "layer/kernel", variant)?;
    let reflection = reflect(&expanded)?;
    Ok((expanded, reflection))
}

fn error(files: &[(&str, &str)], variant: Option<&Variant>) -> ShaderError {
    match build(files, variant) {
        Err(error) => error,
        Ok((expanded, _)) => panic!("built:\n{}", expanded.source),
    }
}

fn origin(file: &str, line: usize) -> Option<Origin> {
    Some(Origin { file: file.into(), line })
}

fn variant(constants: &[(&str, u32)]) -> Variant {
    let constants = constants.iter().map(|&(name, value)| (name.to_string(), value)).collect();
    Variant { kernel: "layer/kernel".into(), name: "v".into(), folder: None, constants }
}

const KERNEL: &str = "layer/kernel.wgsl";
const EMPTY: &str = "@compute @workgroup_size(1)\nfn main() {}\n";
const HELPER: &str = "fn twice(x: f32) -> f32 {\n    return 2.0 * x;\n}\n";

#[test]
fn imports_are_pasted_once_and_lines_keep_their_origin() {
    let files = [
        (KERNEL, "// first line\n#import outer\n#import twice\n@compute @workgroup_size(1)\nfn main() {}\n"),
        ("shared/outer.wgsl", "#import twice\nfn four(x: f32) -> f32 { return twice(twice(x)); }\n"),
        ("shared/twice.wgsl", HELPER),
    ];
    let (expanded, _) = build(&files, None).unwrap();
    assert_eq!(expanded.name, "layer/kernel");
    assert_eq!(expanded.source.matches("fn twice").count(), 1);
    assert_eq!(expanded.source.lines().count(), expanded.origins.len());
    let line = |text| expanded.source.lines().position(|l| l.contains(text)).unwrap();
    assert_eq!(Some(&expanded.origins[line("return 2.0")]), origin("shared/twice.wgsl", 2).as_ref());
    assert_eq!(Some(&expanded.origins[line("fn four")]), origin("shared/outer.wgsl", 2).as_ref());
    assert_eq!(Some(&expanded.origins[line("fn main")]), origin(KERNEL, 5).as_ref());
}

#[test]
fn a_syntax_error_names_the_kernels_line() {
    let text = "#import twice\n@compute @workgroup_size(1)\nfn main() {\n    let x = ;\n}\n";
    let error = error(&[(KERNEL, text), ("shared/twice.wgsl", HELPER)], None);
    assert_eq!(error.origin, origin(KERNEL, 4));
    let shown = error.to_string();
    assert!(shown.starts_with("shaders/layer/kernel.wgsl:4: "), "{shown}");
    assert!(shown.ends_with("(kernel layer/kernel)"), "{shown}");
}

#[test]
fn an_error_inside_a_snippet_names_the_snippets_line() {
    let broken = "fn twice(x: f32) -> f32 {\n    return unknown * x;\n}\n";
    let text = format!("// one\n// two\n#import twice\n{EMPTY}");
    let error = error(&[(KERNEL, &text), ("shared/twice.wgsl", broken)], None);
    assert_eq!(error.origin, origin("shared/twice.wgsl", 2));
    assert!(error.message.contains("unknown"), "{}", error.message);
}

#[test]
fn a_type_error_found_by_validation_has_a_line_and_its_cause() {
    let text =
        "@compute @workgroup_size(1)\nfn main() {\n    var x: u32 = 1u;\n    x = vec2<u32>(1u, 2u);\n}\n";
    let error = error(&[(KERNEL, text)], None);
    assert_eq!(error.origin, origin(KERNEL, 4), "{}", error.message);
    // naga nests its errors; the innermost tells what to change.
    assert!(error.message.contains("doesn't match the type stored"), "{}", error.message);
}

#[test]
fn an_error_in_a_variant_names_the_kernels_own_line_and_the_variant() {
    let text =
        "// one\n@compute @workgroup_size(1)\nfn main() {\n    var x: array<f32, SIZE>;\n    x[0] = y;\n}\n";
    let of_variant = variant(&[("SIZE", 3), ("OTHER", 4)]);
    let error = error(&[(KERNEL, text)], Some(&of_variant));
    assert_eq!(error.origin, origin(KERNEL, 5));
    assert_eq!(error.kernel, "layer/kernel@v");
}

#[test]
fn a_variant_gives_the_constants_that_the_kernel_needs() {
    let text =
        "var<workgroup> x: array<f32, SIZE>;\n@compute @workgroup_size(1)\nfn main() {\n    x[0] = 1.0;\n}\n";
    for size in [3, 5] {
        let (_, reflection) = build(&[(KERNEL, text)], Some(&variant(&[("SIZE", size)]))).unwrap();
        assert_eq!(reflection.shared_bytes, size * 4);
    }
    let without = error(&[(KERNEL, text)], None);
    assert_eq!(without.origin, origin(KERNEL, 1));
    assert!(without.message.contains("SIZE"), "{}", without.message);
}

#[test]
fn a_missing_import_names_the_line_that_asks_for_it() {
    let error = error(&[(KERNEL, &format!("// one\n#import nowhere\n{EMPTY}"))], None);
    assert_eq!(error.origin, origin(KERNEL, 2));
    assert!(error.message.contains("cannot read shared/nowhere.wgsl"), "{}", error.message);
}

#[test]
fn a_missing_kernel_is_named() {
    let error = error(&[], None);
    assert_eq!(error.origin, None);
    assert!(error.to_string().contains("cannot read layer/kernel.wgsl"), "{error}");
}

#[test]
fn a_kernel_has_exactly_one_entry_point_called_main() {
    let two = format!("{EMPTY}@compute @workgroup_size(1)\nfn other() {{}}\n");
    for text in [HELPER, "@compute @workgroup_size(1)\nfn other() {}\n", &two] {
        let error = error(&[(KERNEL, text)], None);
        assert!(error.message.contains("exactly one entry point, `main`"), "{}", error.message);
    }
}

#[test]
fn the_interface_is_reflected() {
    let text = "
        struct Params { count: u32, scale: vec4<f32> }
        @group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
        @group(0) @binding(0) var<uniform> params: Params;
        @group(0) @binding(1) var<storage, read> input: array<u32>;
        var<workgroup> sums: array<vec4<f32>, 64>;
        var<workgroup> counts: array<u32, 8>;
        override PLAIN: bool;
        override SLOPE: f32 = 0.5;
        @compute @workgroup_size(64, 2)
        fn main(@builtin(local_invocation_index) lane: u32) {
            sums[lane % 64u] = params.scale * SLOPE;
            counts[lane % 8u] = params.count;
            if PLAIN { output[0] = sums[0] + f32(input[0] + counts[0]); }
        }";
    let (_, reflection) = build(&[(KERNEL, text)], None).unwrap();
    assert_eq!(reflection.workgroup_size, [64, 2, 1]);
    assert_eq!(reflection.shared_bytes, 64 * 16 + 8 * 4);
    let bindings: Vec<_> =
        reflection.bindings.iter().map(|b| (b.index, b.name.as_str(), b.access, b.min_bytes)).collect();
    // A runtime-sized array needs one element at least.
    let expected = [(0, "params", "Uniform", 32), (1, "input", "Read", 4), (2, "output", "ReadWrite", 16)];
    assert_eq!(bindings, expected);
    assert_eq!(reflection.overrides, [("PLAIN".to_string(), false), ("SLOPE".to_string(), true)]);
}

#[test]
fn a_workgroup_size_from_an_override_is_left_open() {
    let text = "override WORKGROUP: u32 = 64;\n@compute @workgroup_size(WORKGROUP)\nfn main() {}\n";
    let (_, reflection) = build(&[(KERNEL, text)], None).unwrap();
    assert_eq!(reflection.workgroup_size, [0, 1, 1]);
    assert_eq!(reflection.overrides, [("WORKGROUP".to_string(), true)]);
}

#[test]
fn bindings_outside_of_group_0_are_refused() {
    let text = format!("@group(1) @binding(0) var<storage, read> input: array<u32>;\n{EMPTY}");
    let error = error(&[(KERNEL, &text)], None);
    assert!(error.message.contains("`input` must be bound in @group(0)"), "{}", error.message);
}

#[test]
fn variants_are_parsed_and_mistakes_have_a_line() {
    let file = Path::new("variants.txt");
    let text = "# comment\n\nlayer/kernel  a  X=1 Y=22 # more\nlayer/other b\n";
    let variants = parse_variants(text, file).unwrap();
    assert_eq!(variants.len(), 2);
    assert_eq!((variants[0].kernel.as_str(), variants[0].name.as_str()), ("layer/kernel", "a"));
    assert_eq!(variants[0].constants, [("X".to_string(), 1), ("Y".to_string(), 22)]);
    assert!(variants[1].constants.is_empty());
    let text = "@tile X=1 Y=2\nlayer/kernel a @tile Z=3\n@wide @tile Z=4\nlayer/kernel b in fast @wide\n";
    let constants: Vec<_> = parse_variants(text, file).unwrap().into_iter().map(|v| v.constants).collect();
    let expected = |z| [("X", 1), ("Y", 2), ("Z", z)].map(|(name, value)| (name.to_string(), value));
    assert_eq!(constants, [expected(3), expected(4)]);
    for (text, line, message) in [
        ("layer/kernel a X=1\nlayer/kernel\n", 2, "expected `kernel variant"),
        ("layer/kernel a @tile\n@tile X=1\n", 1, "`@tile` is not defined above"),
        ("@tile X\n", 1, "`X` is not NAME=NUMBER"),
        ("layer/kernel a X\n", 1, "`X` is not NAME=NUMBER"),
        ("\nlayer/kernel a X=-1\n", 2, "`X=-1` is not NAME=NUMBER"),
    ] {
        let error = parse_variants(text, file).unwrap_err();
        assert_eq!(error.origin, origin("variants.txt", line));
        assert!(error.message.contains(message), "{}", error.message);
    }
}

/// A kernel that imports `storage`, with `line` as its work.
fn stored_kernel(line: &str) -> Result<Reflection, ShaderError> {
    let text = format!(
        "#import storage
        @group(0) @binding(0) var<storage, read> input: array<Value>;
        @group(0) @binding(1) var<storage, read> weights: array<Weight>;
        @group(0) @binding(2) var<storage, read_write> output: array<Value>;
        @group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;
        @compute @workgroup_size(1)
        fn main() {{
            let sum = from_value(input[0]) * from_weight(weights[0]);
            sums[0] = sum;
            {line}
        }}\n"
    );
    reflect_with_all_types(&text)
}

fn reflect_with_all_types(text: &str) -> Result<Reflection, ShaderError> {
    let shaders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders");
    let kernel = expand(folder(&[(KERNEL, text)]).path(), "layer/kernel", None)?;
    reflect_all(&kernel, &storage_texts(&shaders)?, &matrix_texts(&shaders)?)
}

/// A kernel on matrix units, with `line` as its work.
fn kernel_on_units(imports: &str, line: &str) -> Result<Reflection, ShaderError> {
    reflect_with_all_types(&format!(
        "{imports}
        @group(0) @binding(0) var<storage, read_write> output: array<vec4<f32>>;
        var<workgroup> tile: array<Half, EDGE * EDGE / 4u>;
        @compute @workgroup_size(EDGE * EDGE / 8u)
        fn main(@builtin(local_invocation_index) lane: u32) {{
            tile[lane] = to_half(vec4<f32>(1.0));
            workgroupBarrier();
            let a = coopLoadT<MatrixA>(&tile[0], EDGE / 4u);
            let b = coopLoadT<MatrixB>(&tile[0], EDGE / 4u);
            var sum: MatrixSum;
            {line}
            coopStoreT(sum, &output[0], EDGE / 4u);
        }}\n"
    ))
}

#[test]
fn kernels_on_matrix_units_build_for_every_size_and_with_storage_alone() {
    assert_eq!(MATRIX_EDGES, [8, 16]);
    let line = "sum = coopMultiplyAdd(a, b, sum);";
    let reflection = kernel_on_units("#import storage\n#import matrix", line).unwrap();
    assert_eq!((reflection.workgroup_size, reflection.shared_bytes), ([32, 1, 1], 512));
    let error = kernel_on_units("#import matrix", line).unwrap_err();
    assert_eq!(error.message, "a kernel that imports matrix imports storage as well");
    // The units multiply A by B, and not B by A.
    let error = kernel_on_units("#import storage\n#import matrix", "sum = coopMultiplyAdd(b, a, sum);");
    assert!(error.is_err());
    // Nor does a kernel that asks for none get any.
    let error = reflect_with_all_types(
        "enable wgpu_cooperative_matrix;\nalias M = coop_mat8x8<f32, A>;\nvar<private> m: M;\n@compute @workgroup_size(1)\nfn main() {}\n",
    );
    assert!(error.is_err());
}

#[test]
fn a_folder_of_a_variant_stands_in_for_shared_files() {
    let variants = "layer/kernel plain WIDTH=1\nlayer/kernel other in fast WIDTH=2\n";
    let variants = parse_variants(variants, Path::new("variants.txt")).unwrap();
    assert_eq!(variants.iter().map(|v| v.folder.as_deref()).collect::<Vec<_>>(), [None, Some("fast")]);
    let text = format!("#import one\n#import two\n{EMPTY}");
    let files = [
        (KERNEL, text.as_str()),
        ("shared/one.wgsl", "const ONE: u32 = 1u;\n"),
        ("shared/two.wgsl", "const TWO: u32 = 2u;\n"),
        ("shared/fast/two.wgsl", "const TWO: u32 = 22u;\n"),
    ];
    let values = |variant: &Variant| {
        let (built, _) = build(&files, Some(variant)).unwrap();
        ["= 1u", "= 2u;\n@", "= 22u"].map(|value| built.source.contains(value))
    };
    assert_eq!(variants.iter().map(values).collect::<Vec<_>>(), [[true, true, false], [true, false, true]]);
    let missing = Variant { folder: Some("slow".into()), ..variant(&[]) };
    assert_eq!(error(&files, Some(&missing)).message, "there is no folder shared/slow");
    for bad in ["layer/kernel v in", "layer/kernel v in WIDTH=1"] {
        let error = parse_variants(bad, Path::new("variants.txt")).unwrap_err();
        assert_eq!(error.message, "`in` is followed by the name of a folder of shared/");
    }
}

#[test]
fn bindings_know_whose_format_they_follow() {
    let reflection = stored_kernel("output[0] = to_value(sum);").unwrap();
    let roles: Vec<_> = reflection.bindings.iter().map(|b| (b.name.as_str(), b.role, b.min_bytes)).collect();
    let expected = [
        ("input", "Values", 16),
        ("weights", "Weights", 16),
        ("output", "Values", 16),
        ("sums", "Fixed", 16),
    ];
    assert_eq!(roles, expected);
}

#[test]
fn a_kernel_must_build_in_every_format() {
    // Right in single precision alone, and the line of the author is named all the same.
    let error = stored_kernel("output[0] = sum;").unwrap_err();
    assert_eq!(error.origin, origin(KERNEL, 10));
}
