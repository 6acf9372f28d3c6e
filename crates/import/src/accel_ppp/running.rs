//! `[log]`, `[pppd-compat]`, `[metrics]`.

use std::net::SocketAddr;

use toml::Value;

use super::settings::Settings;
use crate::job::Job;

/// accel-ppp's levels, as `ADIT_LOG` has them.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "info", "debug"];

pub(super) fn write(job: &mut Job<'_>, settings: &mut Settings) {
    log(job, settings);
    programs(job, settings);
    metrics(job, settings);
}

fn log(job: &mut Job<'_>, settings: &mut Settings) {
    let file = settings.first(job, "log", "log-file");
    let syslog = settings.first(job, "log", "syslog");
    let module = settings
        .all("modules", |item| item.name == "log_syslog")
        .into_iter()
        .next();
    match (file, settings.has_module("log_file")) {
        (Some(item), true) => {
            job.path(&item, "log", "target");
            for other in [&module, &syslog].into_iter().flatten() {
                job.ledger
                    .lost(other.id, "the log goes to one place, a file here");
            }
        }
        (file, _) => {
            if let Some(item) = file {
                job.ledger
                    .needless(item.id, "the module `log_file` is not loaded");
            }
            if let Some(module) = &module {
                job.set("log", "target", "journald", &[module.id]);
            }
            if let Some(item) = syslog {
                match module.is_some() {
                    true => job
                        .ledger
                        .needless(item.id, "journald knows the program's name"),
                    false => job
                        .ledger
                        .needless(item.id, "the module `log_syslog` is not loaded"),
                }
            }
        }
    }
    if let Some(item) = settings.first(job, "log", "level") {
        let level = item.number().and_then(|level| usize::try_from(level).ok());
        match level.and_then(|level| LEVELS.get(level)) {
            Some(level) => job.set("log", "level", *level, &[item.id]),
            None => job.ledger.lost(item.id, "it is no number from 0 to 5"),
        }
    }
}

fn programs(job: &mut Job<'_>, settings: &mut Settings) {
    let mut any = false;
    for (name, key) in [("ip-up", "ip_up"), ("ip-down", "ip_down")] {
        if let Some(item) = settings.first(job, "pppd-compat", name) {
            any |= job.path(&item, "hooks", key);
        }
    }
    if let Some(item) = settings.first(job, "pppd-compat", "fork-limit") {
        match any {
            true => {
                job.number(&item, "hooks", "parallel", 1, 1..=64);
            }
            false => job.ledger.needless(item.id, "no program runs"),
        }
    }
}

fn metrics(job: &mut Job<'_>, settings: &mut Settings) {
    if let Some(item) = settings.first(job, "metrics", "address") {
        match item.value.parse::<SocketAddr>() {
            Ok(address) => {
                let listen = vec![Value::String(address.to_string())];
                job.set("metrics", "listen", listen, &[item.id]);
            }
            Err(_) => job
                .ledger
                .lost(item.id, "it is not of the form address:port"),
        }
    }
    if let Some(item) = settings.first(job, "metrics", "format")
        && item.value.as_str() == "prometheus"
    {
        job.ledger.needless(item.id, "it is the form by itself");
    }
}
