//! Text for a page.

use photonet_train::dataset;
use std::fmt::Write;

/// A text as it is shown, whatever stands in it. Control characters have no meaning in a page.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A name in the middle of other text, which its direction of writing leaves alone.
pub fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// A share, 0 to 1, in per cent.
pub fn percent(share: f64) -> String {
    format!("{:.1}&nbsp;%", 100.0 * share)
}

/// A number with the word for one or for many, on one line.
pub fn count(n: usize, one: &str, many: &str) -> String {
    dataset::count(n, one, many).replace(' ', "&nbsp;")
}

/// Each item by `item`, one after the other.
pub fn each<T>(items: impl IntoIterator<Item = T>, item: impl Fn(T) -> String) -> String {
    items.into_iter().fold(String::new(), |mut all, next| {
        // Writing to a string cannot fail.
        let _ = writeln!(all, "{}", item(next));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(escape("<img src=x>.jpg"), "&lt;img src=x&gt;.jpg");
        assert_eq!(escape(r#"a"b'c&d"#), "a&quot;b&#39;c&amp;d");
        assert_eq!(escape("a\0b\u{1b}[2Jc\n"), "a\u{fffd}b\u{fffd}[2Jc\u{fffd}");
        assert_eq!(name("זכוכית"), "<bdi>זכוכית</bdi>");
    }
}
