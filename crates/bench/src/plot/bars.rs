//! A value for each of several things.

use super::{MARGIN, Svg, WIDTH};
use crate::table::figure;

/// Height of a bar with its room.
const ROW: f64 = 28.0;
const THICKNESS: f64 = 18.0;
/// Room for what stands before a bar, and after the longest.
const LABELS: f64 = 275.0;
const VALUES: f64 = 70.0;

/// Bars below one another, with their values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bars {
    /// What is shown, in which unit.
    pub title: String,
    /// What one has to know to read it.
    pub note: String,
    /// The bars, from above.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// Its length, 0 or more.
    pub value: f64,
    /// Whether it is the one that it is all about.
    pub own: bool,
}

impl Bars {
    pub(super) fn height(&self) -> f64 {
        self.bars.len() as f64 * ROW
    }

    pub(super) fn draw(&self, svg: &mut Svg, top: f64) {
        let values = self.bars.iter().map(|bar| bar.value);
        let longest = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let start = MARGIN + LABELS;
        let room = WIDTH - start - VALUES - MARGIN;
        for (index, bar) in self.bars.iter().enumerate() {
            let top = top + index as f64 * ROW;
            let base = top + THICKNESS - 4.0;
            let length = bar.value / longest * room;
            let class = if bar.own { "own" } else { "bar" };
            svg.text("label", "end", (start - 8.0, base), &bar.label);
            svg.rectangle(class, (start, top), (length.max(1.0), THICKNESS));
            let value = figure(bar.value);
            svg.text("value", "start", (start + length + 6.0, base), &value);
        }
    }
}
