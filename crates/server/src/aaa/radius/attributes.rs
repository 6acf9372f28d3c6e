//! What attributes of a reply, or of a request to change a session, grant to a user.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use adit_ppp::NameServers;
use adit_radius::attribute::{self as standard, Attribute, Attributes, Type, parse_ipv6_prefix};
use adit_radius::{cisco, microsoft, mikrotik, wispr};
use adit_wire::ipv6cp::InterfaceId;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::rate::{self, Rates};
use crate::aaa::Profile;
use crate::users::AllowedAddresses;

/// Framed-IP-Address that leaves the choice to the user (RFC 2865 §5.8).
const USERS_CHOICE: Ipv4Addr = Ipv4Addr::BROADCAST;
/// Framed-IP-Address that leaves the choice to the server.
const SERVERS_CHOICE: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 254);
/// DNS servers that are advertised to a client at most.
const MOST_DNS_SERVERS: usize = 3;

/// An attribute whose value is none that it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("attribute {0} has a value that it cannot have")]
pub(crate) struct BadValue(pub(crate) Type);

/// Lays attributes over a profile, whichever of them grant something; the others are passed over.
///
/// # Errors
/// The first one that cannot be read. The profile may have changed then.
pub(crate) fn apply(profile: &mut Profile, attributes: Attributes<'_>) -> Result<(), BadValue> {
    let mut volume = Volume::default();
    for attribute in attributes {
        let known = addresses(profile, &attribute)
            .or_else(|| servers(profile, &attribute))
            .or_else(|| limits(profile, &attribute))
            .or_else(|| rates(profile, &attribute))
            .or_else(|| volume.take(&attribute))
            .or_else(|| words(profile, &attribute));
        if known == Some(None) {
            return Err(BadValue(attribute.kind));
        }
    }
    profile.policy.volume = volume.total().or(profile.policy.volume);
    Ok(())
}

/// `None`: another attribute; `Some(None)`: a value that it cannot have.
type Known = Option<Option<()>>;

fn addresses(profile: &mut Profile, attribute: &Attribute<'_>) -> Known {
    let policy = &mut profile.policy;
    Some(match attribute.kind {
        standard::FRAMED_IP_ADDRESS => attribute.ipv4().map(|address| {
            profile.addresses = match address {
                // A choice of the user's has to be free in a pool, as any other address.
                SERVERS_CHOICE | USERS_CHOICE => AllowedAddresses::any(),
                address => AllowedAddresses::only(address),
            };
        }),
        standard::FRAMED_POOL => name(attribute).map(|pool| policy.pool = Some(pool)),
        standard::FRAMED_IPV6_POOL => name(attribute).map(|pool| policy.ipv6_pool = Some(pool)),
        standard::FRAMED_IPV6_PREFIX => {
            prefix_of_64(attribute).map(|prefix| profile.ipv6_prefix = Some(prefix))
        }
        standard::FRAMED_INTERFACE_ID => {
            interface_id(attribute.value).map(|identifier| profile.interface_id = Some(identifier))
        }
        standard::FRAMED_IPV6_ADDRESS => attribute.ipv6().map(|address| {
            profile.ipv6_prefix = Some(Ipv6Net::new_assert(address, 64).trunc());
            profile.interface_id = interface_id(&address.octets()[8..]);
        }),
        standard::FRAMED_ROUTE => route_v4(attribute).map(|route| add_route(profile, route)),
        standard::FRAMED_IPV6_ROUTE => route_v6(attribute).map(|route| add_route(profile, route)),
        // There is no DHCPv6 to delegate it with, so it is a network behind the client.
        standard::DELEGATED_IPV6_PREFIX => {
            prefix(attribute).map(|prefix| add_route(profile, IpNet::V6(prefix)))
        }
        _ => return None,
    })
}

fn servers(profile: &mut Profile, attribute: &Attribute<'_>) -> Known {
    let (dns, wins) = (&mut profile.dns, &mut profile.wins);
    let place: fn(&mut NameServers) -> &mut Option<Ipv4Addr> = match attribute.kind {
        microsoft::PRIMARY_DNS_SERVER | microsoft::PRIMARY_NBNS_SERVER => |it| &mut it.primary,
        microsoft::SECONDARY_DNS_SERVER | microsoft::SECONDARY_NBNS_SERVER => {
            |it| &mut it.secondary
        }
        standard::DNS_SERVER_IPV6_ADDRESS => return Some(dns_v6(profile, attribute)),
        _ => return None,
    };
    let is_dns = matches!(
        attribute.kind,
        microsoft::PRIMARY_DNS_SERVER | microsoft::SECONDARY_DNS_SERVER
    );
    let kind = if is_dns { dns } else { wins };
    Some(
        attribute
            .ipv4()
            .map(|server| *place(kind.get_or_insert_default()) = Some(server)),
    )
}

fn dns_v6(profile: &mut Profile, attribute: &Attribute<'_>) -> Option<()> {
    let server = attribute.ipv6()?;
    let servers = profile.ipv6_dns.get_or_insert_default();
    if servers.len() < MOST_DNS_SERVERS {
        servers.push(server);
    }
    Some(())
}

fn limits(profile: &mut Profile, attribute: &Attribute<'_>) -> Known {
    let seconds = || attribute.u32().map(|it| Duration::from_secs(it.into()));
    let policy = &mut profile.policy;
    Some(match attribute.kind {
        standard::SESSION_TIMEOUT => seconds().map(|limit| policy.session_limit = Some(limit)),
        standard::IDLE_TIMEOUT => seconds().map(|limit| policy.idle_limit = Some(limit)),
        standard::ACCT_INTERIM_INTERVAL => seconds().map(|interval| {
            profile.interim = Some(interval).filter(|interval| !interval.is_zero());
        }),
        _ => return None,
    })
}

fn rates(profile: &mut Profile, attribute: &Attribute<'_>) -> Known {
    let rates = match attribute.kind {
        mikrotik::RATE_LIMIT => attribute.text().and_then(rate::of_mikrotik),
        wispr::BANDWIDTH_MAX_DOWN => attribute.u32().map(|bits| Rates {
            down: Some(bits.into()),
            up: None,
        }),
        wispr::BANDWIDTH_MAX_UP => attribute.u32().map(|bits| Rates {
            down: None,
            up: Some(bits.into()),
        }),
        cisco::AV_PAIR => Some(
            attribute
                .text()
                .and_then(rate::of_cisco)
                .unwrap_or_default(),
        ),
        standard::FILTER_ID => match rate::of_filter_id(attribute.text()?) {
            Some(rates) => Some(rates),
            None => {
                profile.group = name(attribute);
                Some(Rates::default())
            }
        },
        _ => return None,
    };
    Some(rates.map(|rates| {
        let policy = &mut profile.policy;
        policy.rate_down = rates.down.or(policy.rate_down);
        policy.rate_up = rates.up.or(policy.rate_up);
    }))
}

/// Mikrotik-Total-Limit, which comes in two halves.
#[derive(Default)]
struct Volume {
    low: Option<u32>,
    high: Option<u32>,
}

impl Volume {
    fn take(&mut self, attribute: &Attribute<'_>) -> Known {
        let half = match attribute.kind {
            mikrotik::TOTAL_LIMIT => &mut self.low,
            mikrotik::TOTAL_LIMIT_GIGAWORDS => &mut self.high,
            _ => return None,
        };
        Some(attribute.u32().map(|value| *half = Some(value)))
    }

    fn total(&self) -> Option<u64> {
        let given = self.low.or(self.high).is_some();
        let half = |half: Option<u32>| u64::from(half.unwrap_or(0));
        given.then(|| half(self.high) << 32 | half(self.low))
    }
}

fn words(profile: &mut Profile, attribute: &Attribute<'_>) -> Known {
    match attribute.kind {
        standard::USER_NAME => {
            let user = name(attribute);
            return Some(user.map(|user| profile.user = user));
        }
        standard::CLASS => profile.class.push(attribute.value.to_vec()),
        standard::REPLY_MESSAGE => {
            let text = String::from_utf8_lossy(attribute.value);
            profile.message.push_str(&text);
        }
        _ => return None,
    }
    Some(Some(()))
}

fn name(attribute: &Attribute<'_>) -> Option<String> {
    let text = attribute.text().filter(|text| !text.is_empty())?;
    Some(text.to_owned())
}

fn interface_id(octets: &[u8]) -> Option<InterfaceId> {
    let identifier = InterfaceId(octets.try_into().ok()?);
    (identifier != InterfaceId::ZERO).then_some(identifier)
}

fn prefix(attribute: &Attribute<'_>) -> Option<Ipv6Net> {
    let (address, bits) = parse_ipv6_prefix(attribute.value)?;
    Ipv6Net::new(address, bits).ok()
}

/// Router advertisements give out prefixes of 64 bits only.
fn prefix_of_64(attribute: &Attribute<'_>) -> Option<Ipv6Net> {
    prefix(attribute).filter(|prefix| prefix.prefix_len() == 64)
}

/// The network of a Framed-Route: `NETWORK[/BITS] GATEWAY METRIC…` (RFC 2865 §5.22). Whatever the gateway,
/// the way there is the user's link.
fn route_v4(attribute: &Attribute<'_>) -> Option<IpNet> {
    let word = attribute.text()?.split_ascii_whitespace().next()?;
    let network = match word.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ipv4Net::new(address, classful(address)?).ok()?,
        Ok(IpAddr::V6(_)) => return None,
        Err(_) => word.parse::<Ipv4Net>().ok()?,
    };
    Some(IpNet::V4(network.trunc()))
}

/// The length of a prefix where none is given.
fn classful(address: Ipv4Addr) -> Option<u8> {
    match address.octets()[0] {
        0..=127 => Some(8),
        128..=191 => Some(16),
        192..=223 => Some(24),
        224.. => None,
    }
}

/// The network of a Framed-IPv6-Route (RFC 3162 §2.5).
fn route_v6(attribute: &Attribute<'_>) -> Option<IpNet> {
    let word = attribute.text()?.split_ascii_whitespace().next()?;
    let network = match word.parse::<Ipv6Addr>() {
        Ok(address) => Ipv6Net::from(address),
        Err(_) => word.parse::<Ipv6Net>().ok()?,
    };
    Some(IpNet::V6(network.trunc()))
}

fn add_route(profile: &mut Profile, route: IpNet) {
    let routes = profile.policy.routes.get_or_insert_default();
    if !routes.contains(&route) {
        routes.push(route);
    }
}

#[cfg(test)]
mod tests;
