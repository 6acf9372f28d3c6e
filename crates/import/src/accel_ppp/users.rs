//! `[modules]` as far as users log in by them, `[auth]`, `[chap-secrets]`, `[shaper]`.

use std::path::Path;

use toml::Value;

use super::pools::set_gateway;
use super::settings::Settings;
use crate::addresses::Plan;
use crate::chap_secrets::{self, Reader};
use crate::item::Item;
use crate::job::Job;
use crate::ledger::LineId;

/// Modules of methods, and Adit's names of these.
const METHODS: [(&str, &str); 4] = [
    ("auth_mschap_v2", "mschap-v2"),
    ("auth_mschap_v1", "mschap-v1"),
    ("auth_chap_md5", "chap-md5"),
    ("auth_pap", "pap"),
];
/// accel-ppp's default for `[auth] max-failure`.
const ATTEMPTS: i64 = 3;
/// accel-ppp's default for `[chap-secrets] chap-secrets`.
const SECRETS: &str = "/etc/ppp/chap-secrets";

/// `radius` tells whether RADIUS servers take logins.
pub(super) fn write(job: &mut Job<'_>, settings: &mut Settings, plan: &mut Plan, radius: bool) {
    let back_ends = back_ends(job, settings, plan, radius);
    methods(job, settings, back_ends.is_empty());
    attempts(job, settings);
    if back_ends.is_empty() {
        job.remark(
            "no users come from anywhere: neither `radius` nor `chap-secrets` is usable. Add users by `adit user add`.",
        );
    } else {
        let (names, lines): (Vec<Value>, Vec<LineId>) = back_ends.into_iter().unzip();
        job.set("authentication", "order", names, &lines);
    }
    rates(job, settings);
}

fn methods(job: &mut Job<'_>, settings: &mut Settings, hashes_only: bool) {
    let items = settings.all("modules", |item| {
        METHODS.iter().any(|(name, _)| *name == item.name)
    });
    let mut methods: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for item in items {
        let method = METHODS.iter().find(|(name, _)| *name == item.name);
        match method {
            Some((_, "chap-md5")) if hashes_only => {
                job.ledger.lost(
                    item.id,
                    "a database of users has no clear passwords, which it needs",
                );
            }
            Some((_, method)) if !methods.contains(method) => {
                methods.push(method);
                lines.push(item.id);
            }
            _ => job.ledger.needless(item.id, "the module is named before"),
        }
    }
    let required = job.get("encryption", "policy").and_then(Value::as_str) == Some("required");
    if required && !methods.iter().any(|method| method.starts_with("mschap")) {
        job.remark(
            "encryption is required, but no module makes keys for it; \"mschap-v2\" is added to the methods.",
        );
        methods.insert(0, "mschap-v2");
    }
    if methods.is_empty() {
        return job.remark("no module of a login method is loaded; [authentication] methods has its default, MS-CHAPv2.");
    }
    let methods: Vec<Value> = methods.into_iter().map(Value::from).collect();
    job.set("authentication", "methods", methods, &lines);
}

fn attempts(job: &mut Job<'_>, settings: &mut Settings) {
    let failures = settings.first(job, "auth", "max-failure");
    let timeout = settings.first(job, "auth", "timeout");
    let attempts = failures
        .as_ref()
        .and_then(Item::number)
        .filter(|number| *number > 0);
    if let Some(item) = failures {
        match item.number() {
            Some(0) => job
                .ledger
                .lost(item.id, "Adit always hangs up after some wrong passwords"),
            _ => {
                job.number(&item, "authentication", "attempts", 1, 1..=100);
            }
        }
    }
    if let Some(item) = timeout {
        match item.number() {
            Some(0) => job.ledger.lost(
                item.id,
                "Adit always hangs up on a client that does not log in",
            ),
            _ => {
                let attempts = attempts.unwrap_or(ATTEMPTS);
                if job.number(
                    &item,
                    "authentication",
                    "timeout_seconds",
                    attempts,
                    1..=3600,
                ) {
                    job.ledger.note(
                        item.id,
                        format!("accel-ppp waits as long for each of {attempts} answers; in Adit all share one time"),
                    );
                }
            }
        }
    }
    if let Some(item) = settings.first(job, "auth", "interval") {
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
    for (name, why) in [
        ("any-login", "a password is always checked"),
        ("noauth", "a client always has to log in"),
    ] {
        if let Some(item) = settings.first(job, "auth", name) {
            match item.is_on() {
                true => job.ledger.lost(item.id, why),
                false => job.ledger.needless(item.id, why),
            }
        }
    }
}

/// Back ends in the order of their modules.
fn back_ends(
    job: &mut Job<'_>,
    settings: &mut Settings,
    plan: &mut Plan,
    radius: bool,
) -> Vec<(Value, LineId)> {
    let items = settings.all("modules", |item| {
        matches!(
            item.name.as_str(),
            "radius" | "chap-secrets" | "chap_secrets"
        )
    });
    let mut back_ends: Vec<(Value, LineId)> = Vec::new();
    for item in items {
        let (name, usable) = match item.name.as_str() {
            "radius" => ("radius", radius),
            _ => ("secrets", secrets(job, settings, plan)),
        };
        if back_ends
            .iter()
            .any(|(other, _)| other.as_str() == Some(name))
        {
            job.ledger.needless(item.id, "the module is named before");
        } else if usable {
            back_ends.push((Value::from(name), item.id));
        } else {
            job.ledger
                .lost(item.id, "its section does not say what Adit could use");
        }
    }
    back_ends
}

fn secrets(job: &mut Job<'_>, settings: &mut Settings, plan: &mut Plan) -> bool {
    if let Some(item) = settings.first(job, "chap-secrets", "gw-ip-address") {
        set_gateway(job, plan, &item);
    }
    let file = settings.first(job, "chap-secrets", "chap-secrets");
    let lines: Vec<LineId> = file.iter().map(|item| item.id).collect();
    let path = file.map_or_else(|| SECRETS.to_owned(), |item| item.value.to_string());
    let hashed =
        ["encrypted", "username-hash"].map(|name| settings.first(job, "chap-secrets", name));
    for (item, why) in hashed.into_iter().zip([
        "a secrets file has clear passwords in Adit; add users with `adit user add`, or ask RADIUS",
        "names in a secrets file are written as they are in Adit",
    ]) {
        let Some(item) = item else { continue };
        if item.name == "encrypted" && !item.is_on() {
            job.ledger
                .needless(item.id, "passwords are clear by themselves");
            continue;
        }
        job.ledger.lost(item.id, why);
        if item.name == "encrypted" {
            for line in lines {
                job.ledger.lost(line, "its passwords are hashes");
            }
            return false;
        }
    }
    job.set("users", "secrets", path.clone(), &lines);
    chap_secrets::compare(job, Path::new(&path), Reader::AccelPpp);
    true
}

fn rates(job: &mut Job<'_>, settings: &mut Settings) {
    let multiplier = settings.first(job, "shaper", "rate-multiplier");
    let factor = multiplier
        .as_ref()
        .and_then(|item| item.value.parse::<f64>().ok())
        .filter(|factor| factor.is_finite() && *factor > 0.0);
    let limit = settings.first(job, "shaper", "rate-limit");
    if let Some(item) = &limit {
        rate_limit(job, item, factor.unwrap_or(1.0));
    }
    if let Some(item) = multiplier {
        if factor.is_none() {
            job.ledger.lost(item.id, "its value is no number");
        } else if factor == Some(1.0) {
            job.ledger.needless(item.id, "1 changes nothing");
        } else if limit.is_some() {
            job.ledger.carried(item.id, "policy.rate_down".to_owned());
            job.ledger.note(
                item.id,
                "rates in RADIUS replies and secrets files are taken as they are",
            );
        } else {
            job.ledger.lost(
                item.id,
                "rates in RADIUS replies and secrets files are taken as they are",
            );
        }
    }
    burst(job, settings);
    rate_attributes(job, settings);
}

/// `down/up` in kbit/s; one number is for both.
fn rate_limit(job: &mut Job<'_>, item: &Item, factor: f64) {
    let (down, up) = item
        .value
        .split_once(['/', '\\', ':'])
        .unwrap_or((&item.value, &item.value));
    let rate = |text: &str| {
        let kilobits: f64 = text.trim().parse().ok()?;
        let bits = kilobits * factor * 1000.0;
        (0.0..=1e12).contains(&bits).then(|| in_units(bits as u64))
    };
    match (rate(down), rate(up)) {
        (Some(down), Some(up)) => {
            job.set("policy", "rate_down", down, &[item.id]);
            job.set("policy", "rate_up", up, &[item.id]);
        }
        _ => job
            .ledger
            .lost(item.id, "it is not of the form down/up in kbit/s"),
    }
}

/// A rate as a person writes it.
fn in_units(bits: u64) -> String {
    match bits {
        bits if bits > 0 && bits.is_multiple_of(1_000_000) => format!("{}M", bits / 1_000_000),
        bits if bits > 0 && bits.is_multiple_of(1000) => format!("{}k", bits / 1000),
        bits => bits.to_string(),
    }
}

/// The factor is the time whose traffic may come at once.
fn burst(job: &mut Job<'_>, settings: &mut Settings) {
    let down = settings.first(job, "shaper", "down-burst-factor");
    let both = settings.first(job, "shaper", "burst-factor");
    for item in [down, both].into_iter().flatten() {
        if job.get("policy", "burst_ms").is_some() {
            job.ledger.needless(item.id, "another line has it");
            continue;
        }
        let millis = item.value.parse::<f64>().map(|factor| factor * 1000.0);
        match millis {
            Ok(millis) if (1.0..=10_000.0).contains(&millis) => {
                // In range.
                job.set("policy", "burst_ms", millis as i64, &[item.id]);
            }
            _ => job
                .ledger
                .lost(item.id, "a burst is from 1 to 10000 ms of a rate's traffic"),
        }
    }
}

/// Rates come by attributes that Adit knows by itself.
fn rate_attributes(job: &mut Job<'_>, settings: &mut Settings) {
    for (name, known) in [
        ("attr", ["Filter-Id", "11", "Mikrotik-Rate-Limit"]),
        ("vendor", ["Mikrotik", "14988", ""]),
    ] {
        if let Some(item) = settings.first(job, "shaper", name) {
            match known.contains(&item.value.as_str()) {
                true => job.ledger.needless(item.id, "it is looked at by itself"),
                false => job
                    .ledger
                    .lost(item.id, "rates are in Filter-Id or Mikrotik-Rate-Limit"),
            }
        }
    }
}
