//! The lift over time as SVG: a line per variant, in the band that covers the truth at all times together.

use anyhow::{Result, anyhow, bail};
use plotters::prelude::*;

use super::report::{LookReport, Report};
use super::tally::MetricKind;

const SIZE: (u32, u32) = (1000, 520);
/// Colours that the colour-blind tell apart too (Okabe and Ito 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const DAY: f64 = 86_400_000.0;

/// Draws.
///
/// # Errors
/// When there is nothing to draw yet, or the drawing library cannot.
pub(super) fn draw(report: &Report, metric: MetricKind) -> Result<String> {
    let looks: Vec<&LookReport> = report.looks.iter().filter(|look| look.metric == metric).collect();
    let Some(last) = looks.last() else {
        bail!(
            "there is no comparison by {} to draw yet: no variant has enough users who did something",
            metric.title()
        );
    };
    let unit = if last.at - report.from > 3 * DAY as i64 { ("days", DAY) } else { ("hours", DAY / 24.0) };
    let time = |look: &LookReport| (look.at - report.from) as f64 / unit.1;
    let most = looks.iter().map(|look| time(look)).fold(0.0, f64::max);
    // Early bands are wide as houses; the scale is that of the last ones and of all lines.
    let of_last =
        looks.iter().filter(|look| look.at == last.at).flat_map(|look| [look.always_low, look.always_high]);
    let lines = looks.iter().filter(|look| time(look) > most / 10.0).map(|look| look.lift);
    let reach = of_last.chain(lines).map(f64::abs).fold(0.01, f64::max) * 1.25;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let title = format!(
            "{}: lift of {} over {}, with intervals that hold at all times",
            report.experiment,
            metric.title(),
            report.control.as_deref().unwrap_or_default()
        );
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..most.max(1e-9), -reach..reach)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(format!("{} since the start", unit.0))
            .y_label_formatter(&|lift| format!("{:+.0} %", 100.0 * lift))
            .draw()
            .map_err(failed)?;
        let zero = LineSeries::new([(0.0, 0.0), (most, 0.0)], BLACK.mix(0.5).stroke_width(1));
        chart.draw_series(zero).map_err(failed)?;
        let mut names: Vec<&str> = looks.iter().map(|look| look.variant.as_str()).collect();
        names.dedup();
        for (at, name) in names.into_iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let of: Vec<&&LookReport> = looks.iter().filter(|look| look.variant == name).collect();
            let inside = |lift: f64| lift.clamp(-reach, reach);
            let band: Vec<(f64, f64)> = of
                .iter()
                .map(|look| (time(look), inside(look.always_high)))
                .chain(of.iter().rev().map(|look| (time(look), inside(look.always_low))))
                .collect();
            chart.draw_series([Polygon::new(band, colour.mix(0.15).filled())]).map_err(failed)?;
            let line = of.iter().map(|look| (time(look), inside(look.lift)));
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))
                .map_err(failed)?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("drawing the plot: {error}")
}
