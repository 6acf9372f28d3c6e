//! What has been changed on the host, in a file: a server that is killed cannot undo it, but its successor can.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use adit_net::netlink::Netlink;
use adit_net::sysctl;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{firewall, nft};

/// More than a journal can have.
const LONGEST: u64 = 1 << 20;

/// Kernel parameters that a server sets for the whole host.
pub(super) const PARAMETERS: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

/// The changes that outlive the process: its TUN device goes with it, and with the device its addresses and routes.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Tables of nftables that are the server's alone.
    tables: Vec<String>,
    /// The table of sets, in which others may have rules.
    sets: Option<String>,
    parameters: Vec<Parameter>,
    /// Networks for whose addresses ARP requests are answered.
    proxied: Vec<Ipv4Net>,
}

/// A kernel parameter that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parameter {
    name: String,
    before: String,
    set: String,
}

/// The journal of a running server; the file is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    record: Record,
}

impl Journal {
    /// Undoes what a killed predecessor has left, and begins a journal beside this control socket. The socket has
    /// to be held, so that no predecessor lives.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn begin(control_socket: &Path) -> io::Result<Self> {
        let path = control_socket.with_extension("host.json");
        match read(&path) {
            Ok(Some(left)) => {
                tracing::info!("undoing what a server that was killed has changed on this host");
                undo(&left);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(
                "{} is not what a server has left, and is ignored: {error}",
                path.display()
            ),
        }
        let journal = Self {
            path,
            record: Record::default(),
        };
        journal.write()?;
        Ok(journal)
    }

    /// To be called before the tables are made.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn note_tables(&mut self, tables: &[String]) -> io::Result<()> {
        self.record.tables.extend_from_slice(tables);
        self.write()
    }

    /// To be called before the table of sets is made.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn note_sets(&mut self, table: &str) -> io::Result<()> {
        self.record.sets = Some(table.to_owned());
        self.write()
    }

    /// To be called before a parameter is set to this value.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn note_parameter(&mut self, name: &str, value: &str) -> io::Result<()> {
        let Ok(before) = sysctl::read(name) else {
            return Ok(());
        };
        if before != value {
            self.record.parameters.push(Parameter {
                name: name.to_owned(),
                before,
                set: value.to_owned(),
            });
        }
        self.write()
    }

    /// To be called before ARP requests for addresses in these networks are answered.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn note_proxied(&mut self, networks: &[Ipv4Net]) -> io::Result<()> {
        self.record.proxied.extend_from_slice(networks);
        self.write()
    }

    /// Writes a new file in place of the old one, so that there always is a whole one.
    fn write(&self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        serde_json::to_writer(&mut file, &self.record)?;
        file.flush()?;
        fs::rename(&new, &self.path)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("{} is left behind: {error}", self.path.display());
        }
    }
}

/// Reads a journal that nobody but this user can have written.
fn read(path: &Path) -> io::Result<Option<Record>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let metadata = file.metadata()?;
    let is_own = metadata.uid() == nix::unistd::geteuid().as_raw();
    if !metadata.is_file() || !is_own || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can have written it"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(serde_json::from_str(&text)?))
}

fn undo(left: &Record) {
    for table in &left.tables {
        let own = ["ip adit_", "ip6 adit_"]
            .iter()
            .any(|own| table.starts_with(own));
        if own && is_one_table(table) {
            // It may never have been made.
            let script = format!("add table {table}\ndelete table {table}\n");
            tell(nft::run(&script), table);
        }
    }
    if let Some(table) = &left.sets
        && table.starts_with("inet adit_")
        && is_one_table(table)
    {
        tell(firewall::remove_sets(table), table);
    }
    for parameter in left.parameters.iter().rev() {
        restore(parameter);
    }
    if !left.proxied.is_empty()
        && let Err(error) = remove_proxies(&left.proxied)
    {
        tracing::warn!("this host may still answer ARP requests for former clients: {error}");
    }
}

/// Whether it is the name of a table and nothing more, so that it can stand in a script.
fn is_one_table(table: &str) -> bool {
    let name = table.split_once(' ').map_or("", |(_, name)| name);
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}

fn tell(result: Result<(), String>, table: &str) {
    if let Err(problem) = result {
        tracing::warn!(
            "the nftables table {table} of a killed server is still there: nft {problem}"
        );
    }
}

/// Gives a parameter its former value, unless somebody else has set it since.
fn restore(parameter: &Parameter) {
    let Parameter { name, before, set } = parameter;
    if !PARAMETERS.contains(&name.as_str()) || sysctl::read(name).ok().as_ref() != Some(set) {
        return;
    }
    if let Err(error) = sysctl::write(name, before) {
        tracing::warn!("{error}, which a killed server has changed from {before} to {set}");
    }
}

fn remove_proxies(networks: &[Ipv4Net]) -> Result<(), adit_net::netlink::NetlinkError> {
    let mut netlink = Netlink::open()?;
    for (interface, address) in netlink.own_proxies()? {
        if networks.iter().any(|network| network.contains(&address)) {
            match netlink.delete_proxy(interface, address) {
                Err(error) if !error.is_absent() => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_journal_that_was_left_is_read_and_one_that_others_can_write_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let path = directory.path().join("control.host.json");
        let mut journal = Journal::begin(&socket).unwrap();
        journal.note_tables(&["ip adit_x".to_owned()]).unwrap();
        journal.note_sets("inet adit_x").unwrap();
        journal
            .note_proxied(&["10.0.0.0/24".parse().unwrap()])
            .unwrap();
        let left = read(&path).unwrap().unwrap();
        assert_eq!(left, journal.record);
        assert_eq!(left.tables, ["ip adit_x"]);

        let elsewhere = directory.path().join("elsewhere");
        fs::copy(&path, &elsewhere).unwrap();
        drop(journal);
        assert_eq!(read(&path).unwrap(), None);
        symlink(&elsewhere, &path).unwrap();
        assert!(read(&path).is_err());
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(left));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(read(&path).is_err());
        for text in ["", "{", "[]", "{\"tables\": 1}"] {
            fs::write(&path, text).unwrap();
            assert!(read(&path).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_name_of_a_table_is_put_into_a_script() {
        assert!(is_one_table("inet adit_eth1.100-x/20"));
        for table in ["inet adit_x\nflush ruleset", "inet adit_x y", "inet adit_{"] {
            assert!(!is_one_table(table), "{table}");
        }
    }
}
