//! Whom the host asks for names: the file, systemd-resolved and resolvconf. The programs are stand-ins
//! that write down what they are asked for; the file is one of the test's own, put over the host's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use adit_net::namespace::Host;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::adit::{Client, PASSWORD, Server};
use crate::lab::{SERVER, on_two_hosts};
use crate::program::Program;

const SECTIONS: &str = "[network]\ndns = [\"10.0.0.53\", \"10.0.0.54\"]\n";
const BEFORE: &str = "nameserver 192.0.2.53\nsearch example.com\n";

/// The client's host as programs see it.
struct View {
    directory: TempDir,
}

impl View {
    fn new(resolv_conf: &str) -> Self {
        let view = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(view.resolv_conf(), resolv_conf).unwrap();
        view
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn resolv_conf(&self) -> PathBuf {
        self.path("resolv.conf")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.resolv_conf()).unwrap()
    }

    /// Puts a program there that notes its arguments, its environment and its input.
    fn install(&self, program: &str) {
        let script = format!(
            "#!/bin/sh\n{{ echo \"$*\"; env; cat; echo ==end==; }} >> {}\n",
            quoted(&self.path("asked"))
        );
        let path = self.path(program);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What the programs were asked for, one after the other.
    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("asked")).unwrap_or_default();
        assert!(!text.contains(PASSWORD), "{text}");
        let own = |line: &&str| !line.contains('=');
        let calls = text.split("==end==\n").filter(|call| !call.is_empty());
        calls
            .map(|call| call.lines().filter(own).collect::<Vec<_>>().join("; "))
            .collect()
    }

    /// Connects in mounts of its own, after the commands `prepare`.
    fn connect(&self, host: &Host, prepare: &str) -> Client {
        let script = format!(
            "mount --bind {} /etc/resolv.conf && {prepare} exec \"$0\" connect {SERVER} \
             --user alice --interface vpn --set-dns",
            quoted(&self.resolv_conf())
        );
        let mut command = host.command("unshare");
        command
            .args(["--mount", "sh", "-c", &script])
            .arg(env!("CARGO_BIN_EXE_adit"))
            .env("ADIT_PASSWORD", PASSWORD)
            .env_remove("ADIT_LOG")
            .env("PATH", self.search_path());
        Client::connected(Program::start(&mut command))
    }

    /// The stand-ins and no others: what the machine has must not be asked.
    fn search_path(&self) -> String {
        let tools = self.path("tools");
        if !tools.exists() {
            fs::create_dir(&tools).unwrap();
            for tool in ["sh", "env", "cat", "mount", "mkdir", "unshare"] {
                let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
                    .map(|directory| Path::new(directory).join(tool))
                    .into_iter()
                    .find(|path| path.exists());
                std::os::unix::fs::symlink(found.unwrap(), tools.join(tool)).unwrap();
            }
        }
        format!("{}:{}", self.directory.path().display(), tools.display())
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn the_file_names_the_servers_as_long_as_the_tunnel_is_up() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, SECTIONS);
        let view = View::new(BEFORE);
        let client = view.connect(client_host, "");
        let text = view.text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "nameserver 10.0.0.53",
            "nameserver 10.0.0.54",
            "search example.com",
        ];
        assert_eq!(lines, expected);
        let ended = client.hang_up();
        assert!(ended.log.contains("/etc/resolv.conf"), "{}", ended.log);
        assert_eq!(view.text(), BEFORE);
    });
}

#[test]
fn the_file_is_put_back_where_the_server_is_killed() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, SECTIONS);
        let view = View::new(BEFORE);
        let client = view.connect(client_host, "");
        assert_ne!(view.text(), BEFORE);
        server.kill();
        assert_eq!(client.program.ended().code, Some(9));
        assert_eq!(view.text(), BEFORE);
    });
}

#[test]
fn a_server_without_names_leaves_the_file_alone() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let view = View::new(BEFORE);
        let client = view.connect(client_host, "");
        assert_eq!(view.text(), BEFORE);
        let ended = client.hang_up();
        assert!(ended.log.contains("names no DNS servers"), "{}", ended.log);
    });
}

#[test]
fn systemd_resolved_is_asked_where_it_is_in_charge() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, SECTIONS);
        let view = View::new("nameserver 127.0.0.53\n");
        view.install("resolvectl");
        view.install("resolvconf");
        let prepare = "mount -t tmpfs none /run && mkdir -p /run/systemd/resolve &&";
        let client = view.connect(client_host, prepare);
        let set = ["dns vpn 10.0.0.53 10.0.0.54", "domain vpn ~."];
        assert_eq!(view.asked(), set);
        client.hang_up();
        assert_eq!(view.asked(), [set[0], set[1], "revert vpn"]);
        assert_eq!(view.text(), "nameserver 127.0.0.53\n");
    });
}

#[test]
fn resolvconf_is_asked_where_it_is_there() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, SECTIONS);
        let view = View::new(BEFORE);
        view.install("resolvconf");
        let client = view.connect(client_host, "");
        let set = "-a tun.vpn; nameserver 10.0.0.53; nameserver 10.0.0.54";
        assert_eq!(view.asked(), [set]);
        client.program.signal(Signal::SIGTERM);
        assert_eq!(client.program.ended().code, Some(0));
        assert_eq!(view.asked(), [set, "-d tun.vpn"]);
        assert_eq!(view.text(), BEFORE);
    });
}
