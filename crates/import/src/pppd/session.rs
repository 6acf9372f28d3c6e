//! Links, limits of sessions, and what runs beside them.

use std::path::Path;

use super::options::Options;
use crate::job::Job;

/// pppd's default for `maxoctets` is octets in units of this.
const MEGABYTE: i64 = 1 << 20;

pub(super) fn write(job: &mut Job<'_>, options: &mut Options) {
    links(job, options);
    limits(job, options);
    programs(job, options);
    if let Some(item) = options.last(job, &["logfile"]) {
        job.path(&item, "log", "target");
    }
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
            job.path(&item, "hooks", key);
        } else if job.reader.exists(Path::new(default)) {
            job.set("hooks", key, default, &[]);
            job.remark(format!(
                "pppd runs {default} for each session, and so does Adit: see [hooks] {key}."
            ));
        }
    }
}
