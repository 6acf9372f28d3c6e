//! A PostgreSQL server of a test's own: a directory, a Unix socket, no network.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

/// Debian's `nobody`; PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running server, or one that was stopped. It is gone when this is dropped.
pub(crate) struct Cluster {
    directory: TempDir,
    postgres: Option<Child>,
}

impl Cluster {
    /// Makes a cluster with a superuser and a database `adit`, and starts it.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        if geteuid().is_root() {
            std::os::unix::fs::chown(directory.path(), Some(NOBODY), Some(NOBODY))
                .expect("to give the directory away");
        }
        let made = unprivileged("initdb")
            .arg("-D")
            .arg(directory.path().join("data"))
            .args([
                "-U",
                "adit",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .current_dir(directory.path())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{made:?}");
        let mut cluster = Self {
            directory,
            postgres: None,
        };
        cluster.restart();
        let mut client = postgres::Config::new()
            .host_path(cluster.socket())
            .user("adit")
            .dbname("postgres")
            .connect(postgres::NoTls)
            .expect("a connection");
        client
            .batch_execute("CREATE DATABASE adit")
            .expect("a database");
        cluster
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let mut postgres = unprivileged("postgres")
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .arg("-k")
            .arg(self.socket())
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=60",
            ])
            .current_dir(self.directory.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("postgres runs");
        let mut lines = BufReader::new(postgres.stderr.take().expect("a pipe")).lines();
        let ready = "database system is ready to accept connections";
        let is_ready = lines.any(|line| line.is_ok_and(|line| line.contains(ready)));
        self.postgres = Some(postgres);
        assert!(is_ready, "postgres does not start");
        // It must not find its log full.
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// Ends it at once: its clients lose their connections.
    pub(crate) fn stop(&mut self) {
        if let Some(mut postgres) = self.postgres.take() {
            let id = Pid::from_raw(postgres.id() as i32);
            // SIGQUIT ends the children too and frees shared memory.
            kill(id, Signal::SIGQUIT).expect("to signal postgres");
            postgres.wait().expect("postgres ends");
        }
    }

    /// A connection string.
    pub(crate) fn connection(&self) -> String {
        format!("host={} user=adit dbname=adit", self.socket().display())
    }

    /// A connection of the test's own.
    pub(crate) fn client(&self) -> postgres::Client {
        postgres::Client::connect(&self.connection(), postgres::NoTls).expect("a connection")
    }

    fn socket(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

fn unprivileged(program: &str) -> Command {
    let mut command = Command::new(find(program));
    command.env_clear().env("LC_ALL", "C");
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Debian keeps the programs of each version in a directory of its own.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let of_debian = versions.flatten().map(|version| version.path().join("bin"));
    std::env::split_paths(&path)
        .chain(of_debian)
        .map(|directory| directory.join(program))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("{program} is missing: install PostgreSQL's server"))
}
