//! `[[radius.servers]]`, whoever names them.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::job::Job;
use crate::ledger::LineId;

/// As many as Adit takes.
const MOST_SERVERS: usize = 16;

/// A RADIUS server.
pub(crate) struct Server {
    pub(crate) address: Ipv4Addr,
    /// 0 if it is not asked for that.
    pub(crate) authentication_port: u16,
    /// 0 if it is not told.
    pub(crate) accounting_port: u16,
    pub(crate) secret: Zeroizing<String>,
    /// Whether it is asked only when others fail.
    pub(crate) backup: bool,
    pub(crate) lines: Vec<LineId>,
}

/// Writes the servers in their order, those for emergencies last; returns the files of their secrets.
pub(crate) fn write(job: &mut Job<'_>, mut servers: Vec<Server>) -> Vec<(Ipv4Addr, PathBuf)> {
    servers.sort_by_key(|server| server.backup);
    let accounting = servers.iter().any(|server| server.accounting_port > 0);
    let mut files = Vec::new();
    for server in distinct(job, servers) {
        let origin = server
            .lines
            .first()
            .map(|line| job.ledger.place(*line))
            .unwrap_or_default();
        let file = job.secrets.keep(
            &format!("radius-{}", server.address),
            &server.secret,
            &origin,
        );
        let rows = vec![
            job.row(
                "radius.servers",
                "address",
                server.address.to_string(),
                &server.lines,
            ),
            job.row(
                "radius.servers",
                "authentication_port",
                i64::from(server.authentication_port),
                &[],
            ),
            job.row(
                "radius.servers",
                "accounting_port",
                i64::from(server.accounting_port),
                &[],
            ),
            job.row(
                "radius.servers",
                "secret_file",
                file.display().to_string(),
                &[],
            ),
        ];
        job.push_element("radius.servers", rows);
        files.push((server.address, file));
    }
    if !files.is_empty() && !accounting {
        job.set("radius", "accounting", false, &[]);
    }
    files
}

/// Servers without those that are there already, and without those that are too many.
fn distinct(job: &mut Job<'_>, servers: Vec<Server>) -> Vec<Server> {
    let mut distinct: Vec<Server> = Vec::new();
    for server in servers {
        let place = |server: &Server| {
            let ports = (server.authentication_port, server.accounting_port);
            (server.address, ports)
        };
        let lost = if distinct.iter().any(|other| place(other) == place(&server)) {
            "another line has the same server"
        } else if distinct.len() == MOST_SERVERS {
            "there are more servers than Adit takes"
        } else if server.address.is_unspecified() || server.address.is_multicast() {
            "this is no host's address"
        } else if server.authentication_port == 0 && server.accounting_port == 0 {
            "it has neither of its two ports"
        } else if server.secret.trim().is_empty() {
            "its secret is empty"
        } else {
            distinct.push(server);
            continue;
        };
        for line in server.lines {
            job.ledger.lost(line, lost);
        }
    }
    distinct
}
