//! Figures: the median of some rounds, printed as a JSON line.

use anyhow::Result;
use serde_json::json;

use crate::percentile;

/// How many times each figure is measured.
pub const ROUNDS: usize = 3;

/// The median over the rounds.
///
/// # Errors
/// The first of `once`.
pub fn median(mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut values = (0..ROUNDS).map(|_| once()).collect::<Result<Vec<_>>>()?;
    Ok(percentile(&mut values, 0.5))
}

/// Prints a figure, its comparison, and the ratio of the two.
pub fn print(figure: &str, value: f64, unit: &str, against: &str, ratio: f64) {
    println!(
        "{}",
        json!({ "figure": figure, "value": round(value), "unit": unit, "against": against, "ratio": round(ratio) })
    );
}

/// Four significant digits.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}
