//! The host's DNS servers: by systemd-resolved or resolvconf where they are in charge, else in the
//! file itself.

mod commands;
mod file;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use commands::{Program, run};
use file::ReplacedFile;

/// Where the host keeps what has to do with DNS.
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) resolv_conf: PathBuf,
    pub(crate) resolved: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self {
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            resolved: PathBuf::from("/run/systemd/resolve"),
        }
    }
}

/// Why the host does not use the servers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    #[error("`{command}` failed: {problem}")]
    Command { command: String, problem: String },
    #[error("cannot {verb} {}: {source}", path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is in the hands of another `adit connect`, process {pid}", path.display())]
    Taken { path: PathBuf, pid: u32 },
    #[error("{} was changed by somebody else meanwhile and is left as it is", .0.display())]
    Changed(PathBuf),
}

/// DNS servers in use for a tunnel; put back when dropped.
#[derive(Debug)]
pub(crate) struct HostDns {
    means: Means,
    restored: bool,
}

#[derive(Debug)]
enum Means {
    /// systemd-resolved, which keeps servers per interface.
    Resolved { interface: String },
    /// resolvconf, which keeps records by name.
    Resolvconf { record: String },
    /// The file itself.
    File(ReplacedFile),
}

impl HostDns {
    /// Makes the host use these servers for all names.
    pub(crate) fn set(
        system: &System,
        interface: &str,
        servers: &[Ipv4Addr],
    ) -> Result<Self, DnsError> {
        let means = if system.resolved_is_in_charge() {
            // Even what was done in part is undone.
            let revert = Self::new(Means::Resolved {
                interface: interface.to_owned(),
            });
            set_resolved(interface, servers)?;
            return Ok(revert);
        } else if Program::Resolvconf.is_there() && !resolvconf_is_resolved() {
            // Records of tunnels have precedence by the usual order of resolvconf.
            let record = format!("tun.{interface}");
            let lines: String = servers
                .iter()
                .map(|server| format!("nameserver {server}\n"))
                .collect();
            run(Program::Resolvconf, &["-a", &record], &lines)?;
            Means::Resolvconf { record }
        } else {
            Means::File(ReplacedFile::replace(
                &system.resolv_conf,
                interface,
                servers,
            )?)
        };
        Ok(Self::new(means))
    }

    fn new(means: Means) -> Self {
        Self {
            means,
            restored: false,
        }
    }

    /// What was done, a sentence.
    pub(crate) fn describe(&self) -> String {
        match &self.means {
            Means::Resolved { interface } => {
                format!("systemd-resolved uses the DNS servers of {interface} for all names")
            }
            Means::Resolvconf { record } => {
                format!("resolvconf has the DNS servers as the record {record}")
            }
            Means::File(file) => format!("{} names the DNS servers", file.path().display()),
        }
    }

    /// Puts everything back.
    pub(crate) fn restore(&mut self) -> Result<(), DnsError> {
        if std::mem::replace(&mut self.restored, true) {
            return Ok(());
        }
        match &self.means {
            Means::Resolved { interface } => run(Program::Resolvectl, &["revert", interface], ""),
            Means::Resolvconf { record } => run(Program::Resolvconf, &["-d", record], ""),
            Means::File(file) => file.restore(),
        }
    }
}

impl Drop for HostDns {
    fn drop(&mut self) {
        // Nobody is left to tell; `restore` before the drop reports what failed.
        let _ = self.restore();
    }
}

impl System {
    /// Whether systemd-resolved runs and the file sends programs to it.
    fn resolved_is_in_charge(&self) -> bool {
        const STUBS: [&str; 2] = ["127.0.0.53", "127.0.0.54"];
        if !self.resolved.is_dir() || !Program::Resolvectl.is_there() {
            return false;
        }
        let in_its_directory = self
            .resolv_conf
            .canonicalize()
            .is_ok_and(|path| path.starts_with(&self.resolved));
        let names_its_stub = || {
            let text = std::fs::read_to_string(&self.resolv_conf).unwrap_or_default();
            let mut servers = text.lines().filter_map(|line| {
                let mut words = line.split_whitespace();
                (words.next() == Some("nameserver")).then(|| words.next())?
            });
            servers.any(|server| STUBS.contains(&server))
        };
        in_its_directory || names_its_stub()
    }
}

fn set_resolved(interface: &str, servers: &[Ipv4Addr]) -> Result<(), DnsError> {
    let servers: Vec<String> = servers.iter().map(Ipv4Addr::to_string).collect();
    let mut words = vec!["dns", interface];
    words.extend(servers.iter().map(String::as_str));
    run(Program::Resolvectl, &words, "")?;
    // All names, not only those of a domain of the tunnel's own.
    run(Program::Resolvectl, &["domain", interface, "~."], "")
}

/// Whether `resolvconf` is only another name of `resolvectl`, which then is not in charge.
fn resolvconf_is_resolved() -> bool {
    let target = Program::Resolvconf
        .path()
        .and_then(|path| path.canonicalize().ok());
    target.is_some_and(|target| target.ends_with("resolvectl"))
}
