//! A bar chart as SVG.

use std::fmt::Write;

const ROW: usize = 22;
const LEFT: usize = 230;
const WIDTH: usize = 760;

/// Horizontal bars, the longest of them `WIDTH - LEFT` minus the room for its number.
pub(super) fn bars(title: &str, unit: &str, bars: &[(&str, f64)]) -> String {
    let height = 64 + ROW * bars.len();
    let longest = bars.iter().map(|(_, value)| value.abs()).fold(0.0, f64::max);
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" fill=\"#222\">{}</text>\n\
         <text x=\"{LEFT}\" y=\"42\" fill=\"#666\">{}</text>",
        escaped(title),
        escaped(unit)
    );
    for (at, (name, value)) in bars.iter().enumerate() {
        let y = 52 + at * ROW;
        let room = (WIDTH - LEFT - 90) as f64;
        let length = if longest > 0.0 { value.abs() / longest * room } else { 0.0 };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"#3b6ea8\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#666\">{}</text>",
            LEFT - 8,
            y + 13,
            escaped(&shortened(name)),
            ROW - 6,
            LEFT as f64 + length + 6.0,
            y + 13,
            super::number(*value)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(32) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_picture() {
        let svg = bars("a & b", "gain", &[("<script>", 2.0), (&"x".repeat(60), 1.0)]);
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;script&gt;") && !svg.contains("<script>"));
        assert!(svg.contains(&format!("{}…", "x".repeat(32))));
        assert!(svg.contains("width=\"440.0\"") && svg.contains("width=\"220.0\""));
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        assert!(bars("m", "gain", &[]).ends_with("</svg>\n"));
    }
}
