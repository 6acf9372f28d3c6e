//! Who judges the logins at a server of our own: its database, or a real RADIUS or PostgreSQL server.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use adit_net::namespace::Host;
use anyhow::{Context, ensure};
use serde::Serialize;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::server::USER;
use crate::program::Program;

/// Who judges the logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Users {
    /// The server's own database.
    #[default]
    Database,
    /// A PostgreSQL server on this machine, which leases the addresses and keeps the table of sessions too.
    Postgresql,
    /// A FreeRADIUS on the server's host, which takes accounting records too.
    Radius,
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "the server's own database",
            Self::Postgresql => "PostgreSQL, with leases and the table of sessions",
            Self::Radius => "RADIUS, with accounting",
        })
    }
}

/// `nobody` of Debian and most others: PostgreSQL does not run as root.
const NOBODY: u32 = 65_534;

const RADIUS_SECRET: &str = "a secret of this measurement";

/// A server that judges logins; it ends when this is dropped.
pub(super) struct Judge {
    kind: Users,
    password: Zeroizing<String>,
    directory: TempDir,
    program: Program,
}

impl Judge {
    /// Starts it, where logins are not the server's own business.
    ///
    /// # Errors
    /// The programs are not installed, or do not start.
    pub(super) fn start(kind: Users, host: &Host) -> anyhow::Result<Option<Self>> {
        let directory = tempfile::tempdir()?;
        let password = Zeroizing::new(format!("{:032x}", random()?));
        let program = match kind {
            Users::Database => return Ok(None),
            Users::Postgresql => postgresql(directory.path())?,
            Users::Radius => radius(host, directory.path(), &password)?,
        };
        Ok(Some(Self {
            kind,
            password,
            directory,
            program,
        }))
    }

    /// Ends it.
    ///
    /// # Errors
    /// It does not end in order.
    pub(super) fn end(self) -> anyhow::Result<()> {
        match self.kind {
            Users::Postgresql => self.program.end(),
            Users::Database | Users::Radius => Ok(()),
        }
    }

    pub(super) fn password(&self) -> Zeroizing<String> {
        self.password.clone()
    }

    /// The sections of the server's configuration that name it; `files` is for the server's own.
    pub(super) fn sections(&self, files: &Path) -> String {
        match self.kind {
            Users::Database => String::new(),
            Users::Postgresql => format!(
                "[postgresql]\nconnection = \"host={} user=adit dbname=postgres\"\nnode = \"bench\"\n",
                self.directory.path().display()
            ),
            Users::Radius => format!(
                "[radius]\naccounting = true\nspool = {:?}\n\
                 [[radius.servers]]\naddress = \"127.0.0.1\"\nsecret = {RADIUS_SECRET:?}\n",
                files.join("accounting")
            ),
        }
    }

    /// Adds the user where the server's configuration says who keeps users.
    pub(super) fn add_user(&self, adit: &Path, configuration: &Path) -> anyhow::Result<()> {
        if self.kind != Users::Postgresql {
            return Ok(());
        }
        let mut child = Command::new(adit)
            .args(["user", "add", USER, "--password-stdin", "--config"])
            .arg(configuration)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = child.stdin.take().context("the input is piped")?;
        writeln!(input, "{}", *self.password)?;
        drop(input);
        ensure!(
            child.wait()?.success(),
            "the user cannot be added to PostgreSQL"
        );
        Ok(())
    }
}

fn radius(host: &Host, directory: &Path, password: &str) -> anyhow::Result<Program> {
    let users = format!("{USER} Cleartext-Password := \"{password}\"\n");
    fs::write(directory.join("users"), users)?;
    let text = RADIUS_CONFIGURATION
        .replace("DIRECTORY", &directory.display().to_string())
        .replace("SECRET", RADIUS_SECRET);
    fs::write(directory.join("radiusd.conf"), text)?;
    let mut command = host.command("/usr/sbin/freeradius");
    command.args(["-f", "-l", "stdout", "-d"]).arg(directory);
    let program = Program::start("RADIUS server", command, directory)
        .context("is FreeRADIUS installed (Debian's package `freeradius`)?")?;
    program.wait_for(|line| line.contains("Ready to process requests").then_some(()))?;
    Ok(program)
}

/// What a network access server needs: MS-CHAPv2 with keys, accounting that is acknowledged.
const RADIUS_CONFIGURATION: &str = r#"
confdir = DIRECTORY
logdir = DIRECTORY
run_dir = DIRECTORY
libdir = /usr/lib/freeradius
max_requests = 16384
security {
  reject_delay = 0
}
client bench {
  ipaddr = 127.0.0.1
  secret = "SECRET"
  require_message_authenticator = yes
}
thread pool {
  start_servers = 4
  max_servers = 8
}
modules {
  always ok {
    rcode = ok
  }
  mschap {
    use_mppe = yes
  }
  files {
    filename = ${confdir}/users
  }
}
server bench {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 1812
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = 1813
  }
  authorize {
    update reply {
      Message-Authenticator := 0x00
    }
    mschap
    files
  }
  authenticate {
    Auth-Type MS-CHAP {
      mschap
    }
  }
  accounting {
    ok
  }
}
"#;

/// Starts a PostgreSQL with a cluster of its own, which only this machine reaches, by a socket.
fn postgresql(directory: &Path) -> anyhow::Result<Program> {
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        chown(directory, Some(NOBODY), Some(NOBODY))?;
    }
    let unprivileged = |program: &Path| {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir(directory);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let data = directory.join("data");
    let made = unprivileged(&find("initdb")?)
        .arg("-D")
        .arg(&data)
        .args(["-U", "adit", "-A", "trust", "-E", "UTF8", "--locale=C"])
        .output()?;
    ensure!(
        made.status.success(),
        "PostgreSQL cannot make a cluster: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    // It tells that it is ready where errors go.
    let mut command = unprivileged(Path::new("/bin/sh"));
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
        .arg(find("postgres")?);
    command.arg("-D").arg(&data).arg("-k").arg(directory);
    command.args(["-c", "listen_addresses=", "-c", "max_connections=60"]);
    let program = Program::start("PostgreSQL server", command, directory)?;
    let ready = "database system is ready to accept connections";
    program.wait_for(|line| line.contains(ready).then_some(()))?;
    Ok(program)
}

/// Debian keeps the programs of each version of PostgreSQL in a directory of its own.
fn find(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let of_debian = versions.flatten().map(|version| version.path().join("bin"));
    std::env::split_paths(&path)
        .chain(of_debian)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .with_context(|| {
            format!("there is no {program}; install PostgreSQL (Debian's package `postgresql`)")
        })
}

fn random() -> anyhow::Result<u128> {
    let mut octets = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(u128::from_ne_bytes(octets))
}
