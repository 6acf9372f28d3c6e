//! Rates, volumes, durations and moments as people write them.

use std::time::Duration;

/// Factors behind a number of bits or octets.
const FACTORS: [(&str, u64); 8] = [
    ("k", 1000),
    ("M", 1000 * 1000),
    ("G", 1000 * 1000 * 1000),
    ("T", 1000 * 1000 * 1000 * 1000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];
/// Seconds in what a duration is counted in.
const SPANS: [(&str, u64); 5] = [
    ("s", 1),
    ("m", 60),
    ("h", 60 * 60),
    ("d", DAY),
    ("w", 7 * DAY),
];
const DAY: u64 = 24 * 60 * 60;
/// Databases hold signed numbers.
const LARGEST: u64 = i64::MAX as u64;

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct BadValue {
    text: String,
    what: &'static str,
}

impl BadValue {
    fn new(text: &str, what: &'static str) -> Self {
        let text = text.chars().take(64).collect();
        Self { text, what }
    }
}

/// A number with a factor: "10M", "512k", "50Gi", "0". Bits per second or octets, as the place asks for.
///
/// # Errors
/// The text is no such number, or greater than a database holds.
pub fn parse_amount(text: &str) -> Result<u64, BadValue> {
    scaled(text, &FACTORS)
        .ok_or_else(|| BadValue::new(text, "amount; write a number, as 0, 512k, 10M or 50G"))
}

/// A duration: "90", "90s", "15m", "8h", "30d", "2w"; a number alone is in seconds.
///
/// # Errors
/// The text is no duration.
pub fn parse_duration(text: &str) -> Result<Duration, BadValue> {
    scaled(text, &SPANS)
        .map(Duration::from_secs)
        .ok_or_else(|| BadValue::new(text, "duration; write 90 (seconds), 15m, 8h, 30d or 2w"))
}

/// The shortest form of an amount, as [`parse_amount`] reads it.
pub fn show_amount(amount: u64) -> String {
    let decimal = &FACTORS[..4];
    show_scaled(amount, decimal)
}

/// The shortest form of a duration, as [`parse_duration`] reads it.
pub fn show_duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "0".to_owned(),
        seconds => show_scaled(seconds, &SPANS),
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = match unit {
        "" => 1,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    let value = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    (value <= LARGEST).then_some(value)
}

fn show_scaled(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |(_, factor): &&(&str, u64)| value > 0 && value.is_multiple_of(*factor);
    match units.iter().rev().find(whole) {
        Some((name, factor)) => format!("{}{name}", value / factor),
        None => value.to_string(),
    }
}

/// A moment in seconds since 1970: "2027-01-31" (its first second in UTC), RFC 3339 as
/// "2027-01-31T18:00:00+01:00", a duration from `now` as "30d", or "never", which is zero.
///
/// # Errors
/// The text is nothing of this, or before 1970.
pub fn parse_moment(text: &str, now: u64) -> Result<u64, BadValue> {
    if text == "never" {
        return Ok(0);
    }
    calendar(text)
        .or_else(|| {
            let ahead = scaled(text, &SPANS).filter(|_| text.ends_with(char::is_alphabetic))?;
            now.checked_add(ahead)
        })
        .filter(|seconds| *seconds <= LARGEST)
        .ok_or_else(|| {
            BadValue::new(
                text,
                "moment; write 2027-01-31, 2027-01-31T18:00:00Z, 30d (from now) or never",
            )
        })
}

/// A moment as RFC 3339 in UTC; "never" for zero.
pub fn show_moment(seconds: u64) -> String {
    if seconds == 0 {
        return "never".to_owned();
    }
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// RFC 3339 §5.6: a full-date, or a date-time without fractions of seconds.
fn calendar(text: &str) -> Option<u64> {
    let Some((date, rest)) = text.split_once(['T', 't', ' ']) else {
        return seconds_of_date(text)?.try_into().ok();
    };
    let midnight = seconds_of_date(date)?;
    let time = rest.get(..8)?;
    let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = offset_seconds(rest.get(8..)?)?;
    let seconds = midnight + hour * 3600 + minute * 60 + second - offset;
    seconds.try_into().ok()
}

fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let [hours, minutes] = fields(text.get(1..)?, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn seconds_of_date(text: &str) -> Option<i64> {
    let [year, month, day] = fields(text, '-', [4, 2, 2])?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let days = days_before_year(year) - days_before_year(1970);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    Some((days + months + day - 1) * DAY as i64)
}

/// Numbers of so many digits each.
fn fields<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let digits = part.len() == width && part.bytes().all(|octet| octet.is_ascii_digit());
        *number = digits.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of January of the year 1 to that of `year`.
fn days_before_year(year: i64) -> i64 {
    let whole = year - 1;
    whole * 365 + whole / 4 - whole / 100 + whole / 400
}

fn date_of(days: u64) -> (i64, i64, i64) {
    // Beyond what a calendar has, years have their mean length, which keeps the loop short.
    let mut left = i64::try_from(days).unwrap_or(i64::MAX / 2) + days_before_year(1970);
    let mut year = left / 366 + 1;
    year += (left - days_before_year(year)) / 366;
    while days_before_year(year + 1) <= left {
        year += 1;
    }
    left -= days_before_year(year);
    let mut month = 1;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_have_decimal_and_binary_factors() {
        assert_eq!(parse_amount("0").unwrap(), 0);
        assert_eq!(parse_amount("512k").unwrap(), 512_000);
        assert_eq!(parse_amount("10M").unwrap(), 10_000_000);
        assert_eq!(parse_amount("50G").unwrap(), 50_000_000_000);
        assert_eq!(parse_amount("1Gi").unwrap(), 1 << 30);
        for text in [
            "",
            "M",
            "10m",
            "10 M",
            "-1",
            "1.5M",
            "10MB",
            "+1",
            "99999999T",
        ] {
            let refused = parse_amount(text).unwrap_err().to_string();
            assert!(refused.contains("is no amount"), "{refused}");
        }
    }

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        let seconds = |text| parse_duration(text).unwrap().as_secs();
        assert_eq!(seconds("90"), 90);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("8h"), 28_800);
        assert_eq!(seconds("2w"), 1_209_600);
        assert!(parse_duration("1y").is_err());
        assert!(parse_duration("h").is_err());
        assert_eq!(show_duration(Duration::from_secs(5400)), "90m");
        assert_eq!(show_duration(Duration::ZERO), "0");
    }

    #[test]
    fn moments_are_dates_times_or_distances() {
        let moment = |text| parse_moment(text, 1000).unwrap();
        // As `date -u -d ... +%s` tells.
        assert_eq!(moment("1970-01-01"), 0);
        assert_eq!(moment("2027-01-31"), 1_801_353_600);
        assert_eq!(moment("2028-02-29"), 1_835_395_200);
        assert_eq!(moment("2027-01-31T18:00:00+01:00"), 1_801_414_800);
        assert_eq!(moment("2027-01-31T18:00:00Z"), 1_801_418_400);
        assert_eq!(moment("30d"), 1000 + 30 * DAY);
        assert_eq!(moment("never"), 0);
        for text in [
            "",
            "30",
            "2027-02-29",
            "2027-13-01",
            "2027-1-1",
            "1969-12-31",
            "2027-01-31T",
            "2027-01-31T24:00:00Z",
            "2027-01-31T18:00:00",
            "2027-01-31T18:00:00é",
            "tomorrow",
        ] {
            assert!(parse_moment(text, 0).is_err(), "{text}");
        }
        assert_eq!(show_moment(1_801_414_800), "2027-01-31T17:00:00Z");
        assert_eq!(show_moment(0), "never");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(value in 1..=LARGEST, moment in 1..253_402_300_799u64) {
            prop_assert_eq!(parse_amount(&show_amount(value)).unwrap(), value);
            let duration = Duration::from_secs(value);
            prop_assert_eq!(parse_duration(&show_duration(duration)).unwrap(), duration);
            prop_assert_eq!(parse_moment(&show_moment(moment), 0).unwrap(), moment);
        }

        #[test]
        fn any_moment_can_be_shown_and_any_text_parsed(moment: u64, text: String) {
            let _ = show_moment(moment);
            let _ = (parse_moment(&text, u64::MAX), parse_amount(&text), parse_duration(&text));
        }
    }
}
