//! What the model says of single pictures, beside what they are.

use std::path::PathBuf;

/// A picture that is classified, and the name of its class.
pub struct Shown {
    /// The picture.
    pub file: PathBuf,
    /// What it is.
    pub truth: String,
}

/// What `photonet infer --format json` said of each picture, with a mark behind the first answer.
pub fn marked(answers: &str, shown: &[Shown]) -> String {
    let mut text = String::new();
    for line in answers.lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        // Of one that cannot be read infer has said so.
        let (Some(file), Some(top)) = (line["file"].as_str(), line["top"].as_array()) else { continue };
        let truth = shown.iter().find(|shown| shown.file.display().to_string() == file);
        text += &format!("  {file}\n");
        for (rank, answer) in top.iter().enumerate() {
            let label = answer["label"].as_str().unwrap_or_default();
            let mark = match truth {
                Some(shown) if rank == 0 && shown.truth == label => "   right".to_string(),
                Some(shown) if rank == 0 => format!("   WRONG: it is {}", shown.truth),
                _ => String::new(),
            };
            let percent = 100.0 * answer["probability"].as_f64().unwrap_or_default();
            text += &format!("    {percent:6.2} %  {label}{mark}\n");
        }
    }
    text
}

/// The paths and labels of a list of `path label` lines; a path may hold spaces.
pub fn listed(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| {
            let (path, label) = line.trim().rsplit_once(char::is_whitespace)?;
            Some((path.trim(), label))
        })
        .collect()
}

/// The name of a label after a list of `id name` lines, or the label itself.
pub fn named(names: &str, label: &str) -> String {
    let name = names.lines().find_map(|line| {
        let (id, name) = line.trim().split_once(char::is_whitespace)?;
        (id == label).then(|| name.trim().to_string())
    });
    name.unwrap_or_else(|| label.to_string())
}

/// Up to `count` elements, evenly spaced over the list.
pub fn spread<T: Copy>(list: &[T], count: usize) -> Vec<T> {
    let count = count.min(list.len());
    (0..count).map(|index| list[index * list.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_lines_may_hold_spaces() {
        let text = "glass/my photo 1.jpg 0\n\nmetal/b.jpg\t1\nnothing\n";
        assert_eq!(listed(text), [("glass/my photo 1.jpg", "0"), ("metal/b.jpg", "1")]);
        assert_eq!(named("0 blue glass\n10 metal\n1 paper\n", "0"), "blue glass");
        assert_eq!(named("10 metal\n", "1"), "1");
    }

    #[test]
    fn wrong_answers_are_marked() {
        let answer = |file: &str, label: &str| {
            format!(
                r#"{{"file":"{file}","top":[{{"index":0,"label":"{label}","probability":0.9}},{{"index":1,"label":"dots","probability":0.1}}]}}"#
            )
        };
        let answers = [
            answer("a.jpg", "rings"),
            r#"{"file":"b.jpg","error":"damaged"}"#.to_string(),
            answer("c.jpg", "rings"),
        ];
        let shown = |file: &str, truth: &str| Shown { file: file.into(), truth: truth.into() };
        let shown = [shown("a.jpg", "rings"), shown("b.jpg", "dots"), shown("c.jpg", "dots")];
        let expected = "  a.jpg\n     90.00 %  rings   right\n     10.00 %  dots\n  c.jpg\n     90.00 %  \
                        rings   WRONG: it is dots\n     10.00 %  dots\n";
        assert_eq!(marked(&answers.join("\n"), &shown), expected);
    }

    #[test]
    fn a_handful_is_spread_over_the_list() {
        let list = ["a", "b", "c", "d", "e"];
        assert_eq!(spread(&list, 2), ["a", "c"]);
        assert_eq!(spread(&list, 9), list);
        assert!(spread::<&str>(&[], 3).is_empty());
    }
}
