//! Charts as SVG, readable on light and on dark backgrounds.

mod bars;
mod lines;

use std::fmt::Write;

pub use self::bars::{Bar, Bars};
pub use self::lines::{Lines, Series};

/// Width of a drawing, in pixels.
const WIDTH: f64 = 720.0;
/// Room at the left and the right.
const MARGIN: f64 = 16.0;
/// From the top of a panel to the line on which its title stands, then to its note, then to what it shows.
const TITLE: f64 = 26.0;
const NOTE: f64 = 18.0;
const GAP: f64 = 16.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.note, .axis { font-size: 12px; fill: #59636e; }
.bar { fill: #9aa4af; }
.own, .s0 { fill: #0969da; }
.s1 { fill: #bc4c00; }
.line { fill: none; stroke-width: 2; }
.l0 { stroke: #0969da; }
.l1 { stroke: #bc4c00; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note, .axis { fill: #9198a1; }
  .bar { fill: #656c76; }
  .own, .s0 { fill: #4493f8; }
  .s1 { fill: #db6d28; }
  .l0 { stroke: #4493f8; }
  .l1 { stroke: #db6d28; }
  .grid { stroke: #3d444d; }
}";

/// One chart of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub enum Panel {
    /// A value for each of several things.
    Bars(Bars),
    /// Values that change with another.
    Lines(Lines),
}

impl Panel {
    fn height(&self) -> f64 {
        let content = match self {
            Self::Bars(bars) => bars.height(),
            Self::Lines(_) => lines::HEIGHT,
        };
        TITLE + NOTE + GAP + content
    }

    fn draw(&self, svg: &mut Svg, top: f64) {
        let (title, note) = match self {
            Self::Bars(bars) => (&bars.title, &bars.note),
            Self::Lines(lines) => (&lines.title, &lines.note),
        };
        svg.text("title", "start", (MARGIN, top + TITLE), title);
        svg.text("note", "start", (MARGIN, top + TITLE + NOTE), note);
        let top = top + TITLE + NOTE + GAP;
        match self {
            Self::Bars(bars) => bars.draw(svg, top),
            Self::Lines(lines) => lines.draw(svg, top),
        }
    }
}

/// Draws charts below one another.
pub fn svg(panels: &[Panel]) -> String {
    let height: f64 = panels.iter().map(Panel::height).sum::<f64>() + MARGIN;
    let mut svg = Svg(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\">\n<style>\n{STYLE}\n</style>\n"
    ));
    let mut top = 0.0;
    for panel in panels {
        panel.draw(&mut svg, top);
        top += panel.height();
    }
    svg.0.push_str("</svg>\n");
    svg.0
}

/// A drawing that grows. Classes are of the style sheet; places are pixels from the left and the top.
struct Svg(String);

impl Svg {
    fn text(&mut self, class: &str, anchor: &str, at: (f64, f64), text: &str) {
        let text = escape(text);
        self.element(format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            at.0, at.1
        ));
    }

    fn rectangle(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        self.element(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>",
            at.0, at.1, size.0, size.1
        ));
    }

    fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.element(format_args!(
            "<polyline class=\"{class}\" points=\"{points}\"/>"
        ));
    }

    fn dot(&mut self, class: &str, at: (f64, f64)) {
        self.element(format_args!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>",
            at.0, at.1
        ));
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The first of 1, 2, 5, 10, 20, ... that is not below `value`.
fn round_up(value: f64) -> f64 {
    if value.is_nan() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let found = steps.into_iter().find(|step| *step >= value * (1.0 - 1e-9));
    found.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn bar(label: &str, value: f64) -> Bar {
        Bar {
            label: label.to_owned(),
            value,
            own: label == "adit",
        }
    }

    /// The tags of an XML document must be closed in order, its attributes quoted.
    pub(super) fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some(start) = rest.find('<') {
            assert!(!rest[..start].contains('>'), "a stray bracket: {rest}");
            let end = start + rest[start..].find('>').expect("an open bracket");
            let tag = &rest[start + 1..end];
            assert!(
                !tag.contains('<') && tag.matches('"').count().is_multiple_of(2),
                "{tag}"
            );
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.extend(tag.split_whitespace().next()),
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty() && !svg.contains("NaN"), "{open:?}");
    }

    #[test]
    fn a_drawing_is_well_formed_whatever_it_says() {
        let bars = Panel::Bars(Bars {
            title: "a < b & \"c\"".to_owned(),
            note: String::new(),
            bars: vec![bar("adit", 1900.0), bar("other <&>", 0.0)],
        });
        let lines = Panel::Lines(Lines {
            title: "rate".to_owned(),
            note: "by sessions".to_owned(),
            series: vec![Series {
                name: "64 octets".to_owned(),
                points: vec![(1.0, 100.0), (10.0, 90.0), (10_000.0, 95.0)],
            }],
        });
        let drawing = svg(&[bars, lines]);
        assert_well_formed(&drawing);
        for part in ["a &lt; b &amp; ", "1,900", "10,000", "64 octets"] {
            assert!(drawing.contains(part), "no {part}: {drawing}");
        }
    }

    #[test]
    fn nothing_can_be_drawn_too() {
        let lines = Panel::Lines(Lines::default());
        assert_well_formed(&svg(&[Panel::Bars(Bars::default()), lines]));
        assert_well_formed(&svg(&[]));
    }

    #[test]
    fn scales_end_at_round_numbers() {
        let rounded = [0.0, 0.3, 1.0, 1.2, 4.0, 70.0, 1000.0, f64::NAN].map(round_up);
        assert_eq!(rounded, [1.0, 0.5, 1.0, 2.0, 5.0, 100.0, 1000.0, 1.0]);
    }
}
