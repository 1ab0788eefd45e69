//! The metrics against the cut-off as SVG: a line with intervals for each contestant, recall on the left, nDCG on the
//! right.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use recommend_backtest::{BacktestResult, Evaluation};
use recommend_training::Metric;

const SIZE: (u32, u32) = (1200, 520);
/// Colours that the colour-blind tell apart too (Okabe and Ito 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(213, 94, 0),
    RGBColor(153, 153, 153),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// A cut-off, and the mean there with the ends of its interval.
type Point = (f64, [f64; 3]);

/// Draws.
///
/// # Errors
/// When the drawing library cannot.
pub(super) fn draw(result: &BacktestResult, seed: u64) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (left, right) = root.split_horizontally(SIZE.0 / 2);
        panel(&left, "recall at k, of min(k, relevant)", result, Metric::RecallCapped, seed)?;
        panel(&right, "nDCG at k", result, Metric::Ndcg, seed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    result: &BacktestResult,
    metric: Metric,
    seed: u64,
) -> Result<()> {
    let lines: Vec<(&Evaluation, Vec<Point>)> =
        result.evaluations.iter().map(|evaluation| (evaluation, points(evaluation, metric, seed))).collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let most = all().map(|(_, [_, _, high])| *high).fold(0.0, f64::max) * 1.05;
    let widest = all().map(|(k, _)| *k).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..widest * 1.02, 0.0..most.max(1e-3))
        .map_err(failed)?;
    let mesh = &mut chart.configure_mesh();
    mesh.light_line_style(WHITE)
        .x_desc("k")
        .x_label_formatter(&|k| format!("{k:.0}"))
        .draw()
        .map_err(failed)?;
    for (at, (evaluation, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let width = if at == 0 { 3 } else { 1 };
        let line =
            LineSeries::new(points.iter().map(|(k, [mean, ..])| (*k, *mean)), colour.stroke_width(width));
        let drawn = chart.draw_series(line).map_err(failed)?;
        drawn
            .label(evaluation.name.as_str())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(width)));
        let whiskers = points.iter().map(|(k, [_, low, high])| {
            PathElement::new(vec![(*k, *low), (*k, *high)], colour.mix(0.6).stroke_width(1))
        });
        chart.draw_series(whiskers).map_err(failed)?;
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw().map_err(failed)
}

/// For each cut-off the mean and its interval.
fn points(evaluation: &Evaluation, metric: Metric, seed: u64) -> Vec<Point> {
    let point = |at: &recommend_backtest::AtCutoff| {
        let interval = at.interval(metric, seed);
        (at.k as f64, [interval.mean, interval.low, interval.high])
    };
    evaluation.at.iter().map(point).collect()
}

fn failed<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("drawing the plot: {error}")
}
