//! A report for people.

use super::report::{Report, RoundTrips, TcpResult};
use crate::subject::Subject;
use crate::table::{Table, figure};

/// The tables of a report, those without rows left out.
pub fn tables(report: &Report) -> Vec<Table> {
    let mut tables = rates(report);
    tables.extend([ratios(report), round_trips(report), losses(report)]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

/// One table for each case.
fn rates(report: &Report) -> Vec<Table> {
    let mut cases: Vec<_> = report.tcp.iter().map(|it| it.case).collect();
    let mut seen = Vec::new();
    cases.retain(|case| {
        let new = !seen.contains(case);
        seen.push(*case);
        new
    });
    let of_case = |case| {
        let head = [
            "TCP",
            "Mbit/s",
            "(min - max)",
            "of veth",
            "packets/s",
            "CPU s/GB",
            "of tunnel",
            "drops",
            "loaded RTT us",
            "p99 us",
        ];
        let note = "medians of the rounds; CPU s/GB: seconds that the whole machine was busy for 10^9 octets, \
                    then those of the tunnel's two ends; drops: by all interfaces in all rounds";
        let mut table = Table::new(format!("TCP, {case}"), &head, note);
        let results: Vec<_> = report.tcp.iter().filter(|it| it.case == case).collect();
        let bare = results.iter().find(|it| it.subject == Subject::Veth);
        for result in &results {
            table.push(rates_row(result, bare.copied()));
        }
        table
    };
    cases.into_iter().map(of_case).collect()
}

fn rates_row(result: &TcpResult, bare: Option<&TcpResult>) -> [String; 10] {
    let rates = result.figures(|it| it.mbit_per_second);
    let (least, most) = rates.iter().fold((f64::INFINITY, 0.0_f64), |found, rate| {
        (found.0.min(*rate), found.1.max(*rate))
    });
    let median = &result.median;
    let of_bare = bare.map(|bare| median.mbit_per_second / bare.median.mbit_per_second);
    let dropped = result
        .samples
        .iter()
        .map(|it| it.drops.path + it.drops.cable);
    [
        result.subject.description().to_owned(),
        figure(median.mbit_per_second),
        format!("{} - {}", figure(least), figure(most)),
        of_bare.map_or_else(String::new, |part| format!("{} %", figure(part * 100.0))),
        figure(median.packets_per_second),
        figure(median.cpu_seconds_per_gigabyte.machine),
        figure(median.cpu_seconds_per_gigabyte.tunnel),
        dropped.sum::<u64>().to_string(),
        figure(result.loaded_round_trips.median),
        figure(result.loaded_round_trips.p99),
    ]
}

fn ratios(report: &Report) -> Table {
    let head = ["Adit against others", "Mbit/s", "CPU s/GB", "of tunnel"];
    let note = "medians of the ratios of each round: of rates more is better, of CPU time less";
    let mut table = Table::new("Ratios", &head, note);
    for ratio in &report.ratios {
        let (own, other) = (ratio.subject, ratio.against);
        table.push([
            format!("{own} / {other}, {}", ratio.case),
            figure(ratio.throughput),
            figure(ratio.cpu),
            figure(ratio.tunnel_cpu),
        ]);
    }
    table
}

fn round_trips(report: &Report) -> Table {
    let head = [
        "ICMP echo",
        "median us",
        "p99 us",
        "added median",
        "added p99",
    ];
    let count = report.idle_round_trips.first();
    let note = format!(
        "{} echoes of 56 octets each, one right after the other; added: less those of the bare cable",
        count.map_or(0, |it| it.round_trips.count)
    );
    let mut table = Table::new("Round trips over an idle path", &head, note);
    let added = |added: Option<f64>| added.map_or_else(String::new, figure);
    for it in &report.idle_round_trips {
        let RoundTrips { median, p99, .. } = it.round_trips;
        table.push([
            format!("{}, {}", it.subject.description(), it.ip),
            figure(median),
            figure(p99),
            added(it.added_median),
            added(it.added_p99),
        ]);
    }
    table
}

fn losses(report: &Report) -> Table {
    let head = [
        "UDP",
        "highest/s",
        "sent at/s",
        "Mbit/s",
        "sent",
        "lost",
        "reordered",
        "duplicate",
        "unread",
    ];
    let note = "numbered datagrams at 80 % of the highest rate at which no more than one in a thousand is lost; \
                unread: came out of the path, but the receiving program was too slow";
    let mut table = Table::new("Losses below the highest rate", &head, note);
    for it in &report.udp {
        table.push([
            format!("{}, {}", it.subject.description(), it.case),
            figure(it.highest_rate),
            figure(it.rate),
            figure(it.mbit_per_second),
            it.sent.to_string(),
            it.lost.to_string(),
            it.reordered.to_string(),
            it.duplicate.to_string(),
            it.unread.to_string(),
        ]);
    }
    table
}
