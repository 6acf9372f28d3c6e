//! `[ip-pool]` and `[ipv6-pool]`.

use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv6Net};
use toml::Value;

use super::network::{self, parse_range};
use super::settings::Settings;
use crate::addresses::{Plan, Range, Source};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;

/// Settings of [ip-pool] that are no ranges.
const NO_RANGES: [&str; 6] = [
    "gw-ip-address",
    "vendor",
    "attr",
    "shuffle",
    "gw",
    "reload-orphan",
];
/// Addresses of one range.
const MOST_ADDRESSES: u64 = 1 << 24;
/// What Adit calls the prefix of `[network] ipv6_prefix`.
const DEFAULT: &str = "default";

pub(super) fn write(job: &mut Job<'_>, settings: &mut Settings, mut plan: Plan) {
    if let Some(item) = settings.first(job, "ip-pool", "gw-ip-address") {
        set_gateway(job, &mut plan, &item);
    }
    if let Some(item) = settings.first(job, "ip-pool", "attr") {
        match item.value.as_str() {
            "Framed-Pool" | "88" => job
                .ledger
                .needless(item.id, "Framed-Pool names the pool by itself"),
            _ => job
                .ledger
                .lost(item.id, "a pool is named by Framed-Pool only"),
        }
    }
    for item in settings.all("ip-pool", |item| !NO_RANGES.contains(&item.name.as_str())) {
        add_range(job, &mut plan, &item);
    }
    plan.write(job);
    write_ipv6(job, settings);
    network::ipv6_name_servers(job, settings);
}

/// Takes the server's end of the tunnels from a setting; the first one counts.
pub(super) fn set_gateway(job: &mut Job<'_>, plan: &mut Plan, item: &Item) {
    let address = item.value.split('/').next().unwrap_or_default();
    match (address.trim().parse::<Ipv4Addr>(), &mut plan.gateway) {
        (Ok(address), None) => {
            plan.gateway = Some(Source {
                value: address,
                lines: vec![item.id],
            });
        }
        (Ok(address), Some(gateway)) if gateway.value == address => gateway.lines.push(item.id),
        (Ok(_), Some(gateway)) => job.ledger.lost(
            item.id,
            format!(
                "the server's end of all tunnels is one address; {} is kept",
                gateway.value
            ),
        ),
        (Err(_), _) => job.ledger.lost(item.id, "its value is no IPv4 address"),
    }
}

fn add_range(job: &mut Job<'_>, plan: &mut Plan, item: &Item) {
    let line = item
        .raw
        .strip_prefix("tunnel")
        .map_or(item.raw.as_str(), |rest| {
            rest.trim_start()
                .strip_prefix('=')
                .map_or(item.raw.as_str(), str::trim_start)
        });
    let mut fields = line.split(',').map(str::trim);
    let Some(range) = fields.next().and_then(parse_pool_range) else {
        return job
            .ledger
            .lost(item.id, "it is neither x.x.x.x/mask nor x.x.x.x-y");
    };
    if !range.is_for_hosts() || range.count() > MOST_ADDRESSES {
        return job.ledger.lost(
            item.id,
            "these are no addresses for clients, or more than a /8",
        );
    }
    let mut name = None;
    for field in fields {
        match field.split_once('=') {
            None if name.is_none() && !field.is_empty() => name = Some(field),
            Some(("name", value)) => name = Some(value),
            Some(("next", _)) => {}
            Some(("allocator", "p2p")) => {}
            Some(("allocator", _)) => {
                job.ledger
                    .note(item.id, "a client gets one address, not a network of four");
            }
            _ => job.ledger.note(item.id, format!("`{field}` is not known")),
        }
    }
    if plan.holds(range) {
        job.ledger.note(
            item.id,
            "addresses that another line has too are given out once",
        );
    }
    match name {
        Some(name) => plan.add_named(name, range, item.id),
        None => plan.add_main(range, Some(item.id)),
    }
    if let Some(next) = line
        .split(',')
        .find_map(|field| field.trim().strip_prefix("next="))
    {
        plan.set_next(name, next);
    }
}

/// As for clients, but the network of a prefix begins at the address that is written.
fn parse_pool_range(text: &str) -> Option<Range> {
    match text.parse::<Ipv4Net>() {
        Ok(net) if net.prefix_len() > 0 => Range::new(net.addr(), net.broadcast()),
        Ok(_) => None,
        Err(_) => parse_range(text),
    }
}

struct Ipv6Pool {
    prefix: Ipv6Net,
    name: Option<String>,
    line: LineId,
}

fn write_ipv6(job: &mut Job<'_>, settings: &mut Settings) {
    let items = settings.all("ipv6-pool", |item| {
        item.name.contains("::") || item.name.contains('/')
    });
    let mut pools: Vec<Ipv6Pool> = Vec::new();
    for item in items {
        if let Some(pool) = ipv6_pool(job, &item) {
            let other = pools.iter().find(|other| {
                other.prefix.contains(&pool.prefix) || pool.prefix.contains(&other.prefix)
            });
            match other {
                Some(other) => {
                    let line = job.ledger.line_number(other.line);
                    job.ledger
                        .lost(item.id, format!("its prefixes are those of line {line}"));
                }
                None => pools.push(pool),
            }
        }
    }
    let enabled = job.get("network", "ipv6").and_then(Value::as_bool) == Some(true);
    if !enabled {
        for pool in pools {
            job.ledger
                .needless(pool.line, "there is no IPv6 without `[ppp] ipv6`");
        }
        if let Some(item) = settings.first(job, "pptp", "ipv6-pool") {
            job.ledger
                .needless(item.id, "there is no IPv6 without `[ppp] ipv6`");
        }
        return;
    }
    let names = write_ipv6_pools(job, &pools);
    if let Some(item) = settings.first(job, "pptp", "ipv6-pool") {
        match names.contains(&*item.value) {
            true => job.set("policy", "ipv6_pool", item.value.as_str(), &[item.id]),
            false => job
                .ledger
                .lost(item.id, "no pool of this name has any prefix"),
        }
    }
}

fn write_ipv6_pools(job: &mut Job<'_>, pools: &[Ipv6Pool]) -> Vec<String> {
    let mut names = Vec::new();
    for pool in pools {
        let prefix = pool.prefix.to_string();
        let Some(name) = &pool.name else {
            match job.get("network", "ipv6_prefix") {
                None => job.set("network", "ipv6_prefix", prefix, &[pool.line]),
                Some(_) => job.ledger.lost(
                    pool.line,
                    "[network] ipv6_prefix is one prefix; another line has it",
                ),
            }
            continue;
        };
        if names.contains(name) || name == DEFAULT {
            job.ledger.lost(
                pool.line,
                "a pool of IPv6 is one prefix; another line has it",
            );
            continue;
        }
        let rows = vec![
            job.row("ipv6_pools", "name", name.clone(), &[pool.line]),
            job.row("ipv6_pools", "prefix", prefix, &[]),
        ];
        job.push_element("ipv6_pools", rows);
        names.push(name.clone());
    }
    names
}

fn ipv6_pool(job: &mut Job<'_>, item: &Item) -> Option<Ipv6Pool> {
    let mut fields = item.raw.split(',').map(str::trim);
    let prefix = fields
        .next()
        .and_then(|prefix| prefix.parse::<Ipv6Net>().ok());
    let length = fields.next().and_then(|length| length.parse::<u8>().ok());
    let (Some(prefix), Some(length)) = (prefix, length) else {
        job.ledger
            .lost(item.id, "it is not of the form prefix/mask,length");
        return None;
    };
    let prefix = prefix.trunc();
    let first = prefix.network();
    let usable = (32..=64).contains(&prefix.prefix_len())
        && !first.is_multicast()
        && !first.is_unicast_link_local()
        && first.segments()[0] != 0;
    if length != 64 || !usable {
        job.ledger.lost(
            item.id,
            "clients get a /64 each, out of a prefix of /32 to /64",
        );
        return None;
    }
    let mut name = None;
    for field in fields {
        match field.split_once('=') {
            None if name.is_none() && !field.is_empty() => name = Some(field.to_owned()),
            Some(("name", value)) => name = Some(value.to_owned()),
            Some(("next", _)) => job
                .ledger
                .note(item.id, "no pool of IPv6 follows another one"),
            _ => job.ledger.note(item.id, format!("`{field}` is not known")),
        }
    }
    Some(Ipv6Pool {
        prefix,
        name,
        line: item.id,
    })
}
