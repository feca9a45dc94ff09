//! A plot of the grid, as SVG: time over the number of pixels, both by powers of ten.

use super::suite::Point;
use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const MARGIN: [f64; 4] = [40.0, 110.0, 50.0, 60.0];
const COLOURS: [&str; 5] = ["#2563eb", "#059669", "#d97706", "#dc2626", "#7c3aed"];

/// A range of powers of ten that holds all of `values`.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
    let high = values.fold(f64::MIN_POSITIVE, f64::max).log10().ceil();
    (low, high.max(low + 1.0))
}

/// The picture. One line for each size, and a dotted one along which the cost grows as the pixels do.
pub fn svg(title: &str, points: &[Point]) -> String {
    let [top, right, bottom, left] = MARGIN;
    let (x0, x1) = decades(points.iter().map(Point::megapixels));
    let (y0, y1) = decades(points.iter().map(|point| point.ms));
    let x = |value: f64| left + (value.log10() - x0) / (x1 - x0) * (WIDTH - left - right);
    let y = |value: f64| HEIGHT - bottom - (value.log10() - y0) / (y1 - y0) * (HEIGHT - top - bottom);
    let mut body = String::new();
    // Writing to a string cannot fail.
    for power in x0 as i32..=x1 as i32 {
        let (at, value) = (x(10_f64.powi(power)), 10_f64.powi(power));
        let _ = writeln!(
            body,
            r##"<path d="M{at:.1} {top}V{:.1}" stroke="#ddd"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{value}</text>"##,
            HEIGHT - bottom,
            HEIGHT - bottom + 18.0
        );
    }
    for power in y0 as i32..=y1 as i32 {
        let (at, value) = (y(10_f64.powi(power)), 10_f64.powi(power));
        let _ = writeln!(
            body,
            r##"<path d="M{left} {at:.1}H{:.1}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end">{value}</text>"##,
            WIDTH - right,
            left - 8.0,
            at + 4.0
        );
    }
    if let Some(last) = points.iter().max_by(|a, b| a.megapixels().total_cmp(&b.megapixels())) {
        let first = points.iter().map(Point::megapixels).fold(f64::INFINITY, f64::min);
        let begin = (last.ms * first / last.megapixels()).max(10_f64.powf(y0));
        let from = last.megapixels() * begin / last.ms;
        let _ = writeln!(
            body,
            r##"<path d="M{:.1} {:.1}L{:.1} {:.1}" stroke="#888" stroke-dasharray="4 4"/>"##,
            x(from),
            y(begin),
            x(last.megapixels()),
            y(last.ms)
        );
    }
    let mut sizes: Vec<usize> = points.iter().map(|point| point.size).collect();
    sizes.dedup();
    for (number, size) in sizes.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let of_size = points.iter().filter(|point| point.size == *size);
        let places: Vec<(f64, f64)> = of_size.map(|p| (x(p.megapixels()), y(p.ms))).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(body, r#"<polyline points="{}" fill="none" stroke="{colour}"/>"#, line.join(" "));
        for (x, y) in &places {
            let _ = writeln!(body, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#);
        }
        let at = top + 20.0 * number as f64;
        let _ = writeln!(
            body,
            r#"<circle cx="{:.1}" cy="{at:.1}" r="4" fill="{colour}"/><text x="{:.1}" y="{:.1}">{size} px</text>"#,
            WIDTH - right + 16.0,
            WIDTH - right + 26.0,
            at + 4.0
        );
    }
    let middle = left + (WIDTH - left - right) / 2.0;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{middle:.1}" y="22" text-anchor="middle" font-size="14">{}</text>
{body}<text x="{middle:.1}" y="{:.1}" text-anchor="middle">megapixels in a batch</text>
<text x="16" y="{:.1}" text-anchor="middle" transform="rotate(-90 16 {:.1})">milliseconds (median)</text>
</svg>
"##,
        title.replace('&', "&amp;").replace('<', "&lt;"),
        HEIGHT - 12.0,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_and_size_is_drawn() {
        let point = |size: usize, batch: usize| Point { size, batch, ms: (size * size * batch) as f64 / 1e4 };
        let points = [point(96, 1), point(96, 2), point(224, 1), point(224, 2)];
        let text = svg("a < b", &points);
        assert_eq!(text.matches("<polyline").count(), 2);
        assert_eq!(text.matches(r#"r="3""#).count(), 4);
        assert!(text.contains("224 px") && text.contains("a &lt; b") && text.ends_with("</svg>\n"));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
