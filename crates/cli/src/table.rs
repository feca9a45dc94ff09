//! Plain text tables.

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

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_stand_right_and_words_left() {
        let rows = [vec!["a".to_string(), "10".into()], vec!["long".into(), "5".into()]];
        assert_eq!(super::render(&["name", "n"], &rows), "name   n\n----  --\na     10\nlong   5");
    }
}
