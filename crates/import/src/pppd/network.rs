//! Addresses, name servers and packet sizes.

use std::net::Ipv4Addr;

use toml::Value;

use super::grammar::{ADDRESSES, address_pair};
use super::options::Options;
use crate::addresses::{Plan, Range, Source};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;

/// IPv6 needs that much (RFC 8200 §5).
const IPV6_MINIMUM_MTU: i64 = 1280;
pub(super) fn write(job: &mut Job<'_>, options: &mut Options, plan: &mut Plan, delegate: bool) {
    for (name, key) in [("ms-dns", "dns"), ("ms-wins", "wins")] {
        name_servers(job, options, name, key);
    }
    for (name, table, key) in [("mtu", "network", "mtu"), ("mru", "ppp", "mru")] {
        if let Some(item) = options.last(job, &[name]) {
            job.number(&item, table, key, 1, 576..=1500);
        }
    }
    if let Some(item) = options.last(job, &["proxyarp", "noproxyarp", "-proxyarp"]) {
        let on = item.name == "proxyarp";
        job.set("network", "proxy_arp", on, &[item.id]);
        plan.shared_network = on;
    }
    ipv6(job, options);
    for item in options.all(&[ADDRESSES]) {
        addresses(job, plan, &item, delegate);
    }
}

fn name_servers(job: &mut Job<'_>, options: &mut Options, name: &str, key: &'static str) {
    let mut servers = Vec::new();
    let mut lines = Vec::new();
    for item in options.all(&[name]) {
        match item.value.parse::<Ipv4Addr>() {
            _ if servers.len() == 2 => job.ledger.lost(item.id, "a client can be given two"),
            Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
                servers.push(Value::String(address.to_string()));
                lines.push(item.id);
            }
            _ => job.ledger.lost(
                item.id,
                "names of hosts are not looked up; write an address",
            ),
        }
    }
    if !servers.is_empty() {
        job.set("network", key, servers, &lines);
    }
}

/// pppd has no IPv6 where it is not told to.
fn ipv6(job: &mut Job<'_>, options: &mut Options) {
    let item = options.last(job, &["+ipv6", "ipv6", "noipv6", "-ipv6"]);
    let wanted = item
        .as_ref()
        .is_some_and(|item| matches!(item.name.as_str(), "+ipv6" | "ipv6"));
    let lines: Vec<LineId> = item.iter().map(|item| item.id).collect();
    let mtu = job.get("network", "mtu").and_then(Value::as_integer);
    if wanted && mtu.is_some_and(|mtu| mtu < IPV6_MINIMUM_MTU) {
        for line in lines {
            job.ledger
                .lost(line, format!("IPv6 needs an MTU of {IPV6_MINIMUM_MTU}"));
        }
        return job.set("network", "ipv6", false, &[]);
    }
    if let Some(item) = item.filter(|item| item.name == "ipv6") {
        job.ledger.note(
            item.id,
            "interface identifiers are the client's and Adit's own",
        );
    }
    job.set("network", "ipv6", wanted, &lines);
}

fn addresses(job: &mut Job<'_>, plan: &mut Plan, item: &Item, delegate: bool) {
    if !delegate {
        let reason = "pptpd gives pppd other addresses, which go before";
        return job.ledger.needless(item.id, reason);
    }
    let (local, remote) = address_pair(&item.raw).unwrap_or_default();
    if let Some(local) = local {
        plan.gateway = Some(Source {
            value: local,
            lines: vec![item.id],
        });
    }
    if let Some(remote) = remote {
        plan.add_main(Range::of_address(remote), Some(item.id));
    }
}
