//! `[pptp]`, `[ppp]`, `[dns]`, `[wins]`, `[ipv6-dns]`, `[client-ip-range]`, `[common]`.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use toml::Value;

use super::settings::Settings;
use crate::addresses::{Plan, Range, Source, cidrs};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;

/// accel-ppp's default for `[pptp] port`.
const PORT: i64 = 1723;
/// accel-ppp's defaults for the numbers of unanswered requests.
const ECHO_FAILURES: i64 = 3;
/// IPv6 needs that much (RFC 8200 §5).
const IPV6_MINIMUM_MTU: i64 = 1280;
/// What Adit takes for packet sizes.
const SIZES: std::ops::RangeInclusive<i64> = 576..=1500;

pub(super) fn write(job: &mut Job<'_>, settings: &mut Settings, plan: &mut Plan) {
    listen(job, settings);
    control_connection(job, settings);
    mtu(job, settings);
    links(job, settings);
    echo(job, settings);
    ipv6(job, settings);
    encryption(job, settings);
    sessions(job, settings);
    for (section, names, key) in [
        ("dns", ["dns1", "dns2"], "dns"),
        ("wins", ["wins1", "wins2"], "wins"),
    ] {
        name_servers(job, settings, section, names, key);
    }
    clients(job, settings);
    preferred_pool(job, settings, plan);
}

fn listen(job: &mut Job<'_>, settings: &mut Settings) {
    let bind = settings.first(job, "pptp", "bind");
    let port = settings.first(job, "pptp", "port");
    let lines: Vec<LineId> = [&bind, &port]
        .into_iter()
        .flatten()
        .map(|item| item.id)
        .collect();
    if lines.is_empty() {
        return;
    }
    let address = bind.map_or(Ok(Ipv4Addr::UNSPECIFIED), |item| item.value.parse());
    let port = port.map_or(Some(PORT), |item| item.number());
    let port = port.and_then(|port| u16::try_from(port).ok());
    let (Ok(address), Some(port @ 1..)) = (address, port) else {
        for line in lines {
            job.ledger
                .lost(line, "there is no such IPv4 address and port");
        }
        return;
    };
    job.set(
        "",
        "listen",
        vec![Value::String(format!("{address}:{port}"))],
        &lines,
    );
}

fn control_connection(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "pptp", "timeout") {
        job.number(&item, "pptp", "half_open_seconds", 1, 1..=3600);
    }
    let interval = settings.first(job, "pptp", "echo-interval");
    let failures = settings.first(job, "pptp", "echo-failure");
    let seconds = interval.as_ref().and_then(Item::number).unwrap_or_default();
    if seconds <= 0 {
        for item in [&interval, &failures].into_iter().flatten() {
            job.ledger.lost(
                item.id,
                "accel-ppp never asks for a sign of life without `echo-interval`; Adit always does, after a \
                 minute of silence",
            );
        }
        return;
    }
    if let Some(item) = &interval {
        job.number(item, "pptp", "echo_interval_seconds", 1, 1..=3600);
    }
    let times = failures
        .as_ref()
        .and_then(Item::number)
        .unwrap_or(ECHO_FAILURES);
    if let Some(item) = failures {
        job.number(&item, "pptp", "echo_timeout_seconds", seconds, 1..=3600);
    } else if let Some(item) = interval {
        let timeout = seconds.saturating_mul(times).clamp(1, 3600);
        job.set("pptp", "echo_timeout_seconds", timeout, &[item.id]);
    }
}

/// The least of what bounds a session's packets.
fn mtu(job: &mut Job<'_>, settings: &mut Settings) {
    let candidates: Vec<Item> = [("ppp", "mtu"), ("ppp", "max-mtu"), ("pptp", "ppp-max-mtu")]
        .into_iter()
        .filter_map(|(section, name)| settings.first(job, section, name))
        .collect();
    let least = candidates
        .iter()
        .filter(|item| item.number().is_some_and(|mtu| mtu > 0))
        .min_by_key(|item| item.number());
    if let Some(least) = least {
        job.number(least, "network", "mtu", 1, SIZES);
    }
    for item in &candidates {
        match least {
            Some(least) if item.number().is_some_and(|mtu| mtu > 0) => {
                if item.id != least.id {
                    let line = job.ledger.line_number(least.id);
                    job.ledger
                        .needless(item.id, format!("line {line} has a smaller size"));
                }
            }
            _ => job.ledger.lost(item.id, "its value is no packet size"),
        }
    }
    if let Some(item) = settings.first(job, "ppp", "mru") {
        job.number(&item, "ppp", "mru", 1, SIZES);
    }
}

fn links(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "ppp", "ipv4") {
        match item.value.as_str() {
            "deny" => job.ledger.lost(item.id, "IPv4 is what every session has"),
            _ => job
                .ledger
                .needless(item.id, "IPv4 is what every session has"),
        }
    }
    if let Some(item) = settings.first(job, "ppp", "timeout") {
        job.number(&item, "ppp", "restart_timer_ms", 1000, 100..=60_000);
    }
    for (name, key) in [
        ("max-configure", "max_configure"),
        ("max-failure", "max_failure"),
        ("max-terminate", "max_terminate"),
    ] {
        if let Some(item) = settings.first(job, "ppp", name) {
            job.number(&item, "ppp", key, 1, 1..=255);
        }
    }
}

fn echo(job: &mut Job<'_>, settings: &mut Settings) {
    let interval = settings.first(job, "ppp", "lcp-echo-interval");
    let failure = settings.first(job, "ppp", "lcp-echo-failure");
    let timeout = settings.first(job, "ppp", "lcp-echo-timeout");
    let seconds = interval.as_ref().and_then(Item::number).unwrap_or(10);
    if let Some(item) = &interval {
        job.number(item, "ppp", "lcp_echo_interval_seconds", 1, 0..=3600);
    }
    let adaptive = timeout
        .as_ref()
        .and_then(Item::number)
        .filter(|timeout| *timeout > 0);
    match (timeout, adaptive) {
        (Some(item), Some(timeout)) if seconds > 0 => {
            let failures = (timeout / seconds).clamp(1, 100);
            job.set("ppp", "lcp_echo_failures", failures, &[item.id]);
            job.ledger.note(
                item.id,
                format!("a client may be silent for {failures} requests, one every {seconds} s"),
            );
            if let Some(failure) = failure {
                job.ledger.needless(
                    failure.id,
                    "with `lcp-echo-timeout`, accel-ppp does not look at it",
                );
            }
        }
        (timeout, _) => {
            if let Some(item) = timeout {
                job.ledger
                    .needless(item.id, "it is 0, or there are no requests");
            }
            if let Some(item) = failure {
                if item.number() == Some(0) {
                    job.ledger
                        .lost(item.id, "Adit hangs up on a client that is silent");
                } else {
                    job.number(&item, "ppp", "lcp_echo_failures", 1, 1..=100);
                }
            }
        }
    }
}

/// accel-ppp has no IPv6 where it is not told to.
fn ipv6(job: &mut Job<'_>, settings: &mut Settings) {
    let item = settings.first(job, "ppp", "ipv6");
    let wanted = match &item {
        None => false,
        Some(item) => match item.value.as_str() {
            "deny" | "0" => false,
            "allow" | "prefer" | "1" => true,
            "require" => {
                job.ledger
                    .note(item.id, "a client without IPv6 is served, too");
                true
            }
            _ => {
                job.ledger
                    .lost(item.id, "it is none of deny, allow, prefer and require");
                return job.set("network", "ipv6", false, &[]);
            }
        },
    };
    let lines: Vec<LineId> = item.iter().map(|item| item.id).collect();
    let mtu = job.get("network", "mtu").and_then(Value::as_integer);
    if wanted && mtu.is_some_and(|mtu| mtu < IPV6_MINIMUM_MTU) {
        for line in lines {
            job.ledger
                .lost(line, format!("IPv6 needs an MTU of {IPV6_MINIMUM_MTU}"));
        }
        return job.set("network", "ipv6", false, &[]);
    }
    job.set("network", "ipv6", wanted, &lines);
}

fn encryption(job: &mut Job<'_>, settings: &mut Settings) {
    let general = settings.first(job, "ppp", "mppe");
    let own = settings.first(job, "pptp", "mppe");
    let ccp = settings.first(job, "ppp", "ccp");
    if let (Some(general), Some(own)) = (&general, &own) {
        let line = job.ledger.line_number(own.id);
        job.ledger
            .needless(general.id, format!("[pptp] has its own in line {line}"));
    }
    if let Some(ccp) = ccp {
        if ccp.number() == Some(0) {
            for item in [&general, &own].into_iter().flatten() {
                job.ledger
                    .needless(item.id, "with `ccp=0` nothing is encrypted");
            }
            return job.set("encryption", "policy", "off", &[ccp.id]);
        }
        job.ledger
            .needless(ccp.id, "CCP is negotiated where encryption is");
    }
    let item = own.or(general);
    let lines: Vec<LineId> = item.iter().map(|item| item.id).collect();
    let policy = match item.as_ref().map(|item| item.value.as_str()) {
        Some("require") => "required",
        Some("deny") => "off",
        Some("prefer") => "optional",
        Some("allow") | None => {
            let sentence = "accel-ppp lets a client encrypt and does not ask for it; Adit asks, and serves those \
                            that refuse. Set [encryption] policy = \"required\" if all clients can encrypt.";
            match lines.first() {
                Some(line) => job.ledger.note(*line, sentence),
                None => job.remark(format!("nothing says whether clients encrypt: {sentence}")),
            }
            "optional"
        }
        Some(_) => {
            for line in lines {
                job.ledger
                    .lost(line, "it is none of require, prefer, allow and deny");
            }
            return job.set("encryption", "policy", "optional", &[]);
        }
    };
    job.set("encryption", "policy", policy, &lines);
    if policy != "off" {
        // accel-ppp knows no other ones.
        job.set("encryption", "strengths", vec![Value::Integer(128)], &[]);
        job.set("encryption", "modes", vec![Value::from("stateless")], &[]);
    }
}

fn sessions(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "common", "single-session") {
        match item.value.as_str() {
            "replace" => job.set("policy", "simultaneous", "replace", &[item.id]),
            "deny" => job.set("policy", "simultaneous", "refuse", &[item.id]),
            _ => job.ledger.lost(item.id, "it is neither replace nor deny"),
        }
    }
    for (name, key) in [("max-sessions", "sessions"), ("max-starting", "half_open")] {
        if let Some(item) = settings.first(job, "common", name) {
            match item.number() {
                Some(0) => job.ledger.lost(
                    item.id,
                    format!("Adit always has a limit; [limits] {key} has its default"),
                ),
                _ => {
                    job.number(&item, "limits", key, 1, 1..=65_535);
                }
            }
        }
    }
    limits_agree(job);
    session_timeout(job, settings);
}

/// `[limits] connections` must not be less than the others.
fn limits_agree(job: &mut Job<'_>) {
    const CONNECTIONS: i64 = 12_000;
    let limit = |key| job.get("limits", key).and_then(Value::as_integer);
    let most = limit("sessions")
        .max(limit("half_open"))
        .unwrap_or_default();
    if most > CONNECTIONS {
        job.set("limits", "connections", 65_535, &[]);
    }
}

fn session_timeout(job: &mut Job<'_>, settings: &mut Settings) {
    let own = settings.first(job, "pptp", "session-timeout");
    let general = settings.first(job, "common", "session-timeout");
    let counts = own
        .as_ref()
        .filter(|item| item.is_on())
        .or(general.as_ref());
    if let Some(item) = counts {
        job.number(
            item,
            "policy",
            "session_seconds",
            1,
            0..=i64::from(u32::MAX),
        );
    }
    for item in [&own, &general].into_iter().flatten() {
        if job.ledger.is_open(item.id) {
            job.ledger
                .needless(item.id, "another section has the one that counts");
        }
    }
}

fn name_servers(
    job: &mut Job<'_>,
    settings: &mut Settings,
    section: &str,
    names: [&str; 2],
    key: &'static str,
) {
    let mut servers = Vec::new();
    let mut lines = Vec::new();
    for name in names {
        let Some(item) = settings.first(job, section, name) else {
            continue;
        };
        match item.value.parse::<Ipv4Addr>() {
            Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
                servers.push(Value::String(address.to_string()));
                lines.push(item.id);
            }
            _ => job
                .ledger
                .lost(item.id, "its value is no address of a host"),
        }
    }
    if !servers.is_empty() {
        job.set("network", key, servers, &lines);
    }
}

/// The name servers of IPv6, once it is known whether clients get prefixes.
pub(super) fn ipv6_name_servers(job: &mut Job<'_>, settings: &mut Settings) {
    let items = settings.all("ipv6-dns", |item| {
        item.name == "dns" || item.name.parse::<Ipv6Addr>().is_ok()
    });
    let mut servers = Vec::new();
    let mut lines = Vec::new();
    for item in items {
        let text = if item.name == "dns" {
            &item.value
        } else {
            &item.name
        };
        match text.parse::<Ipv6Addr>() {
            Ok(_) if job.get("network", "ipv6_prefix").is_none() => {
                job.ledger.lost(
                    item.id,
                    "clients get no IPv6 prefix from here and could not reach it",
                );
            }
            Ok(address) => {
                servers.push(Value::String(address.to_string()));
                lines.push(item.id);
            }
            Err(_) => job.ledger.lost(item.id, "its value is no IPv6 address"),
        }
    }
    if !servers.is_empty() {
        job.set("network", "ipv6_dns", servers, &lines);
    }
}

fn clients(job: &mut Job<'_>, settings: &mut Settings) {
    if !settings.has_section("client-ip-range") {
        job.remark(
            "there is no section [client-ip-range], without which accel-ppp refuses every PPTP client; Adit lets \
             clients connect from everywhere: see [limits] allow.",
        );
    }
    let mut allowed = Vec::new();
    let mut lines = Vec::new();
    let items = settings.all("client-ip-range", |_| true);
    let everyone = items.iter().find(|item| {
        item.name == "disable" || parse_range(&item.name).is_some_and(|range| range == everywhere())
    });
    if let Some(everyone) = everyone {
        let line = job.ledger.line_number(everyone.id);
        for item in &items {
            let reason = match item.id == everyone.id {
                true => "clients may connect from everywhere by themselves".to_owned(),
                false => format!("line {line} lets clients connect from everywhere"),
            };
            job.ledger.needless(item.id, reason);
        }
        return;
    }
    for item in items {
        match parse_range(&item.name) {
            Some(range) => {
                allowed.extend(
                    cidrs(range)
                        .iter()
                        .map(|net| Value::String(net.to_string())),
                );
                lines.push(item.id);
            }
            None => job
                .ledger
                .lost(item.id, "it is neither x.x.x.x/mask nor x.x.x.x-y"),
        }
    }
    if !allowed.is_empty() {
        job.set("limits", "allow", allowed, &lines);
    }
}

fn everywhere() -> Range {
    Range::of_net(Ipv4Net::default())
}

/// `x.x.x.x/mask`, or `x.x.x.x-y` with `y` in place of the last number.
pub(super) fn parse_range(text: &str) -> Option<Range> {
    if let Ok(net) = text.parse::<Ipv4Net>() {
        return Some(Range::of_net(net));
    }
    let (first, last) = text.split_once('-')?;
    let first: Ipv4Addr = first.parse().ok()?;
    let [a, b, c, _] = first.octets();
    let last: u8 = last.parse().ok()?;
    Range::new(first, Ipv4Addr::new(a, b, c, last))
}

fn preferred_pool(job: &mut Job<'_>, settings: &mut Settings, plan: &mut Plan) {
    plan.preferred = settings.first(job, "pptp", "ip-pool").map(|item| Source {
        value: item.value.to_string(),
        lines: vec![item.id],
    });
}
