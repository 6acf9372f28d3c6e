//! `[[radius.servers]]`, whoever names them.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::job::Job;
use crate::ledger::LineId;

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
    for server in servers {
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
