//! The import of `pptpd.conf`.

mod grammar;
mod specification;

use std::net::Ipv4Addr;
use std::path::Path;

use toml::Value;

use crate::ImportError;
use crate::addresses::{Plan, Range, Ranges, Source};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;
use crate::options::{Fate, Program};
use crate::pppd;

/// pptpd's default for `connections`.
const CONNECTIONS: i64 = 100;
/// Its defaults for addresses.
const LOCAL: &str = "192.168.0.1-100";
const REMOTE: &str = "192.168.1.1-100";
/// PPTP's port (RFC 2637 §1.3); pptpd knows no other one.
const PORT: u16 = 1723;

/// Reads the file, and pppd's options behind it, and writes what they say.
pub(crate) fn import(job: &mut Job<'_>, path: &Path) -> Result<(), ImportError> {
    let mut items = grammar::read(job, path)?;
    let delegate = first(job, &mut items, "delegate");
    let options = first(job, &mut items, "option");
    if let Some(item) = first(job, &mut items, "listen") {
        listen(job, &item);
    }
    if let Some(item) = first(job, &mut items, "stimeout") {
        job.number(&item, "pptp", "half_open_seconds", 1, 1..=3600);
    }
    let connections = connections(job, &mut items);
    let mut plan = Plan::default();
    let local = first(job, &mut items, "localip");
    let remote = first(job, &mut items, "remoteip");
    match &delegate {
        Some(delegate) => {
            job.ledger.needless(
                delegate.id,
                "a user's own address, from RADIUS or the secrets file, always goes before the pool",
            );
            for item in [&local, &remote].into_iter().flatten() {
                job.ledger
                    .needless(item.id, "with `delegate`, pptpd does not look at it");
            }
        }
        None => addresses(job, &mut plan, local, remote, connections),
    }
    pppd::import(job, options.as_ref(), &mut plan, delegate.is_some());
    plan.write(job);
    settle(job, &items);
    Ok(())
}

/// The line that counts: the first one of its name.
fn first(job: &mut Job<'_>, items: &mut [Item], name: &str) -> Option<Item> {
    let mut found: Option<Item> = None;
    for item in items
        .iter_mut()
        .filter(|item| item.name == name && !item.taken)
    {
        item.taken = true;
        match &found {
            None => found = Some(item.clone()),
            Some(first) => {
                let line = job.ledger.line_number(first.id);
                job.ledger.needless(
                    item.id,
                    format!("pptpd takes the first `{name}`, in line {line}"),
                );
            }
        }
    }
    found
}

fn settle(job: &mut Job<'_>, items: &[Item]) {
    for item in items {
        match Program::Pptpd.find("", &item.name).map(|known| known.fate) {
            Some(Fate::NotNeeded(why)) => job.ledger.needless(item.id, why),
            Some(Fate::Missing(why)) => job.ledger.lost(item.id, why),
            Some(Fate::Carried(_)) | None => {}
        }
    }
}

fn listen(job: &mut Job<'_>, item: &Item) {
    match item.value.parse::<Ipv4Addr>() {
        Ok(address) => {
            let listen = vec![Value::String(format!("{address}:{PORT}"))];
            job.set("", "listen", listen, &[item.id]);
        }
        Err(_) => job.ledger.lost(
            item.id,
            "names of hosts are not looked up; write an address",
        ),
    }
}

fn connections(job: &mut Job<'_>, items: &mut [Item]) -> i64 {
    let Some(item) = first(job, items, "connections") else {
        job.set("limits", "sessions", CONNECTIONS, &[]);
        job.remark(format!(
            "pptpd serves {CONNECTIONS} connections where `connections` does not say more; so does [limits] sessions."
        ));
        return CONNECTIONS;
    };
    match item.number().filter(|number| *number > 0) {
        Some(number) => {
            let number = number.min(65_535);
            job.set("limits", "sessions", number, &[item.id]);
            if number > 12_000 {
                job.set("limits", "connections", 65_535, &[]);
            }
            number
        }
        None => {
            job.ledger
                .needless(item.id, format!("pptpd takes {CONNECTIONS} then"));
            job.set("limits", "sessions", CONNECTIONS, &[]);
            CONNECTIONS
        }
    }
}

fn addresses(
    job: &mut Job<'_>,
    plan: &mut Plan,
    local: Option<Item>,
    remote: Option<Item>,
    connections: i64,
) {
    let clients = list(job, remote.as_ref(), REMOTE, "remoteip");
    let ends = list(job, local.as_ref(), LOCAL, "localip");
    let Some(end) = ends.as_slice().first().map(|range| range.first()) else {
        return;
    };
    let lines = |item: Option<&Item>| -> Vec<LineId> { item.iter().map(|item| item.id).collect() };
    plan.gateway = Some(Source {
        value: end,
        lines: lines(local.as_ref()),
    });
    if let Some(item) = &local
        && ends.count() > 1
    {
        job.ledger.note(
            item.id,
            format!(
                "the server's end of all tunnels is one address, {end}, not one for each client"
            ),
        );
    }
    let count = u64::try_from(connections).unwrap_or_default();
    if let Some(item) = remote.as_ref().filter(|_| clients.count() > count) {
        job.ledger.note(
            item.id,
            format!("pptpd uses the first {connections} addresses only (`connections`); in Adit any may be given out"),
        );
    }
    let mut used = clients;
    if used.overlaps(Range::of_address(end))
        && let Some(item) = &remote
    {
        job.ledger.note(
            item.id,
            format!("{end} is the server's end and no client's"),
        );
        used.remove(Range::of_address(end));
    }
    for range in used.as_slice() {
        plan.add_main(*range, remote.as_ref().map(|item| item.id));
    }
}

fn list(job: &mut Job<'_>, item: Option<&Item>, default: &str, name: &str) -> Ranges {
    let text = item.map_or(default, |item| item.value.as_str());
    if item.is_none() {
        job.remark(format!(
            "there is no `{name}`; pptpd takes {default} then, and so does this import."
        ));
    }
    match specification::parse(text) {
        Ok(ranges) => ranges,
        Err(part) => {
            if let Some(item) = item {
                job.ledger.lost(
                    item.id,
                    format!(
                        "`{}` is neither an address nor a range of one number in it",
                        crate::ledger::shown(part)
                    ),
                );
            }
            Ranges::default()
        }
    }
}
