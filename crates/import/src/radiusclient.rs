//! The import of `radiusclient.conf` and of the file of secrets that it names.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::ReadError;
use crate::item::Item;
use crate::job::Job;
use crate::ledger::{LineId, shown};
use crate::options::{Fate, Program};
use crate::radius_servers::{self, Server};

/// Octets of an attribute's value (RFC 2865 §5).
const TEXT_OCTETS: usize = 253;
const AUTHENTICATION_PORT: u16 = 1812;
const ACCOUNTING_PORT: u16 = 1813;

/// Reads the file and writes what it says; tells whether any server came of it that takes logins.
pub(crate) fn import(job: &mut Job<'_>, path: &Path) -> Result<bool, ReadError> {
    let items = read(job, path)?;
    let find = |name: &str| items.iter().find(|item| item.name == name);
    let secrets = match find("servers") {
        Some(item) => secrets(job, item),
        None => {
            job.remark(format!(
                "{}: no line `servers` names the file of secrets.",
                path.display()
            ));
            Vec::new()
        }
    };
    let mut servers = Vec::new();
    for item in items.iter().filter(|item| repeats(&item.name)) {
        add_servers(job, &mut servers, item, &secrets);
    }
    let logins = servers.iter().any(|server| server.authentication_port > 0);
    let any = !radius_servers::write(job, servers).is_empty();
    for item in items.iter().filter(|item| !repeats(&item.name)) {
        match any {
            true => setting(job, item),
            false => job
                .ledger
                .lost(item.id, "no RADIUS server is named that could be asked"),
        }
    }
    Ok(any && logins)
}

fn setting(job: &mut Job<'_>, item: &Item) {
    match item.name.as_str() {
        "servers" => job
            .ledger
            .carried(item.id, "radius.servers.secret_file".to_owned()),
        "radius_timeout" => {
            job.number(item, "radius", "timeout_ms", 1000, 10..=60_000);
        }
        "radius_retries" => {
            job.number(item, "radius", "tries", 1, 1..=20);
        }
        "radius_deadtime" => {
            job.number(item, "radius", "dead_seconds", 1, 0..=86_400);
        }
        "nas_identifier" | "nas-identifier" => nas_identifier(job, item),
        "nas-ip" => address(job, item, "nas_ip_address"),
        "bindaddr" => address(job, item, "source_address"),
        _ => settle(job, item),
    }
}

fn nas_identifier(job: &mut Job<'_>, item: &Item) {
    match item.value.len() {
        0 => job.ledger.needless(item.id, "it is empty"),
        1..=TEXT_OCTETS => job.set("radius", "nas_identifier", item.value.as_str(), &[item.id]),
        _ => job.ledger.lost(item.id, "it is too long for an attribute"),
    }
}

fn read(job: &mut Job<'_>, path: &Path) -> Result<Vec<Item>, ReadError> {
    let text = job.reader.text(path)?;
    let mut items: Vec<Item> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !job.has_room() {
            break;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find([' ', '\t']).unwrap_or(line.len());
        let (name, value) = line.split_at(end);
        let value = value.trim();
        let known = Program::Radiusclient.find("", name).is_some();
        let text = if known {
            shown_line(name, value)
        } else {
            name.to_owned()
        };
        let id = job.ledger.add(path, index + 1, &text);
        if items
            .iter()
            .any(|other| other.name == name && !repeats(name))
        {
            job.ledger
                .lost(id, "the library refuses a second line of this name");
            continue;
        }
        items.push(Item {
            id,
            section: String::new(),
            name: name.to_owned(),
            value: Zeroizing::new(value.to_owned()),
            raw: Zeroizing::new(line.to_owned()),
            taken: false,
        });
    }
    Ok(items)
}

/// Later forms of the library take several lines of servers.
fn repeats(name: &str) -> bool {
    matches!(name, "authserver" | "acctserver")
}

/// A server may be written as `host:port:secret`.
fn shown_line(name: &str, value: &str) -> String {
    if !repeats(name) {
        return format!("{name} {value}");
    }
    let servers: Vec<String> = value
        .split([',', ' ', '\t'])
        .filter(|server| !server.is_empty())
        .map(|server| {
            let mut parts = server.splitn(3, ':');
            let host = parts.next().unwrap_or_default();
            let port = parts
                .next()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            let secret = parts.next().map_or("", |_| ":***");
            format!("{host}{port}{secret}")
        })
        .collect();
    format!("{name} {}", servers.join(","))
}

fn settle(job: &mut Job<'_>, item: &Item) {
    match Program::Radiusclient
        .find("", &item.name)
        .map(|known| known.fate)
    {
        Some(Fate::NotNeeded(why)) => job.ledger.needless(item.id, why),
        Some(Fate::Missing(_)) if item.value.is_empty() => {
            job.ledger.needless(item.id, "it is empty")
        }
        Some(Fate::Missing(why)) => job.ledger.lost(item.id, why),
        Some(Fate::Carried(_)) | None => {}
    }
}

fn address(job: &mut Job<'_>, item: &Item, key: &'static str) {
    match item.value.as_str() {
        "*" | "" => job
            .ledger
            .needless(item.id, "the way to the server chooses the address"),
        text => match text.parse::<Ipv4Addr>() {
            Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
                job.set("radius", key, address.to_string(), &[item.id])
            }
            _ => job.ledger.lost(
                item.id,
                "names of hosts are not looked up; write an address",
            ),
        },
    }
}

/// A line of the file of secrets.
struct Secret {
    /// Server, or `ours/theirs`.
    hosts: String,
    secret: Zeroizing<String>,
    line: LineId,
}

fn secrets(job: &mut Job<'_>, item: &Item) -> Vec<Secret> {
    let path = PathBuf::from(&item.value);
    let text = match job.reader.text(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            job.ledger
                .lost(item.id, format!("the file is not read: {error}"));
            return Vec::new();
        }
    };
    let mut secrets = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let (Some(hosts), secret) = (words.next(), words.next()) else {
            continue;
        };
        if line.starts_with('#') || !job.has_room() {
            continue;
        }
        let line = job
            .ledger
            .add(&path, index + 1, &format!("{} ***", shown(hosts)));
        match secret {
            Some(secret) => secrets.push(Secret {
                hosts: hosts.to_owned(),
                secret: Zeroizing::new(secret.to_owned()),
                line,
            }),
            None => job.ledger.lost(line, "it has no secret"),
        }
    }
    for secret in &secrets {
        job.ledger
            .needless(secret.line, "it is for a server that is not asked");
    }
    secrets
}

/// `host[:port[:secret]]`, several with commas.
fn add_servers(job: &mut Job<'_>, servers: &mut Vec<Server>, item: &Item, secrets: &[Secret]) {
    let authentication = item.name == "authserver";
    for field in item
        .value
        .split([',', ' ', '\t'])
        .filter(|field| !field.is_empty())
    {
        let mut parts = field.splitn(3, ':');
        let host = parts.next().unwrap_or_default();
        let default = if authentication {
            AUTHENTICATION_PORT
        } else {
            ACCOUNTING_PORT
        };
        let port = parts
            .next()
            .filter(|port| !port.is_empty())
            .map_or(Ok(default), str::parse);
        let own = parts.next();
        let (Ok(address), Ok(port)) = (host.parse::<Ipv4Addr>(), port) else {
            let host = shown(host);
            job.ledger.lost(
                item.id,
                format!("names of hosts are not looked up; write the address of `{host}`"),
            );
            continue;
        };
        let kept = secrets.iter().find(|secret| names(&secret.hosts, host));
        let secret = match (own, kept) {
            (Some(own), _) => Zeroizing::new(own.to_owned()),
            (None, Some(kept)) => {
                job.ledger
                    .carried(kept.line, "radius.servers.secret_file".to_owned());
                kept.secret.clone()
            }
            (None, None) => {
                job.ledger
                    .lost(item.id, format!("no secret of {address} is known"));
                continue;
            }
        };
        add_server(servers, address, port, authentication, secret, item.id);
    }
}

fn add_server(
    servers: &mut Vec<Server>,
    address: Ipv4Addr,
    port: u16,
    authentication: bool,
    secret: Zeroizing<String>,
    line: LineId,
) {
    let free = |server: &Server| match authentication {
        true => server.authentication_port == 0,
        false => server.accounting_port == 0,
    };
    let same = servers
        .iter_mut()
        .find(|server| server.address == address && *server.secret == *secret && free(server));
    let server = match same {
        Some(server) => server,
        None => {
            servers.push(Server {
                address,
                authentication_port: 0,
                accounting_port: 0,
                secret,
                backup: false,
                lines: Vec::new(),
            });
            let last = servers.len() - 1;
            &mut servers[last]
        }
    };
    match authentication {
        true => server.authentication_port = port,
        false => server.accounting_port = port,
    }
    server.lines.push(line);
}

/// Whether a line of the file of secrets is for a host; the paired form names us and the server.
fn names(hosts: &str, host: &str) -> bool {
    hosts.split('/').any(|name| name == host)
}
