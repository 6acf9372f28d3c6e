//! WireGuard in user space.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};

use adit_net::namespace::Host;
use anyhow::{Context, ensure};

use super::{find_program, output_of, program};
use crate::program::Program;
use crate::stage::{Attachment, CLIENT, SERVER, Stage};

pub(super) const PROGRAMS: &[&str] = &["wireguard-go", "wg"];
pub(super) const PACKAGES: &str = "wireguard-go wireguard-tools";

const INTERFACE: &str = "wg0";
const PORT: u16 = 51820;
/// What `wg-quick` chooses over Ethernet.
const MTU: u32 = 1420;
const INNER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const INNER_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
const INNER_SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x7a, 0, 0, 0, 0, 1);
const INNER_CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x7a, 0, 0, 0, 0, 2);

/// It keeps its socket under /var/run, which belongs to the whole machine. It is given one of its own, if the
/// host has its own view of the file system (whose namespace differs from "$1").
const START: &str = "\
set -e
test \"$(readlink /proc/self/ns/mnt)\" != \"$1\"
mount --make-rprivate /
mount -t tmpfs tmpfs /var/run
exec \"$2\" \"$3\"";

pub(super) fn version() -> Option<String> {
    let said = output_of(Command::new(find_program("wireguard-go")?).arg("--version")).ok()?;
    let mut words = said.split_whitespace();
    let version = words.nth(1)?.trim_start_matches('v');
    Some(version.to_owned())
}

pub(super) fn set_up(mut stage: Stage) -> anyhow::Result<Stage> {
    let (server_key, client_key) = (Key::make()?, Key::make()?);
    let server = start(&stage, &stage.server.host, "server")?;
    let client = start(&stage, &stage.client.host, "client")?;
    configure(
        &stage,
        &stage.server.host,
        format!(
            "[Interface]\nPrivateKey = {}\nListenPort = {PORT}\n\
             [Peer]\nPublicKey = {}\nAllowedIPs = {INNER_CLIENT}/32, {INNER_CLIENT_V6}/128\n\
             Endpoint = {CLIENT}:{PORT}\n",
            server_key.private, client_key.public
        ),
    )?;
    configure(
        &stage,
        &stage.client.host,
        format!(
            "[Interface]\nPrivateKey = {}\nListenPort = {PORT}\n\
             [Peer]\nPublicKey = {}\nAllowedIPs = {INNER_SERVER}/32, {INNER_SERVER_V6}/128\n\
             Endpoint = {SERVER}:{PORT}\n",
            client_key.private, server_key.public
        ),
    )?;
    let path = |v4, v6| Attachment {
        interface: INTERFACE.to_owned(),
        v4,
        v6,
    };
    let lengths = (24, 64);
    stage
        .server
        .configure(path(INNER_SERVER, INNER_SERVER_V6), lengths)?;
    stage
        .client
        .configure(path(INNER_CLIENT, INNER_CLIENT_V6), lengths)?;
    stage.programs = vec![server, client];
    Ok(stage)
}

fn start(stage: &Stage, host: &Host, name: &'static str) -> anyhow::Result<Program> {
    let own_view = fs::read_link("/proc/self/ns/mnt").context("cannot tell mounts apart")?;
    let mut command = host.command("sh");
    command
        .args(["-c", START, "sh"])
        .arg(own_view)
        .arg(program("wireguard-go")?)
        .arg(INTERFACE)
        .env("WG_PROCESS_FOREGROUND", "1")
        .env("LOG_LEVEL", "verbose");
    let program = Program::start(name, command, stage.directory())?;
    program.wait_for(|line| line.contains("UAPI listener started").then_some(()))?;
    Ok(program)
}

fn configure(stage: &Stage, host: &Host, configuration: String) -> anyhow::Result<()> {
    let file = stage.directory().join(format!("{}.conf", host.name()));
    fs::write(&file, configuration)?;
    let mut command = host.command(program("wg")?);
    output_of(command.args(["setconf", INTERFACE]).arg(&file))?;
    let mut netlink = host.netlink();
    let index = netlink.link_by_name(INTERFACE)?.index;
    Ok(netlink.set_mtu(index, MTU)?)
}

/// A pair of keys in the form of `wg`.
struct Key {
    private: String,
    public: String,
}

impl Key {
    fn make() -> anyhow::Result<Self> {
        let wg = program("wg")?;
        let private = output_of(Command::new(&wg).arg("genkey"))?;
        let mut child = Command::new(&wg)
            .arg("pubkey")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run wg")?;
        if let Some(mut input) = child.stdin.take() {
            std::io::Write::write_all(&mut input, private.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "wg makes no public key");
        let public = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(Self { private, public })
    }
}
