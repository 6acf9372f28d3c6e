//! The tunnel addresses that a user may have, by the rules of pppd's secrets files.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::pool::Ranges;

/// A list of permitted and forbidden ranges. The first that holds an address decides; an address in none
/// of them is forbidden.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedAddresses {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    permit: bool,
    range: Ipv4Net,
}

/// Why a word of a secrets file is no address that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchAddress {
    /// Not in the form of an IPv4 address or range.
    #[error("it is no IPv4 address or range; host names are not looked up")]
    NotAnAddress,
    /// `address/n+` names an address by pppd's interface number.
    #[error("`+` stands for the number of pppd's interface, and there is none here")]
    UnitNumber,
}

impl AllowedAddresses {
    /// Any address.
    pub fn any() -> Self {
        Self {
            rules: vec![Rule {
                permit: true,
                range: Ipv4Net::default(),
            }],
        }
    }

    /// This address and no other.
    pub fn only(address: Ipv4Addr) -> Self {
        Self {
            rules: vec![Rule {
                permit: true,
                range: Ipv4Net::from(address),
            }],
        }
    }

    /// No address.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds what one word says: `*`, an address, `address/n`, each with `!` before it to forbid.
    ///
    /// # Errors
    /// The word is nothing of this; the list is unchanged.
    pub(crate) fn push_word(&mut self, word: &str) -> Result<(), NoSuchAddress> {
        let (permit, text) = match word.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, word),
        };
        if text.ends_with('+') {
            return Err(NoSuchAddress::UnitNumber);
        }
        let range = match text {
            "*" => Some(Ipv4Net::default()),
            _ if text.contains('/') => text.parse::<Ipv4Net>().ok().map(|range| range.trunc()),
            _ => text.parse::<Ipv4Addr>().ok().map(Ipv4Net::from),
        };
        let range = range.ok_or(NoSuchAddress::NotAnAddress)?;
        self.rules.push(Rule { permit, range });
        Ok(())
    }

    /// Whether the user may have `address`.
    pub fn permits(&self, address: Ipv4Addr) -> bool {
        self.rules
            .iter()
            .find(|rule| rule.range.contains(&address))
            .is_some_and(|rule| rule.permit)
    }

    /// All addresses that the user may have.
    pub(crate) fn permitted(&self) -> Ranges {
        let mut permitted = Ranges::default();
        // The first rule that holds an address decides, so it comes last here.
        for rule in self.rules.iter().rev() {
            let (first, last) = (rule.range.network(), rule.range.broadcast());
            match rule.permit {
                true => permitted.insert(first, last),
                false => permitted.remove(first, last),
            }
        }
        permitted
    }

    /// The address that the user is to get: the first single one in the list.
    pub fn fixed(&self) -> Option<Ipv4Addr> {
        self.rules
            .iter()
            .find(|rule| rule.permit && rule.range.prefix_len() == 32)
            .map(|rule| rule.range.addr())
    }

    /// Whether more than the fixed address is permitted.
    pub fn permits_others(&self) -> bool {
        self.rules.iter().filter(|rule| rule.permit).count() > 1
    }

    /// Whether nothing is permitted.
    pub fn is_empty(&self) -> bool {
        !self.rules.iter().any(|rule| rule.permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> AllowedAddresses {
        let mut list = AllowedAddresses::none();
        for word in words {
            list.push_word(word).unwrap();
        }
        list
    }

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn first_match_decides() {
        let list = list(&["!10.0.0.5", "10.0.0.0/24"]);
        assert!(!list.permits(ip("10.0.0.5")));
        assert!(list.permits(ip("10.0.0.6")));
        assert!(!list.permits(ip("10.0.1.6")));
        assert_eq!(list.fixed(), None);
    }

    #[test]
    fn a_single_address_is_fixed() {
        assert_eq!(
            list(&["10.0.0.0/24", "10.0.0.9"]).fixed(),
            Some(ip("10.0.0.9"))
        );
        assert_eq!(list(&["!10.0.0.9", "*"]).fixed(), None);
        assert!(list(&["10.0.0.9", "10.0.0.10"]).permits_others());
        assert!(!list(&["10.0.0.9", "!10.0.0.10"]).permits_others());
        assert_eq!(
            AllowedAddresses::only(ip("10.0.0.9")).fixed(),
            Some(ip("10.0.0.9"))
        );
    }

    #[test]
    fn the_set_of_what_is_permitted_agrees_with_the_rules() {
        let list = list(&["!10.0.0.5", "10.0.0.0/29", "!10.0.0.0/24", "10.0.0.0/23"]);
        let permitted = list.permitted();
        for address in (0..1024).map(|n| Ipv4Addr::from_bits(ip("10.0.0.0").to_bits() + n)) {
            assert_eq!(
                permitted.contains(address),
                list.permits(address),
                "{address}"
            );
        }
        assert_eq!(permitted.count(), 7 + 256);
        assert_eq!(AllowedAddresses::any().permitted().count(), 1 << 32);
        assert!(AllowedAddresses::none().permitted().is_empty());
    }

    #[test]
    fn forbidding_alone_permits_nothing() {
        assert!(list(&["!10.0.0.9"]).is_empty());
        assert!(AllowedAddresses::none().is_empty());
        assert!(list(&["*"]).permits(ip("192.0.2.1")));
    }

    #[test]
    fn other_words_are_refused() {
        let mut list = AllowedAddresses::none();
        assert_eq!(
            list.push_word("10.0.0.0/24+"),
            Err(NoSuchAddress::UnitNumber)
        );
        for word in ["", "!", "host.example", "10.0.0.0/33", "10.0.0", "-", "::1"] {
            assert_eq!(
                list.push_word(word),
                Err(NoSuchAddress::NotAnAddress),
                "{word}"
            );
        }
        assert_eq!(list, AllowedAddresses::none());
    }
}
