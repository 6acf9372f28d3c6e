//! OpenVPN from point to point, with certificates that only know each other.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::{TunMtu, find_program, output_of, program};
use crate::program::Program;
use crate::stage::{Attachment, End, SERVER, Stage};

pub(super) const PROGRAMS: &[&str] = &["openvpn", "openssl"];
pub(super) const PACKAGES: &str = "openvpn openssl";

const INTERFACE: &str = "tun0";
const PORT: &str = "1194";
const INNER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);
const INNER_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
const INNER_SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x79, 0, 0, 0, 0, 1);
const INNER_CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x79, 0, 0, 0, 0, 2);

pub(super) fn version() -> Option<String> {
    // It ends with 1 after telling its version.
    let output = Command::new(find_program("openvpn")?)
        .arg("--version")
        .output();
    let said = String::from_utf8(output.ok()?.stdout).ok()?;
    let mut words = said.split_whitespace();
    words.nth(1).map(str::to_owned)
}

pub(super) fn set_up(mut stage: Stage, mtu: TunMtu) -> anyhow::Result<Stage> {
    let server_print = make_certificate(stage.directory(), "server")?;
    let client_print = make_certificate(stage.directory(), "client")?;

    let mut command = common(&stage, &stage.server, "server", mtu)?;
    command
        .args(["--tls-server", "--dh", "none"])
        .args(["--peer-fingerprint", &client_print])
        .args(["--local", &SERVER.to_string(), "--port", PORT])
        .args(inner(
            (INNER_SERVER, INNER_SERVER_V6),
            (INNER_CLIENT, INNER_CLIENT_V6),
        ));
    let server = Program::start("server", command, stage.directory())?;

    let mut command = common(&stage, &stage.client, "client", mtu)?;
    command
        .args(["--tls-client", "--nobind"])
        .args(["--peer-fingerprint", &server_print])
        .args(["--remote", &SERVER.to_string(), PORT])
        .args(inner(
            (INNER_CLIENT, INNER_CLIENT_V6),
            (INNER_SERVER, INNER_SERVER_V6),
        ));
    let client = Program::start("client", command, stage.directory())?;

    for program in [&client, &server] {
        let ready = "Initialization Sequence Completed";
        program.wait_for(|line| line.contains(ready).then_some(()))?;
    }
    let path = |v4, v6| Attachment {
        interface: INTERFACE.to_owned(),
        v4,
        v6,
    };
    stage.server.path = path(INNER_SERVER, INNER_SERVER_V6);
    stage.client.path = path(INNER_CLIENT, INNER_CLIENT_V6);
    stage.programs = vec![server, client];
    Ok(stage)
}

/// Everything has its default but what makes it faster and costs nobody anything: a longer queue, no waiting
/// for the socket to become writable. Buffers of 0 are those of the system.
fn common(stage: &Stage, end: &End, name: &str, mtu: TunMtu) -> anyhow::Result<Command> {
    let file = |suffix: &str| stage.directory().join(format!("{name}.{suffix}"));
    let mut command = end.host.command(program("openvpn")?);
    command
        .args(["--dev", INTERFACE, "--dev-type", "tun", "--proto", "udp4"])
        .args(["--data-ciphers", "AES-256-GCM", "--disable-dco"])
        .args(["--txqueuelen", "1000", "--sndbuf", "0", "--rcvbuf", "0"])
        .args(["--fast-io", "--verb", "3"])
        .arg("--cert")
        .arg(file("crt"))
        .arg("--key")
        .arg(file("key"));
    if mtu == TunMtu::Jumbo {
        command.args(["--tun-mtu", "9000", "--mssfix", "0"]);
    }
    Ok(command)
}

/// Addresses of the own and the other end inside the tunnel.
fn inner(own: (Ipv4Addr, Ipv6Addr), other: (Ipv4Addr, Ipv6Addr)) -> [String; 6] {
    [
        "--ifconfig".to_owned(),
        own.0.to_string(),
        other.0.to_string(),
        "--ifconfig-ipv6".to_owned(),
        format!("{}/64", own.1),
        other.1.to_string(),
    ]
}

/// Makes a key and a certificate that it signs itself, and returns its fingerprint.
fn make_certificate(directory: &Path, name: &str) -> anyhow::Result<String> {
    let file = |suffix: &str| directory.join(format!("{name}.{suffix}"));
    let openssl = program("openssl")?;
    output_of(
        Command::new(&openssl)
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-subj", &format!("/CN={name}"), "-keyout"])
            .arg(file("key"))
            .arg("-out")
            .arg(file("crt")),
    )?;
    let print = output_of(
        Command::new(&openssl)
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(file("crt")),
    )?;
    let (_, print) = print
        .split_once('=')
        .context("openssl tells no fingerprint")?;
    Ok(print.to_owned())
}
