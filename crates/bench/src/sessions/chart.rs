//! Rates as a chart.

use serde::Deserialize;

use crate::plot::{Lines, Panel, Series};
use crate::table::whole;

/// What a chart shows of the JSON of a [`Report`](super::Report).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rates {
    forwarding: Vec<Rate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Rate {
    octets: usize,
    carrying: u32,
    up: u32,
    packets_per_second: f64,
}

impl Rates {
    /// Packets per second over the number of sessions that carry them, with all sessions up; a line for each
    /// length of packets.
    pub fn chart(&self) -> Panel {
        let up = self.forwarding.iter().map(|it| it.up).max().unwrap_or(0);
        let mut lengths: Vec<usize> = self.forwarding.iter().map(|it| it.octets).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let series = |octets: usize| {
            let rates = self.forwarding.iter();
            let own = rates.filter(|it| it.octets == octets && it.up == up);
            let mut points: Vec<(f64, f64)> = own
                .map(|it| (f64::from(it.carrying), it.packets_per_second))
                .collect();
            points.sort_by(|left, right| left.0.total_cmp(&right.0));
            Series {
                name: format!("packets of {octets} octets"),
                points,
            }
        };
        Panel::Lines(Lines {
            title: "Forwarding rate: packets per second".to_owned(),
            note: format!(
                "over the number of sessions that carry them; {} sessions are up",
                whole(up.into())
            ),
            series: lengths.into_iter().map(series).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_with_all_sessions_up_become_lines() {
        let json = r#"{"sessions": 50, "forwarding": [
            {"octets": 1400, "carrying": 50, "up": 50, "packets_per_second": 4.0, "lost": 0},
            {"octets": 64, "carrying": 1, "up": 1, "packets_per_second": 9.0},
            {"octets": 64, "carrying": 50, "up": 50, "packets_per_second": 7.0},
            {"octets": 64, "carrying": 1, "up": 50, "packets_per_second": 8.0}]}"#;
        let rates: Rates = serde_json::from_str(json).unwrap();
        let Panel::Lines(lines) = rates.chart() else {
            panic!("no lines");
        };
        let points: Vec<_> = lines.series.into_iter().map(|it| it.points).collect();
        let expected = [vec![(1.0, 8.0), (50.0, 7.0)], vec![(50.0, 4.0)]];
        assert_eq!(points, expected);
    }
}
