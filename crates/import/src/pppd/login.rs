//! Who may log in, by which methods, and whether it is encrypted.

use std::path::Path;

use toml::Value;

use super::options::Options;
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
pub(super) fn write(job: &mut Job<'_>, options: &mut Options) {
    encryption(job, options);
    let known = users(job, options);
    methods(job, options, known);
    timers(job, options);
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

/// `known` says where users come from.
fn methods(job: &mut Job<'_>, options: &mut Options, known: UsersFrom) {
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
    if known == UsersFrom::Nowhere && methods.contains(&"chap-md5") {
        job.remark(
            "\"chap-md5\" is left out: a database of users has no clear passwords, which it needs.",
        );
        methods.retain(|method| *method != "chap-md5");
        if methods.is_empty() {
            methods.push("mschap-v2");
        }
    }
    if known == UsersFrom::Secrets && methods.contains(&"pap") {
        job.remark("pppd looks up PAP users in /etc/ppp/pap-secrets; Adit looks up all users in chap-secrets.");
    }
    let methods: Vec<Value> = methods.into_iter().map(Value::from).collect();
    job.set("authentication", "methods", methods, &lines);
}

fn timers(job: &mut Job<'_>, options: &mut Options) {
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

/// Where users come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsersFrom {
    Secrets,
    Radius,
    /// What was there cannot be used.
    Nowhere,
}

fn users(job: &mut Job<'_>, options: &mut Options) -> UsersFrom {
    let radius = plugins(job, options);
    let file = options.last(job, &["radius-config-file"]);
    let name = options.last(job, &["name"]);
    let Some(radius) = radius else {
        if let Some(file) = file {
            job.ledger
                .lost(file.id, "the plugin radius.so is not loaded");
        }
        secrets(job, name);
        return UsersFrom::Secrets;
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
    let lost = match radiusclient::import(job, Path::new(path)) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "{path} names no server whose address and secret are known"
        )),
        Err(error) => Some(format!("{path} is not read: {error}")),
    };
    let lines = std::iter::once(radius).chain(file.as_ref().map(|file| file.id));
    if let Some(reason) = lost {
        for line in lines {
            job.ledger.lost(line, reason.clone());
        }
        return UsersFrom::Nowhere;
    }
    job.set(
        "authentication",
        "order",
        vec![Value::from("radius")],
        &[radius],
    );
    if let Some(file) = file {
        job.ledger.needless(file.id, "the file is imported too");
    }
    UsersFrom::Radius
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
    chap_secrets::compare(job, Path::new(SECRETS), Reader::Pppd);
}
