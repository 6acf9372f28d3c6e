//! Lists of addresses as `localip` and `remoteip` have them: `192.168.0.1,192.168.0.5-12,192.168.0-255.2`.

use std::net::Ipv4Addr;

use crate::addresses::{Range, Ranges};

/// The addresses of a list, in its order.
///
/// # Errors
/// The part that is neither an address nor a range of one of its numbers.
pub(super) fn parse(text: &str) -> Result<Ranges, &str> {
    let mut ranges = Ranges::default();
    for part in text.split(',') {
        let numbers = numbers(part).ok_or(part)?;
        add(&mut ranges, numbers);
    }
    Ok(ranges)
}

/// The four numbers of an address, each with its first and last value; at most one has more than one.
fn numbers(part: &str) -> Option<[(u8, u8); 4]> {
    let mut fields = part.split('.');
    let mut numbers = [(0, 0); 4];
    for number in &mut numbers {
        let field = fields.next()?;
        *number = match field.split_once('-') {
            Some((first, last)) => (digits(first)?, digits(last)?),
            None => (digits(field)?, digits(field)?),
        };
    }
    let ranges = numbers.iter().filter(|(first, last)| first != last).count();
    let in_order = numbers.iter().all(|(first, last)| first <= last);
    (fields.next().is_none() && ranges <= 1 && in_order).then_some(numbers)
}

fn digits(text: &str) -> Option<u8> {
    let all = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn add(ranges: &mut Ranges, [a, b, c, d]: [(u8, u8); 4]) {
    if d.0 != d.1 {
        let first = Ipv4Addr::new(a.0, b.0, c.0, d.0);
        let last = Ipv4Addr::new(a.0, b.0, c.0, d.1);
        if let Some(range) = Range::new(first, last) {
            ranges.add(range);
        }
        return;
    }
    // At most 256 addresses that are no neighbours.
    for a in a.0..=a.1 {
        for b in b.0..=b.1 {
            for c in c.0..=c.1 {
                ranges.add(Range::of_address(Ipv4Addr::new(a, b, c, d.0)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<String>, &str> {
        parse(text).map(|ranges| ranges.as_slice().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lists_and_ranges_of_any_number() {
        assert_eq!(
            texts("192.168.0.1,192.168.0.5-12").unwrap(),
            ["192.168.0.1", "192.168.0.5-192.168.0.12"]
        );
        let many = texts("192.168.0-255.2").unwrap();
        assert_eq!(many.len(), 256);
        assert_eq!(many[255], "192.168.255.2");
        assert_eq!(texts("10-11.0.0.1").unwrap().len(), 2);
        assert_eq!(texts("192.168.0.0-255").unwrap(), ["192.168.0.0/24"]);
    }

    #[test]
    fn an_address_counts_once() {
        assert_eq!(
            texts("10.0.0.1-3,10.0.0.2,10.0.0.4").unwrap(),
            ["10.0.0.1-10.0.0.4"]
        );
    }

    #[test]
    fn other_words_are_refused() {
        for part in [
            "",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.9-5",
            "10.0-1.0.1-2",
            "10.0.0.1 ",
            "10.0.0.1.2",
            "a.b.c.d",
            "10.0.0.1-2-3",
            "10.0.0.+1",
        ] {
            assert_eq!(texts(part), Err(part));
        }
        assert_eq!(texts("10.0.0.1,"), Err(""));
    }
}
