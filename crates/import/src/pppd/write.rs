//! What pppd's options become.

use std::net::Ipv4Addr;
use std::path::Path;

use toml::Value;

use super::grammar::{ADDRESSES, address_pair};
use super::options::Options;
use crate::addresses::{Plan, Range, Source};
use crate::chap_secrets::{self, Reader};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;
use crate::options::{Fate, Program};
use crate::radiusclient;

/// Options that demand a method, that refuse it, and Adit's name of it; in pppd's order of preference.
const METHODS: [([&str; 2], [&str; 2], &str); 4] = [
    (
        ["require-mschap-v2", "+mschap-v2"],
        ["refuse-mschap-v2", "-mschap-v2"],
        "mschap-v2",
    ),
    (
        ["require-mschap", "+mschap"],
        ["refuse-mschap", "-mschap"],
        "mschap-v1",
    ),
    (
        ["require-chap", "+chap"],
        ["refuse-chap", "-chap"],
        "chap-md5",
    ),
    (["require-pap", "+pap"], ["refuse-pap", "-pap"], "pap"),
];
const SECRETS: &str = "/etc/ppp/chap-secrets";
const RADIUS_CONFIGURATION: &str = "/etc/radiusclient/radiusclient.conf";
/// IPv6 needs that much (RFC 8200 §5).
const IPV6_MINIMUM_MTU: i64 = 1280;
/// pppd's default for `maxoctets` is octets in units of this.
const MEGABYTE: i64 = 1 << 20;

pub(super) fn write(job: &mut Job<'_>, options: &mut Options, plan: &mut Plan, delegate: bool) {
    network(job, options, plan, delegate);
    encryption(job, options);
    methods(job, options);
    users(job, options);
    links(job, options);
    limits(job, options);
    programs(job, options);
    if let Some(item) = options.last(job, &["logfile"]) {
        job.set("log", "target", item.value.as_str(), &[item.id]);
    }
}

fn network(job: &mut Job<'_>, options: &mut Options, plan: &mut Plan, delegate: bool) {
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

fn encryption(job: &mut Job<'_>, options: &mut Options) {
    let off = options.last(job, &["nomppe", "-mppe", "noccp", "-ccp"]);
    let required = options.all(&[
        "require-mppe",
        "+mppe",
        "require-mppe-128",
        "+mppe-128",
        "require-mppe-40",
        "+mppe-40",
    ]);
    let without = options.all(&["nomppe-128", "-mppe-128", "nomppe-40", "-mppe-40"]);
    let stateful = options.last(job, &["mppe-stateful", "nomppe-stateful"]);
    if let Some(off) = off {
        for item in required.iter().chain(&without).chain(&stateful) {
            let place = job.ledger.place(off.id);
            job.ledger
                .needless(item.id, format!("nothing is encrypted: {place}"));
        }
        return job.set("encryption", "policy", "off", &[off.id]);
    }
    if required.is_empty() {
        for item in without.iter().chain(&stateful) {
            job.ledger
                .needless(item.id, "nothing is encrypted without `require-mppe`");
        }
        job.remark(
            "pppd encrypts nothing without `require-mppe`, and so does Adit now; set [encryption] policy = \
             \"required\" if all clients can encrypt.",
        );
        return job.set("encryption", "policy", "off", &[]);
    }
    let lines: Vec<LineId> = required
        .iter()
        .chain(&without)
        .map(|item| item.id)
        .collect();
    job.set("encryption", "policy", "required", &lines);
    job.set(
        "encryption",
        "strengths",
        strengths(&required, &without),
        &lines,
    );
    let modes: &[&str] = match &stateful {
        Some(item) if item.name == "mppe-stateful" => &["stateless", "stateful"],
        _ => &["stateless"],
    };
    let modes: Vec<Value> = modes.iter().map(|mode| Value::from(*mode)).collect();
    let lines: Vec<LineId> = stateful.iter().map(|item| item.id).collect();
    job.set("encryption", "modes", modes, &lines);
}

fn strengths(required: &[Item], without: &[Item]) -> Vec<Value> {
    let ends = |items: &[Item], end: &str| items.iter().any(|item| item.name.ends_with(end));
    let any = required.iter().any(|item| item.name.ends_with("mppe"));
    let wanted = |end: &str| (any || ends(required, end)) && !ends(without, end);
    let mut strengths = Vec::new();
    if wanted("-128") {
        strengths.push(Value::Integer(128));
    }
    if wanted("-40") {
        strengths.push(Value::Integer(40));
    }
    if strengths.is_empty() {
        strengths.push(Value::Integer(128));
    }
    strengths
}

fn methods(job: &mut Job<'_>, options: &mut Options) {
    let mut demanded = Vec::new();
    let mut refused = Vec::new();
    for (demand, refuse, method) in METHODS {
        demanded.extend(
            options
                .all(&demand)
                .into_iter()
                .map(|item| (item.id, method)),
        );
        refused.extend(
            options
                .all(&refuse)
                .into_iter()
                .map(|item| (item.id, method)),
        );
    }
    let mut lines: Vec<LineId> = demanded.iter().map(|(line, _)| *line).collect();
    let has =
        |list: &[(LineId, &str)], method: &str| list.iter().any(|(_, other)| *other == method);
    let mut methods: Vec<&str> = METHODS
        .iter()
        .map(|(_, _, method)| *method)
        .filter(|method| has(&demanded, method))
        .collect();
    if demanded.is_empty() {
        methods = METHODS
            .iter()
            .map(|(_, _, method)| *method)
            .filter(|method| !has(&refused, method))
            .collect();
        lines = refused.iter().map(|(line, _)| *line).collect();
        for line in &lines {
            job.ledger.note(
                *line,
                "pppd refuses it only where it logs in itself; the meaning that was meant is taken",
            );
        }
        job.remark(
            "no `require-...` names a login method, so all are offered, as by pppd; [authentication] methods = \
             [\"mschap-v2\"] is safer.",
        );
    } else {
        for (line, _) in refused {
            job.ledger
                .needless(line, "only what is required is offered");
        }
    }
    let encrypted = job.get("encryption", "policy").and_then(Value::as_str) == Some("required");
    if methods.is_empty()
        || (encrypted && !methods.iter().any(|method| method.starts_with("mschap")))
    {
        job.remark("no method that is left can encrypt; \"mschap-v2\" is added to [authentication] methods.");
        methods.insert(0, "mschap-v2");
    }
    let methods: Vec<Value> = methods.into_iter().map(Value::from).collect();
    job.set("authentication", "methods", methods, &lines);
    if let Some(item) = options.last(job, &["chap-interval"]) {
        match item.number() {
            Some(0) => job
                .ledger
                .needless(item.id, "clients are challenged once by themselves"),
            _ => {
                job.number(
                    &item,
                    "authentication",
                    "rechallenge_seconds",
                    1,
                    10..=86_400,
                );
            }
        }
    }
    if let Some(item) = options.last(job, &["chap-timeout"]) {
        job.number(&item, "authentication", "timeout_seconds", 1, 1..=3600);
    }
}

fn users(job: &mut Job<'_>, options: &mut Options) {
    let radius = plugins(job, options);
    let file = options.last(job, &["radius-config-file"]);
    let name = options.last(job, &["name"]);
    let Some(radius) = radius else {
        if let Some(file) = file {
            job.ledger
                .lost(file.id, "the plugin radius.so is not loaded");
        }
        return secrets(job, name);
    };
    if let Some(name) = name {
        job.ledger.needless(
            name.id,
            "with the plugin radius.so, pppd does not read a secrets file",
        );
    }
    let path = file
        .as_ref()
        .map_or(RADIUS_CONFIGURATION, |item| item.value.as_str());
    match radiusclient::import(job, Path::new(path)) {
        Ok(true) => {
            job.set(
                "authentication",
                "order",
                vec![Value::from("radius")],
                &[radius],
            );
            if let Some(file) = file {
                job.ledger.needless(file.id, "the file is imported too");
            }
        }
        Ok(false) => {
            job.ledger.lost(
                radius,
                format!("{path} names no server whose address and secret are known"),
            );
            if let Some(file) = file {
                job.ledger.lost(
                    file.id,
                    "it names no server whose address and secret are known",
                );
            }
        }
        Err(error) => {
            job.ledger
                .lost(radius, format!("{path} is not read: {error}"));
            if let Some(file) = file {
                job.ledger
                    .lost(file.id, format!("the file is not read: {error}"));
            }
        }
    }
}

/// Says what becomes of plugins; returns the line of `radius.so`.
fn plugins(job: &mut Job<'_>, options: &mut Options) -> Option<LineId> {
    let mut radius = None;
    for item in options.all(&["plugin"]) {
        let file = item.value.rsplit('/').next().unwrap_or_default();
        if file == "radius.so" {
            radius = Some(item.id);
            continue;
        }
        match Program::Pppd
            .find("", &format!("plugin {file}"))
            .map(|known| known.fate)
        {
            Some(Fate::NotNeeded(why)) => job.ledger.needless(item.id, why),
            Some(Fate::Missing(why)) => job.ledger.lost(item.id, why),
            Some(Fate::Carried(_)) | None => {
                job.ledger.lost(
                    item.id,
                    "pppd's plugins do not run in Adit, and this one is not known",
                );
            }
        }
    }
    radius
}

fn secrets(job: &mut Job<'_>, name: Option<Item>) {
    job.set("users", "secrets", SECRETS, &[]);
    match name {
        Some(name) if !name.value.is_empty() => {
            job.set("users", "server_name", name.value.as_str(), &[name.id]);
        }
        _ => job.remark(
            "pppd takes lines of the secrets file whose second word is the host's name or `*`, because no `name` is \
             given; Adit takes every line. Set [users] server_name if that matters.",
        ),
    }
    job.set("authentication", "order", vec![Value::from("secrets")], &[]);
    let methods = job
        .get("authentication", "methods")
        .and_then(Value::as_array);
    if methods.is_some_and(|methods| methods.iter().any(|method| method.as_str() == Some("pap"))) {
        job.remark("pppd looks up PAP users in /etc/ppp/pap-secrets; Adit looks up all users in chap-secrets.");
    }
    chap_secrets::compare(job, Path::new(SECRETS), Reader::Pppd);
}

fn links(job: &mut Job<'_>, options: &mut Options) {
    if let Some(item) = options.last(job, &["lcp-echo-interval"]) {
        job.number(&item, "ppp", "lcp_echo_interval_seconds", 1, 0..=3600);
    }
    if let Some(item) = options.last(job, &["lcp-echo-failure"]) {
        match item.number() {
            Some(0) => job
                .ledger
                .lost(item.id, "Adit hangs up on a client that is silent"),
            _ => {
                job.number(&item, "ppp", "lcp_echo_failures", 1, 1..=100);
            }
        }
    }
    if let Some(item) = options.last(job, &["lcp-restart"]) {
        job.number(&item, "ppp", "restart_timer_ms", 1000, 100..=60_000);
    }
    for (name, key) in [
        ("lcp-max-configure", "max_configure"),
        ("lcp-max-failure", "max_failure"),
        ("lcp-max-terminate", "max_terminate"),
    ] {
        if let Some(item) = options.last(job, &[name]) {
            job.number(&item, "ppp", key, 1, 1..=255);
        }
    }
}

fn limits(job: &mut Job<'_>, options: &mut Options) {
    for (name, key) in [("idle", "idle_seconds"), ("maxconnect", "session_seconds")] {
        if let Some(item) = options.last(job, &[name]) {
            job.number(&item, "policy", key, 1, 0..=i64::from(u32::MAX));
        }
    }
    if let Some(item) = options.last(job, &["maxoctets", "mo"]) {
        match item
            .number()
            .and_then(|number| number.checked_mul(MEGABYTE))
        {
            Some(octets) if octets >= 0 => {
                job.set("policy", "volume", octets.to_string(), &[item.id]);
            }
            _ => job
                .ledger
                .lost(item.id, "its value is no number of megabytes"),
        }
    }
}

/// pppd runs these programs without being told to, where they are.
fn programs(job: &mut Job<'_>, options: &mut Options) {
    for (name, key, default) in [
        ("ip-up-script", "ip_up", "/etc/ppp/ip-up"),
        ("ip-down-script", "ip_down", "/etc/ppp/ip-down"),
    ] {
        if let Some(item) = options.last(job, &[name]) {
            match item.value.starts_with('/') {
                true => job.set("hooks", key, item.value.as_str(), &[item.id]),
                false => job
                    .ledger
                    .lost(item.id, "a program is named by its whole path"),
            }
        } else if job.reader.exists(Path::new(default)) {
            job.set("hooks", key, default, &[]);
            job.remark(format!(
                "pppd runs {default} for each session, and so does Adit: see [hooks] {key}."
            ));
        }
    }
}
