//! Sessions as a table for people.

use super::session::{Rate, SessionInfo};

const HEADINGS: [&str; 12] = [
    "ID",
    "USER",
    "ADDRESS",
    "PEER",
    "UP",
    "AUTH",
    "ENCRYPTION",
    "RECEIVED",
    "SENT",
    "IN",
    "OUT",
    "LOST",
];

/// The columns that are left out where rates are not asked for.
const RATES: std::ops::Range<usize> = 9..11;

/// The sessions as a table with a line of headings; `now` is in seconds since 1970.
///
/// Names come from clients, so characters that could steer a terminal are escaped.
pub fn sessions_table(sessions: &[SessionInfo], now: u64, with_rates: bool) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let cells = sessions.iter().map(|session| cells(session, now));
    let rows: Vec<Vec<String>> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(cells)
        .map(|row| wanted(row, with_rates))
        .collect();
    let mut widths = [0; HEADINGS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in &rows {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn wanted(row: [String; HEADINGS.len()], with_rates: bool) -> Vec<String> {
    let cells = row.into_iter().enumerate();
    let wanted = cells.filter(|(column, _)| with_rates || !RATES.contains(column));
    wanted.map(|(_, cell)| cell).collect()
}

fn cells(session: &SessionInfo, now: u64) -> [String; HEADINGS.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let printable = |text: &String| text.escape_debug().to_string();
    [
        session.id.to_string(),
        or_dash(session.user.as_ref().map(printable)),
        or_dash(session.address.map(|address| address.to_string())),
        session.peer.ip().to_string(),
        duration(now.saturating_sub(session.since)),
        or_dash(session.authentication.as_ref().map(printable)),
        session
            .encryption
            .as_ref()
            .map_or_else(|| "none".to_owned(), printable),
        octets(session.received.octets),
        octets(session.sent.octets),
        rate(session.rate, |rate| rate.received),
        rate(session.rate, |rate| rate.sent),
        session.losses.undelivered().to_string(),
    ]
}

fn rate(rate: Option<Rate>, which: impl Fn(Rate) -> u64) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| bits(which(rate)))
}

/// Bits in each second with a decimal unit and one decimal, as `1.5M`.
pub fn bits(rate: u64) -> String {
    const UNITS: [(u64, char); 4] = [
        (1_000_000_000_000, 'T'),
        (1_000_000_000, 'G'),
        (1_000_000, 'M'),
        (1000, 'k'),
    ];
    match UNITS.iter().find(|(unit, _)| rate >= *unit) {
        Some((unit, letter)) => {
            let tenths = u128::from(rate) * 10 / u128::from(*unit);
            format!("{}.{}{letter}", tenths / 10, tenths % 10)
        }
        None => rate.to_string(),
    }
}

/// The two greatest units of a time.
pub fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}d{hours:02}h")
    } else if hours > 0 {
        format!("{hours}h{minutes:02}m")
    } else if minutes > 0 {
        format!("{minutes}m{rest:02}s")
    } else {
        format!("{rest}s")
    }
}

/// Octets with a binary unit and one decimal.
pub fn octets(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_socket::tests::session;

    #[test]
    fn columns_line_up() {
        let mut second = session(12, "bob");
        second.user = None;
        second.encryption = None;
        second.rate = None;
        let table = sessions_table(&[session(1, "alice"), second], 3661, true);
        assert_eq!(
            table,
            "\
ID  USER   ADDRESS    PEER       UP     AUTH       ENCRYPTION         RECEIVED  SENT  IN    OUT  LOST
1   alice  10.77.0.2  192.0.2.7  1h01m  mschap-v2  128-bit stateless  1.5 KiB   0 B   1.5M  999  3
12  -      10.77.0.2  192.0.2.7  1h01m  mschap-v2  none               1.5 KiB   0 B   -     -    3
"
        );
        let without = sessions_table(&[session(1, "alice")], 3661, false);
        assert!(without.contains("SENT  LOST\n"), "{without}");
        assert_eq!(sessions_table(&[], 0, false), "no sessions\n");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let table = sessions_table(&[session(1, "a\x1b[2J\nb")], 0, false);
        assert!(!table.contains('\x1b'));
        assert_eq!(table.lines().count(), 2);
    }

    #[test]
    fn rates_have_decimal_units() {
        let rates = [0, 999, 1000, 1_549_999, 10_000_000_000].map(bits);
        assert_eq!(rates, ["0", "999", "1.0k", "1.5M", "10.0G"]);
    }

    #[test]
    fn times_and_sizes() {
        let times: Vec<String> = [0, 59, 60, 3599, 86_399, 90_000].map(duration).into();
        assert_eq!(times, ["0s", "59s", "1m00s", "59m59s", "23h59m", "1d01h"]);
        let sizes: Vec<String> = [0, 1023, 1024, 1_048_575, 1 << 30, u64::MAX]
            .map(octets)
            .into();
        assert_eq!(
            sizes,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "1023.9 KiB",
                "1.0 GiB",
                "15.9 EiB"
            ]
        );
    }
}
