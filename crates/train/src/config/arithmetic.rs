//! Products and quotients in place of numbers, as PaddleClas's files have them.

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
