//! Numbers: products and quotients in place of them, as PaddleClas's files have them, and how many digits are shown.

/// As [`arithmetic`], where the result is a whole number that is exact.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let value = arithmetic(text).filter(|_| text.contains(['*', '/']))?;
    (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
}

/// Reads `a`, `a/b`, `a*b` and longer chains of these, from left to right.
pub(crate) fn arithmetic(text: &str) -> Option<f64> {
    let mut value: Option<f64> = None;
    let mut divide = false;
    let mut rest = text;
    loop {
        let end = rest.find(['*', '/']);
        let factor: f64 = rest[..end.unwrap_or(rest.len())].trim().parse().ok()?;
        value = Some(match value {
            None => factor,
            Some(v) if divide => v / factor,
            Some(v) => v * factor,
        });
        let Some(at) = end else { return value };
        divide = rest.as_bytes()[at] == b'/';
        rest = &rest[at + 1..];
    }
}

/// A number for the user to read: rounded to so many significant digits, at least 1.
pub(crate) fn significant(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn numbers_are_shown_to_six_digits() {
        let numbers = [0.009375000000000001, 0.1, 0.00002, 0.0, 1.0 / 3.0, 12.0];
        assert_eq!(
            numbers.map(|number| significant(number, 6).to_string()),
            ["0.009375", "0.1", "0.00002", "0", "0.333333", "12"]
        );
    }
}
