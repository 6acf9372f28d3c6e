//! Values that change with another.

use super::{MARGIN, Svg, WIDTH, round_up};
use crate::table::{figure, whole};

/// Height of the chart with its axes.
pub(super) const HEIGHT: f64 = 280.0;
/// Room for the numbers at the left, and below.
const LEFT: f64 = 80.0;
const BELOW: f64 = 48.0;
/// Lines of the grid above the axis.
const GRID: u8 = 4;
/// Colours that the style sheet has.
const COLOURS: usize = 2;

/// Lines over a logarithmic axis, from 0 upwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lines {
    /// What is shown, in which unit.
    pub title: String,
    /// Over what, and what one has to know to read it.
    pub note: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// What it stands for.
    pub name: String,
    /// Its points from left to right, each from 1 and from 0 upwards.
    pub points: Vec<(f64, f64)>,
}

/// Where values are on the drawing.
struct Scale {
    bottom: f64,
    height: f64,
    /// Powers of ten from left to right.
    decades: f64,
    highest: f64,
}

impl Lines {
    pub(super) fn draw(&self, svg: &mut Svg, top: f64) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let last = points().map(|point| point.0).fold(10.0, f64::max);
        let highest = points().map(|point| point.1).fold(0.0, f64::max);
        let scale = Scale {
            bottom: top + HEIGHT - BELOW,
            height: HEIGHT - BELOW - 8.0,
            decades: last.log10().ceil().max(1.0),
            highest: round_up(highest),
        };
        scale.draw(svg);
        for (index, series) in self.series.iter().enumerate() {
            let colour = index % COLOURS;
            let at: Vec<(f64, f64)> = series.points.iter().map(|it| scale.place(*it)).collect();
            svg.line(&format!("line l{colour}"), &at);
            for at in &at {
                svg.dot(&format!("s{colour}"), *at);
            }
            let x = MARGIN + LEFT + index as f64 * 180.0;
            let y = scale.bottom + BELOW - 8.0;
            svg.dot(&format!("s{colour}"), (x, y - 4.0));
            svg.text("label", "start", (x + 10.0, y), &series.name);
        }
    }
}

impl Scale {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let room = WIDTH - 2.0 * MARGIN - LEFT - 24.0;
        let right = x.max(1.0).log10() / self.decades * room;
        let up = y / self.highest * self.height;
        (MARGIN + LEFT + right, self.bottom - up)
    }

    fn draw(&self, svg: &mut Svg) {
        let end = 10_f64.powf(self.decades);
        for step in 0..=GRID {
            let value = self.highest * f64::from(step) / f64::from(GRID);
            let (left, right) = (self.place((1.0, value)), self.place((end, value)));
            svg.line("grid", &[left, right]);
            svg.text("axis", "end", (left.0 - 8.0, left.1 + 4.0), &figure(value));
        }
        for decade in 0..=self.decades as u8 {
            let value = 10_f64.powi(decade.into());
            let (x, y) = self.place((value, 0.0));
            svg.text("axis", "middle", (x, y + 18.0), &whole(value));
        }
    }
}
