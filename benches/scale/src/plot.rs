//! Draws the page's diagrams.

use std::{ops::Range, path::Path, time::Duration};

use plotters::{
    coord::ranged1d::{Ranged, ValueFormatter},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// The error of a drawing.
pub type Failed = Box<dyn std::error::Error>;

const SIZE: (u32, u32) = (860, 460);
const FONT: &str = "sans-serif";
const TEXT: u32 = 14;

/// Colours that also differ in brightness, for colour-blind readers.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(230, 150, 0),
    RGBColor(30, 30, 30),
    RGBColor(0, 158, 115),
    RGBColor(140, 80, 160),
];

/// One line of a drawing.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its label.
    pub(crate) name: String,
    /// Its points, in order.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines over two logarithmic axes.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn lines(
    path: &Path,
    title: &str,
    (x_name, x): (&str, Range<f64>),
    (y_name, y): (&str, Range<f64>),
    lines: &[Line],
    dots: bool,
) -> Result<(), Failed> {
    let x_labels = |value: &f64| if x_name.contains("workers") { count(*value) } else { time(*value) };
    let y_labels = |value: &f64| if y_name.contains("calls") { count(*value) } else { time(*value) };
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 20))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    mesh(&mut chart, x_name, y_name, &x_labels, &y_labels)?;
    for (at, line) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let style = colour.stroke_width(if at == 0 { 3 } else { 2 });
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        if dots {
            chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
        }
    }
    // A corner without lines: those of calls over time rise from left to right.
    let legend = if dots { SeriesLabelPosition::UpperLeft } else { SeriesLabelPosition::LowerRight };
    chart
        .configure_series_labels()
        .position(legend)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, TEXT))
        .draw()?;
    root.present()?;
    Ok(())
}

fn mesh<X, Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    x_name: &str,
    y_name: &str,
    x_labels: &dyn Fn(&f64) -> String,
    y_labels: &dyn Fn(&f64) -> String,
) -> Result<(), Failed>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_desc(x_name)
        .y_desc(y_name)
        .x_label_formatter(x_labels)
        .y_label_formatter(y_labels)
        .axis_desc_style((FONT, TEXT + 1))
        .label_style((FONT, TEXT))
        .draw()?;
    Ok(())
}

/// Bars from left to right, over a logarithmic axis of dollars.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn bars(path: &Path, title: &str, x: Range<f64>, bars: &[(String, f64)]) -> Result<(), Failed> {
    let root = SVGBackend::new(path, (SIZE.0, 90 + 44 * bars.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let least = x.start;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 20))
        .margin(16)
        .margin_right(70)
        .x_label_area_size(30)
        .y_label_area_size(290)
        .build_cartesian_2d(x.log_scale(), 0.0..bars.len() as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_label_formatter(&|value| format!("${value}"))
        .label_style((FONT, TEXT))
        .draw()?;
    let style = |horizontal| TextStyle::from((FONT, TEXT).into_font()).pos(Pos::new(horizontal, VPos::Center));
    for (at, (name, dollars)) in bars.iter().enumerate() {
        let middle = bars.len() as f64 - at as f64 - 0.5;
        let colour = COLOURS[usize::from(at > 0)].mix(if at > 0 { 0.65 } else { 1.0 });
        let bar = Rectangle::new([(least, middle - 0.3), (*dollars, middle + 0.3)], colour.filled());
        chart.draw_series([bar])?;
        let price = if *dollars < 1.0 { format!("${dollars:.3}") } else { format!("${dollars:.2}") };
        let place = EmptyElement::at((*dollars, middle)) + Text::new(price, (6, 0), style(HPos::Left));
        chart.draw_series([place])?;
        let place = EmptyElement::at((least, middle)) + Text::new(name.clone(), (-8, 0), style(HPos::Right));
        chart.draw_series([place])?;
    }
    root.present()?;
    Ok(())
}

/// A time, for people.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        ..0.0995 => format!("{:.0} ms", seconds * 1e3),
        ..9.95 => format!("{} s", (seconds * 10.0).round() / 10.0),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3600.0),
        ..63_072_000.0 => format!("{:.0} days", seconds / 86_400.0),
        _ => format!("{:.0} years", seconds / 31_536_000.0),
    }
}

/// The same of a duration.
pub(crate) fn duration(time_of: Duration) -> String {
    time(time_of.as_secs_f64())
}

/// A count, for people.
pub(crate) fn count(value: f64) -> String {
    match value {
        ..1000.0 => format!("{value:.0}"),
        ..1e6 => format!("{},{:03}", value as u64 / 1000, value as u64 % 1000),
        _ if value % 1e6 == 0.0 => format!("{:.0} M", value / 1e6),
        _ => format!("{:.1} M", value / 1e6),
    }
}
