//! Plain text tables.

use std::collections::BTreeSet;

/// Lines with columns as wide as their widest cell; columns of numbers are set to the right.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|r| r[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let numeric: Vec<bool> = (0..header.len())
        .map(|c| {
            rows.iter().all(|r| r[c].is_empty() || r[c].starts_with(|x: char| x.is_ascii_digit() || x == '-'))
        })
        .collect();
    let line = |cells: Vec<&str>| -> String {
        let padded = cells.iter().enumerate().map(|(c, cell)| {
            let gap = " ".repeat(widths[c] - cell.chars().count());
            if numeric[c] { format!("{gap}{cell}") } else { format!("{cell}{gap}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let mut lines = vec![line(header.to_vec())];
    lines.push(widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>().join("  "));
    lines.extend(rows.iter().map(|r| line(r.iter().map(String::as_str).collect())));
    lines.join("\n")
}

/// Names of at most `width` characters that still differ from one another: their beginnings, or what follows the
/// beginning that all share; nothing where neither tells them apart.
pub fn abbreviate(names: &[&str], width: usize) -> Option<Vec<String>> {
    let shared = shared_beginning(names);
    [0, shared].into_iter().find_map(|skip| {
        let short = |name: &&str| name.chars().skip(skip).take(width).collect::<String>();
        let short: Vec<String> = names.iter().map(short).collect();
        let different: BTreeSet<&str> = short.iter().map(|name| name.trim_end()).collect();
        (different.len() == names.len() && !different.contains("")).then_some(short)
    })
}

/// How many characters all names begin with.
fn shared_beginning(names: &[&str]) -> usize {
    let Some((first, others)) = names.split_first() else { return 0 };
    let with = |other: &&str| first.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    others.iter().map(with).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::abbreviate;

    #[test]
    fn abbreviations_differ_or_there_are_none() {
        let short = |names: &[&str], width| abbreviate(names, width).map(|short| short.join("|"));
        assert_eq!(short(&["cardboard", "glass"], 4).as_deref(), Some("card|glas"));
        assert_eq!(short(&["white glass", "white paper"], 5).as_deref(), Some("glass|paper"));
        assert_eq!(short(&["white glass", "white paper", "wood"], 5), None);
        assert_eq!(short(&["ümlaut", "über"], 2).as_deref(), Some("üm|üb"));
        assert_eq!(short(&["class", "class 2"], 5), None, "one of them would have no name left");
        assert_eq!(short(&["same", "same"], 9), None);
        assert_eq!(short(&["only"], 2).as_deref(), Some("on"));
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let rows = [vec!["a".to_string(), "10".into()], vec!["long".into(), "5".into()]];
        assert_eq!(super::render(&["name", "n"], &rows), "name   n\n----  --\na     10\nlong   5");
    }
}
