//! A report as charts.

use super::report::{Report, Sample, TcpResult};
use crate::plot::{Bar, Bars, Panel};
use crate::subject::Subject;
use crate::table::figure;

/// Rates and processor time of the first case, each subject a bar. The bare cable, beside which the others would
/// be too short, is in the words below the title.
pub fn charts(report: &Report) -> Vec<Panel> {
    let Some(case) = report.tcp.first().map(|it| it.case) else {
        return Vec::new();
    };
    let results: Vec<_> = report.tcp.iter().filter(|it| it.case == case).collect();
    let chart = |title: &str, note: &str, value: fn(&Sample) -> f64| {
        let (cables, tunnels): (Vec<&TcpResult>, Vec<&TcpResult>) =
            (results.iter()).partition(|it| it.subject == Subject::Veth);
        let bar = |it: &&TcpResult| Bar {
            label: it.subject.description().to_owned(),
            value: value(&it.median),
            own: it.subject.is_adit(),
        };
        let bare = cables.first().map(|it| figure(value(&it.median)));
        let bare = bare.map_or_else(String::new, |bare| format!("; bare cable {bare}"));
        Panel::Bars(Bars {
            title: title.to_owned(),
            note: format!("{note}{bare}"),
            bars: tunnels.iter().map(bar).collect(),
        })
    };
    let rounds = report.rounds;
    vec![
        chart(
            &format!("TCP, {case}: Mbit/s"),
            &format!("more is better; medians of {rounds} rounds"),
            |it| it.mbit_per_second,
        ),
        chart(
            "Processor time: seconds per gigabyte",
            "less is better; the whole machine, both ends and the traffic's programs",
            |it| it.cpu_seconds_per_gigabyte.machine,
        ),
    ]
}
