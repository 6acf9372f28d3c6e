//! Laboratories.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use crate::common::{in_lab, skipped, test_of};
use adit_net::namespace::Lab;
use adit_net::netlink::Route;

/// A lab for the test whose closure `F` is, if one can be built here. It asks for no rights of this
/// process, unlike [`in_lab`].
fn in_any_lab<F: FnOnce(Lab)>(body: F) {
    match Lab::available() {
        Ok(()) => body(Lab::new()),
        Err(reason) => skipped(test_of::<F>(), &reason),
    }
}

#[test]
fn a_command_sees_the_links_of_its_host_and_its_directory() {
    in_any_lab(|mut lab| {
        let (left, right) = (lab.host("left").unwrap(), lab.host("right").unwrap());
        let network = |text: &str| text.parse().unwrap();
        let ends = (
            (&left, network("192.0.2.1/24")),
            (&right, network("192.0.2.2/24")),
        );
        let cable = lab.connect(ends.0, ends.1).unwrap();
        assert_eq!(
            (cable.left.name.as_str(), cable.right.name.as_str()),
            ("right", "left")
        );
        let again = lab.connect(
            (&left, network("192.0.3.1/24")),
            (&right, network("192.0.3.2/24")),
        );
        assert_eq!(again.unwrap().left.name, "right-2");

        let output = left.command("cat").arg("/proc/net/dev").output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(listed.contains("lo:") && listed.contains("right:") && listed.contains("right-2:"));
        assert!(!listed.contains("left:"));

        let output = left.command("pwd").output().unwrap();
        let directory = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            directory.trim_end(),
            std::env::current_dir().unwrap().to_str().unwrap()
        );
    });
}

#[test]
fn a_command_is_root_on_its_host() {
    in_any_lab(|mut lab| {
        let host = lab.host("host").unwrap();
        let output = host.command("id").arg("-u").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), "0");
        host.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
        let output = host
            .command("cat")
            .arg("/proc/sys/net/ipv4/ip_forward")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), "1");
        assert!(host.set_sysctl("net.ipv4.no_such", "1").is_err());
        assert!(host.command("/no/such/program").spawn().is_err());
    });
}

#[test]
fn processes_die_with_their_lab_also_those_that_left_their_parent() {
    in_any_lab(|mut lab| {
        let host = lab.host("host").unwrap();
        let mut shell = host.command("sh");
        shell
            .args(["-c", "sleep 600 & echo started; exec sleep 600"])
            .stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        drop(lab);
        assert!(!child.wait().unwrap().success());
        // The pipe ends only when the last of the two processes has ended.
        line.clear();
        assert_eq!(output.read_line(&mut line).unwrap(), 0);
    });
}

#[test]
fn packets_cross_a_host_in_the_middle() {
    in_lab(|lab| {
        let (client, router, server) = (
            lab.host("client").unwrap(),
            lab.host("router").unwrap(),
            lab.host("server").unwrap(),
        );
        let net = |text: &str| text.parse().unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let near = lab.connect(
            (&client, net("10.0.1.1/24")),
            (&router, net("10.0.1.254/24")),
        );
        let far = lab.connect(
            (&router, net("10.0.2.254/24")),
            (&server, net("10.0.2.1/24")),
        );
        let (near, far) = (near.unwrap().left.index, far.unwrap().right.index);
        router.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
        let default = net("0.0.0.0/0");
        let through = |interface, gateway| Route::through(default, interface, ip(gateway));
        client
            .netlink()
            .add_route(&through(near, "10.0.1.254"))
            .unwrap();
        server
            .netlink()
            .add_route(&through(far, "10.0.2.254"))
            .unwrap();

        let bind = |address| move || UdpSocket::bind((ip(address), 7)).unwrap();
        let server = server.run(bind("10.0.2.1")).unwrap();
        let client = client.run(bind("10.0.1.1")).unwrap();
        client.send_to(b"across", "10.0.2.1:7").unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..length], from.ip()),
            (&b"across"[..], ip("10.0.1.1"))
        );
    });
}
