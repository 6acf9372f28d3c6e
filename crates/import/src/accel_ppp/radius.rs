//! `[radius]`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use ipnet::Ipv4Net;
use toml::Value;
use zeroize::Zeroizing;

use super::pools::set_gateway;
use super::settings::Settings;
use crate::addresses::Plan;
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;
use crate::radius_servers::{self, Server};

/// Octets of an attribute's value (RFC 2865 §5).
const TEXT_OCTETS: usize = 253;
const AUTHENTICATION_PORT: u16 = 1812;
const ACCOUNTING_PORT: u16 = 1813;
/// Where accel-ppp listens for CoA if `dae-server` names no port.
const DYNAMIC_PORT: u16 = 3799;

/// Tells whether servers take logins.
pub(super) fn write(job: &mut Job<'_>, settings: &mut Settings, plan: &mut Plan) -> bool {
    if let Some(item) = settings.first(job, "radius", "gw-ip-address") {
        set_gateway(job, plan, &item);
    }
    let servers = servers(job, settings);
    let logins = servers.iter().any(|server| server.authentication_port > 0);
    let files = radius_servers::write(job, servers);
    if files.is_empty() {
        for item in settings.all("radius", |_| true) {
            job.ledger
                .lost(item.id, "no RADIUS server is named that could be asked");
        }
        return false;
    }
    identity(job, settings);
    timers(job, settings);
    dynamic_authorization(job, settings, &files);
    logins
}

fn identity(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "radius", "nas-identifier") {
        match item.value.len() {
            1..=TEXT_OCTETS => job.set("radius", "nas_identifier", item.value.as_str(), &[item.id]),
            _ => job
                .ledger
                .lost(item.id, "it is empty or too long for an attribute"),
        }
    }
    let nas = settings.first(job, "radius", "nas-ip-address");
    let bind = settings.first(job, "radius", "bind");
    if let Some(item) = &nas {
        address(job, item, "nas_ip_address");
    }
    // Without `bind`, requests come from the NAS address.
    if let Some(item) = bind.as_ref().or(nas.as_ref()) {
        address(job, item, "source_address");
    }
}

fn address(job: &mut Job<'_>, item: &Item, key: &'static str) {
    match item.value.parse::<Ipv4Addr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
            job.set("radius", key, address.to_string(), &[item.id]);
        }
        _ => job
            .ledger
            .lost(item.id, "its value is no address of this host"),
    }
}

fn timers(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "radius", "timeout") {
        job.number(&item, "radius", "timeout_ms", 1000, 10..=60_000);
    }
    if let Some(item) = settings.first(job, "radius", "max-try") {
        job.number(&item, "radius", "tries", 1, 1..=20);
    }
    for name in ["fail-timeout", "fail-time"] {
        if let Some(item) = settings.first(job, "radius", name) {
            dead_time(job, &item);
        }
    }
    if let Some(item) = settings.first(job, "radius", "acct-interim-interval") {
        job.number(&item, "radius", "interim_seconds", 1, 0..=86_400);
    }
    if let Some(item) = settings.first(job, "radius", "blast-protection") {
        match item.is_on() {
            true => job.set("radius", "require_message_authenticator", true, &[item.id]),
            false => job.ledger.lost(
                item.id,
                "Adit asks servers for a Message-Authenticator (CVE-2024-3596); if one is too old for that, set \
                 [radius] require_message_authenticator = false",
            ),
        }
    }
}

fn dead_time(job: &mut Job<'_>, item: &Item) {
    match item.number() {
        _ if job.get("radius", "dead_seconds").is_some() => {
            job.ledger.needless(item.id, "another line has it");
        }
        _ => {
            job.number(item, "radius", "dead_seconds", 1, 0..=86_400);
        }
    }
}

fn servers(job: &mut Job<'_>, settings: &mut Settings) -> Vec<Server> {
    let mut servers = Vec::new();
    for item in settings.all("radius", |item| item.name == "server") {
        match server(job, &item) {
            Some(server) => servers.push(server),
            None => job
                .ledger
                .lost(item.id, "it is not of the form address,secret[,name=value]"),
        }
    }
    let old = [
        ("auth-server", AUTHENTICATION_PORT, 0),
        ("acct-server", 0, ACCOUNTING_PORT),
    ];
    for (name, authentication, accounting) in old {
        let Some(item) = settings.first(job, "radius", name) else {
            continue;
        };
        match old_server(&item, authentication, accounting) {
            Some(server) => add_old(&mut servers, server),
            None => job
                .ledger
                .lost(item.id, "it is not of the form address:port,secret"),
        }
    }
    if servers.is_empty() && settings.has_section("radius") && settings.has_module("radius") {
        job.remark("[radius] names no server.");
    }
    servers
}

fn server(job: &mut Job<'_>, item: &Item) -> Option<Server> {
    let mut fields = item.value.split(',').map(str::trim);
    let address = fields.next()?.parse().ok()?;
    let secret = Zeroizing::new(fields.next()?.to_owned());
    let mut server = Server {
        address,
        authentication_port: AUTHENTICATION_PORT,
        accounting_port: ACCOUNTING_PORT,
        secret,
        backup: false,
        lines: vec![item.id],
    };
    for (index, field) in fields.enumerate() {
        let port = field.parse::<u16>().ok();
        match (field.split_once('='), index, port) {
            // The form without names: address,secret,port,port.
            (None, 0, Some(port)) => server.authentication_port = port,
            (None, 1, Some(port)) => server.accounting_port = port,
            (None, ..) if field == "backup" => server.backup = true,
            (Some(("auth-port", value)), ..) => server.authentication_port = value.parse().ok()?,
            (Some(("acct-port", value)), ..) => server.accounting_port = value.parse().ok()?,
            (Some(("fail-timeout" | "fail-time", value)), ..) => {
                let of_server = Item {
                    value: Zeroizing::new(value.to_owned()),
                    ..item.clone()
                };
                if of_server.is_on() {
                    dead_time(job, &of_server);
                }
            }
            (Some(("weight", value)), ..) if value != "1" => job.ledger.note(
                item.id,
                "servers are asked in their order; there are no weights",
            ),
            (Some(("bind-device", _)), ..) => job.ledger.note(
                item.id,
                "requests are not bound to a device; [radius] source_address chooses the way",
            ),
            (Some(("req-limit" | "max-fail" | "weight", _)), ..) => {}
            _ => job.ledger.note(
                item.id,
                format!("`{}` is not known", crate::ledger::shown(field)),
            ),
        }
    }
    Some(server)
}

/// `address[:port],secret`
fn old_server(item: &Item, authentication: u16, accounting: u16) -> Option<Server> {
    let (place, secret) = item.value.split_once(',')?;
    let (address, port) = match place.split_once(':') {
        Some((address, port)) => (address, Some(port.parse::<u16>().ok()?)),
        None => (place, None),
    };
    let port_of = |default: u16| {
        if default == 0 {
            0
        } else {
            port.unwrap_or(default)
        }
    };
    Some(Server {
        address: address.parse().ok()?,
        authentication_port: port_of(authentication),
        accounting_port: port_of(accounting),
        secret: Zeroizing::new(secret.to_owned()),
        backup: false,
        lines: vec![item.id],
    })
}

/// A server for accounting that is the one for authentication too.
fn add_old(servers: &mut Vec<Server>, server: Server) {
    let same = servers.iter_mut().find(|other| {
        other.address == server.address
            && *other.secret == *server.secret
            && other.accounting_port == 0
            && server.authentication_port == 0
    });
    match same {
        Some(other) => {
            other.accounting_port = server.accounting_port;
            other.lines.extend(server.lines);
        }
        None => servers.push(server),
    }
}

fn dynamic_authorization(
    job: &mut Job<'_>,
    settings: &mut Settings,
    servers: &[(Ipv4Addr, PathBuf)],
) {
    let listener = settings.first(job, "radius", "dae-server");
    let allowed = settings.first(job, "radius", "dae-allowed");
    let Some(item) = listener else {
        if let Some(allowed) = allowed {
            job.ledger.needless(allowed.id, "there is no dae-server");
        }
        return;
    };
    let Some((address, secret)) = dae_server(job, &item) else {
        return job
            .ledger
            .lost(item.id, "it is not of the form address:port,secret");
    };
    let (networks, lines) = match &allowed {
        Some(allowed) => (dae_allowed(job, allowed), vec![allowed.id]),
        None => {
            job.ledger.note(
                item.id,
                "accel-ppp takes requests from everywhere without `dae-allowed`; Adit from the RADIUS servers",
            );
            let of_servers = servers.iter().map(|(address, _)| Ipv4Net::from(*address));
            (of_servers.collect(), Vec::new())
        }
    };
    if networks.is_empty() {
        for line in lines.iter().chain([&item.id]) {
            job.ledger
                .lost(*line, "nobody is named who may send such requests");
        }
        return;
    }
    let place = job.ledger.place(item.id);
    let file = job
        .secrets
        .keep("radius-dynamic-authorization", &secret, &place);
    let listen = vec![Value::String(address.to_string())];
    job.set("radius.dynamic_authorization", "listen", listen, &[item.id]);
    write_clients(job, networks, &lines, &file);
}

fn write_clients(
    job: &mut Job<'_>,
    mut networks: Vec<Ipv4Net>,
    lines: &[LineId],
    file: &std::path::Path,
) {
    const TABLE: &str = "radius.dynamic_authorization.clients";
    networks.sort_unstable();
    networks.dedup();
    for network in networks {
        let rows = vec![
            job.row(TABLE, "address", network.to_string(), lines),
            job.row(TABLE, "secret_file", file.display().to_string(), &[]),
        ];
        job.push_element(TABLE, rows);
    }
}

fn dae_server(job: &mut Job<'_>, item: &Item) -> Option<(SocketAddrV4, Zeroizing<String>)> {
    let (place, rest) = item.value.split_once(',')?;
    let secret = match rest.split_once(",bind-device=") {
        Some((secret, _)) => {
            job.ledger.note(
                item.id,
                "the socket is bound to its address, not to a device",
            );
            secret
        }
        None => rest,
    };
    let address = match place.contains(':') {
        true => place
            .trim()
            .parse()
            .ok()
            .filter(|address: &SocketAddrV4| address.port() > 0)?,
        false => SocketAddrV4::new(place.trim().parse().ok()?, DYNAMIC_PORT),
    };
    Some((address, Zeroizing::new(secret.to_owned())))
}

fn dae_allowed(job: &mut Job<'_>, item: &Item) -> Vec<Ipv4Net> {
    let mut networks = Vec::new();
    for field in item.value.split(',').map(str::trim) {
        let address = field.parse::<Ipv4Addr>().ok().map(Ipv4Net::from);
        match address.or_else(|| field.parse::<Ipv4Net>().ok()) {
            Some(network) => networks.push(network.trunc()),
            None => job
                .ledger
                .note(item.id, format!("`{field}` is no IPv4 address or network")),
        }
    }
    networks
}
