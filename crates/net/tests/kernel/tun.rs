//! TUN devices on a real kernel.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::common::{alone_in_lab, skipped, test_of, wait};
use adit_net::capability::{Need, check};
use adit_net::netlink::{Address, Netlink};
use adit_net::tun::{Tun, TunError};

const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// Runs a test that needs TUN devices on a host of its own.
fn with_tun<F: FnOnce() + Send>(body: F) {
    let test = test_of::<F>();
    alone_in_lab(test, |lab| {
        let host = lab.host("tun").unwrap();
        host.run(|| match check(Need::Tun) {
            Ok(()) => body(),
            Err(missing) => skipped(test, &missing),
        })
        .unwrap();
    });
}

/// Reads packets until one is IPv4: the host itself solicits IPv6 routers on the new link.
fn read_v4(tun: &Tun) -> Vec<u8> {
    let mut buffer = [0; 2048];
    loop {
        wait(tun);
        let length = tun.read(&mut buffer).unwrap();
        if buffer[0] >> 4 == 4 {
            return buffer[..length].to_vec();
        }
    }
}

#[test]
fn a_packet_goes_out_and_its_answer_comes_in() {
    with_tun(|| {
        let tun = Tun::open("adit%d").unwrap();
        assert_eq!(tun.name(), "adit0");
        let mut netlink = Netlink::open().unwrap();
        assert_eq!(netlink.link_by_name("adit0").unwrap().index, tun.index());
        let ends = Address::point_to_point(tun.index(), LOCAL.into(), PEER.into());
        netlink.add_address(&ends).unwrap();
        netlink.set_up(tun.index()).unwrap();

        let socket = UdpSocket::bind((LOCAL, 4000)).unwrap();
        socket.send_to(b"out and in", (PEER, 5000)).unwrap();
        let mut packet = read_v4(&tun);
        assert_eq!(packet[12..16], LOCAL.octets());
        assert_eq!(packet[16..20], PEER.octets());
        assert_eq!(packet[28..], *b"out and in");

        // Swapping the addresses and the ports leaves the checksums right.
        packet[12..20].rotate_left(4);
        packet[20..24].rotate_left(2);
        assert_eq!(tun.write(&packet).unwrap(), packet.len());
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut answer = [0; 64];
        let (length, from) = socket.recv_from(&mut answer).unwrap();
        assert_eq!(
            (&answer[..length], from.ip()),
            (&b"out and in"[..], IpAddr::from(PEER))
        );
    });
}

#[test]
fn reading_nothing_does_not_block_and_writing_to_a_down_link_fails() {
    with_tun(|| {
        let tun = Tun::open("quiet").unwrap();
        let kind = tun.read(&mut [0; 64]).unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::WouldBlock);
        assert!(tun.write(&[0x45; 20]).is_err());
    });
}

#[test]
fn a_name_in_use_is_busy_and_free_again_after_the_drop() {
    with_tun(|| {
        let first = Tun::open("same").unwrap();
        assert!(matches!(Tun::open("same"), Err(TunError::Busy { name }) if name == "same"));
        assert!(matches!(Tun::open("lo"), Err(TunError::Name { .. })));
        drop(first);
        assert!(
            Netlink::open()
                .unwrap()
                .link_by_name("same")
                .unwrap_err()
                .is_absent()
        );
        Tun::open("same").unwrap();
    });
}
