//! Rates as RADIUS servers write them.

/// Bits per second each way; absent where the text says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rates {
    /// To the client.
    pub(super) down: Option<u64>,
    /// From the client.
    pub(super) up: Option<u64>,
}

impl Rates {
    fn both(down: u64, up: u64) -> Self {
        Self {
            down: Some(down),
            up: Some(up),
        }
    }
}

/// What a Filter-Id says of rates, in accel-ppp's forms: `down/up`, or one number for both, in kbit/s;
/// `\` and `:` separate too. `N,` before it names a range of times: only 0, which is always, counts here.
/// `None` where it is something else.
pub(super) fn of_filter_id(text: &str) -> Option<Rates> {
    if let Some(rates) = of_cisco(text) {
        return Some(rates);
    }
    let (range, rates) = match text.split_once(',') {
        Some((range, rates)) => (range.parse::<u32>().ok()?, rates),
        None => (0, text),
    };
    let (down, up) = match rates.split_once(['/', '\\', ':']) {
        Some((down, up)) => (kilobits(down)?, kilobits(up)?),
        None => (kilobits(rates)?, kilobits(rates)?),
    };
    match range {
        0 => Some(Rates::both(down, up)),
        _ => Some(Rates::default()),
    }
}

fn kilobits(text: &str) -> Option<u64> {
    digits(text.trim())?.checked_mul(1000)
}

/// What a Cisco-AVPair says of rates: `lcp:interface-config#1=rate-limit output|input [access-group N]
/// BITS BURST BURST conform-action …`, in bits per second; *output* goes to the client.
pub(super) fn of_cisco(text: &str) -> Option<Rates> {
    let rest = text.strip_prefix("lcp:interface-config#1=rate-limit ")?;
    let mut words = rest.split_ascii_whitespace();
    let direction = words.next()?;
    let mut bits = words.next()?;
    if bits == "access-group" {
        words.next()?;
        bits = words.next()?;
    }
    let rate = Some(digits(bits)?);
    match direction {
        "output" => Some(Rates {
            down: rate,
            up: None,
        }),
        "input" => Some(Rates {
            down: None,
            up: rate,
        }),
        _ => None,
    }
}

/// What a Mikrotik-Rate-Limit says: `rx[/tx]`, then parts on bursts and priority that have no meaning
/// here. *rx* is what the server receives from the client. `None` where it cannot be read.
pub(super) fn of_mikrotik(text: &str) -> Option<Rates> {
    let first = text.split_ascii_whitespace().next()?;
    match first.split_once('/') {
        Some((rx, tx)) => Some(Rates::both(with_unit(tx)?, with_unit(rx)?)),
        None => {
            let rate = with_unit(first)?;
            Some(Rates::both(rate, rate))
        }
    }
}

/// A number with `k`, `M` or `G`, which are powers of 1000.
fn with_unit(text: &str) -> Option<u64> {
    let units = [("k", 1000), ("K", 1000), ("M", 1_000_000), ("m", 1_000_000)];
    let units = units.into_iter().chain([("G", 1_000_000_000)]);
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return digits(number)?.checked_mul(factor);
        }
    }
    digits(text)
}

/// A number of digits only: no sign.
fn digits(text: &str) -> Option<u64> {
    let only_digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    only_digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_id_is_a_rate_in_one_of_the_forms_or_a_name() {
        for (text, expected) in [
            ("1024/512", Some(Rates::both(1_024_000, 512_000))),
            ("1024\\512", Some(Rates::both(1_024_000, 512_000))),
            ("1024:512", Some(Rates::both(1_024_000, 512_000))),
            ("2048", Some(Rates::both(2_048_000, 2_048_000))),
            ("0/0", Some(Rates::both(0, 0))),
            ("0,100/50", Some(Rates::both(100_000, 50_000))),
            ("3,100/50", Some(Rates::default())),
            ("staff", None),
            ("10M/5M", None),
            ("100/", None),
            ("/100", None),
            ("-1/5", None),
            ("1,2,3", None),
            ("99999999999999999999/1", None),
            ("", None),
        ] {
            assert_eq!(of_filter_id(text), expected, "{text}");
        }
    }

    #[test]
    fn ciscos_form_names_one_direction() {
        let down = "lcp:interface-config#1=rate-limit output 1024000 192000 384000 conform-action \
                    transmit exceed-action drop";
        let up = "lcp:interface-config#1=rate-limit input access-group 101 512000 96000 192000 \
                  conform-action transmit exceed-action drop";
        let expected = Rates {
            down: Some(1_024_000),
            up: None,
        };
        assert_eq!(of_filter_id(down), Some(expected));
        let expected = Rates {
            down: None,
            up: Some(512_000),
        };
        assert_eq!(of_cisco(up), Some(expected));
        for text in [
            "lcp:interface-config#1=rate-limit",
            "lcp:interface-config#1=rate-limit output",
            "lcp:interface-config#1=rate-limit sideways 5",
            "lcp:interface-config#1=rate-limit output access-group 1",
            "ip:addr-pool=x",
        ] {
            assert_eq!(of_cisco(text), None, "{text}");
        }
    }

    #[test]
    fn mikrotiks_first_rate_is_the_clients_upload() {
        for (text, expected) in [
            ("512k/2M", Some(Rates::both(2_000_000, 512_000))),
            ("1M", Some(Rates::both(1_000_000, 1_000_000))),
            ("64000/128000", Some(Rates::both(128_000, 64_000))),
            (
                "1M/4M 2M/8M 512k/2M 10/10 8 256k/1M",
                Some(Rates::both(4_000_000, 1_000_000)),
            ),
            ("1G/1G", Some(Rates::both(1_000_000_000, 1_000_000_000))),
            ("", None),
            ("fast", None),
            ("1M/", None),
            ("1.5M", None),
            ("99999999999999G", None),
        ] {
            assert_eq!(of_mikrotik(text), expected, "{text}");
        }
    }
}
