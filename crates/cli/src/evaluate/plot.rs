//! The reliability diagram as SVG.

use std::fmt::Write;

use recommend_training::evaluate::Bin;

const SIZE: f64 = 420.0;
const MARGIN: f64 = 60.0;
const COLOURS: [&str; 6] = ["#3b6ea8", "#c2571a", "#3f8f4f", "#8a4fa3", "#a83b5b", "#777777"];

/// One curve a model, over the diagonal of perfect calibration; a dot's area is its share of the rows.
pub(super) fn reliability(curves: &[(&str, &[Bin])]) -> String {
    let (width, height) = (SIZE + 2.0 * MARGIN, SIZE + 2.0 * MARGIN + 20.0 * curves.len() as f64);
    let x = |value: f64| MARGIN + value * SIZE;
    let y = |value: f64| MARGIN + (1.0 - value) * SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    // Writing to a string does not fail.
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{0} {1}V{2}M{1} {3}H{4}\" stroke=\"#ddd\"/><text x=\"{0}\" y=\"{5}\" text-anchor=\"middle\" \
             fill=\"#666\">{value}</text><text x=\"{6}\" y=\"{7}\" text-anchor=\"end\" fill=\"#666\">{value}</text>",
            x(value),
            MARGIN,
            y(0.0),
            y(value),
            x(1.0),
            y(0.0) + 18.0,
            MARGIN - 8.0,
            y(value) + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{} {}L{} {}\" stroke=\"#999\" stroke-dasharray=\"4 4\"/><text x=\"{}\" y=\"{}\" \
         text-anchor=\"middle\">predicted</text><text x=\"{MARGIN}\" y=\"{}\">observed</text>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0),
        x(0.5),
        y(0.0) + 38.0,
        MARGIN - 16.0
    );
    for (at, (name, bins)) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let rows: usize = bins.iter().map(|bin| bin.rows).sum();
        let points: Vec<String> =
            bins.iter().map(|bin| format!("{:.1},{:.1}", x(bin.predicted), y(bin.observed))).collect();
        let _ =
            writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>", points.join(" "));
        for bin in *bins {
            let radius = 2.0 + 10.0 * (bin.rows as f64 / rows.max(1) as f64).sqrt();
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{colour}\" fill-opacity=\"0.5\"/>",
                x(bin.predicted),
                y(bin.observed)
            );
        }
        let line = y(0.0) + 60.0 + 20.0 * at as f64;
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            line - 10.0,
            MARGIN + 18.0,
            line
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_calibration_lies_on_the_diagonal() {
        let bins =
            [Bin { predicted: 0.0, observed: 0.0, rows: 3 }, Bin { predicted: 1.0, observed: 1.0, rows: 1 }];
        let svg = reliability(&[("a<b", &bins)]);
        assert!(svg.contains("points=\"60.0,480.0 480.0,60.0\"") && svg.contains("a&lt;b"));
        assert_eq!(svg.matches("<circle").count(), 2);
    }
}
