//! What a kernel's text needs before it is translated to Direct3D's language, or to Metal's.

use std::borrow::Cow;
use std::collections::HashMap;

/// A text without its lines `alias NAME = TYPE;`, and with those types where they were named.
///
/// To naga (30) a type that has a name is another one than the same without. Arrays of `Value` and of `vec4<f32>` are then of two types that
/// HLSL calls by one name: what makes zeros of them is written twice, and no compiler takes it. In Metal's language they are two types, which
/// are not assigned to one another.
pub fn without_aliases(text: &str) -> String {
    let mut types = HashMap::new();
    let mut code = Vec::new();
    for line in text.lines() {
        let alias = line.strip_prefix("alias ").and_then(|rest| rest.trim_end().strip_suffix(';'));
        match alias.and_then(|alias| alias.split_once('=')) {
            Some((name, meaning)) => {
                types.insert(name.trim(), meaning.trim());
            }
            None => code.push(line),
        }
    }
    let mut written = String::with_capacity(text.len());
    for line in code {
        write_out(&mut written, line, &types);
        written.push('\n');
    }
    written
}

/// Adds `code` with the types for their names, which may be made of other named ones, though never of themselves.
fn write_out(written: &mut String, code: &str, types: &HashMap<&str, &str>) {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = code;
    while let Some(start) = rest.find(of_word) {
        let (before, word) = rest.split_at(start);
        let (word, behind) = word.split_at(word.find(|c| !of_word(c)).unwrap_or(word.len()));
        written.push_str(before);
        match types.get(word) {
            // What follows a point is a member.
            Some(meaning) if !before.ends_with('.') => write_out(written, meaning, types),
            _ => written.push_str(word),
        }
        rest = behind;
    }
    written.push_str(rest);
}

/// A kernel's text as the backend of wgpu's that has this name is to get it.
pub(crate) fn for_backend(backend: &str, text: Cow<'static, str>) -> Cow<'static, str> {
    let plain = [wgpu::Backend::Dx12, wgpu::Backend::Metal].map(wgpu::Backend::to_str).contains(&backend);
    if plain { without_aliases(&text).into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_where_they_were_named() {
        let text = "alias Stored = vec2<u32>;\nalias Value = Stored;\nalias Line = array<Value, 4>;\nvar<private> Values: Line;\n\
                    fn to_Value(x: Value) -> Stored { return Stored(x.Value); }\n";
        let plain = "var<private> Values: array<vec2<u32>, 4>;\n\
                     fn to_Value(x: vec2<u32>) -> vec2<u32> { return vec2<u32>(x.Value); }\n";
        assert_eq!(without_aliases(text), plain);
        assert_eq!(without_aliases("fn main() {\n}\n"), "fn main() {\n}\n");
    }
}
