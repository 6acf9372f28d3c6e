//! The RADIUS servers of the tests themselves: what is seen through them must be right.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use crate::freeradius::{FreeRadius, SECRET, Setup, radclient};
use crate::lab::in_lab;
use crate::rogue_radius::{Manner, RogueRadius};

#[test]
fn a_freeradius_answers_and_tells_what_it_received() {
    in_lab(|lab| {
        let host = lab.host("server").unwrap();
        let users =
            "alice Cleartext-Password := \"wonderland\"\n\tFramed-IP-Address = 10.77.0.50\n";
        let server = FreeRadius::start(&host, Setup::with_users(users));
        let ask = |password: &str| {
            let password = format!("User-Password = {password:?}");
            let attributes = ["User-Name = \"alice\"", &password];
            radclient(&host, "127.0.0.1:1812", "auth", SECRET, &attributes)
        };
        let answer = ask("wonderland");
        assert_eq!(answer.code.as_deref(), Some("Access-Accept"), "{answer:?}");
        assert!(answer.text.contains("10.77.0.50"), "{answer:?}");
        assert!(answer.text.contains("Message-Authenticator"), "{answer:?}");
        let answer = ask("looking-glass");
        assert_eq!(answer.code.as_deref(), Some("Access-Reject"), "{answer:?}");
        assert!(answer.text.contains("Message-Authenticator"), "{answer:?}");

        let attributes = [
            "Acct-Status-Type = Stop",
            "Acct-Session-Id = \"one\"",
            "Acct-Input-Octets = 7",
            "Acct-Input-Gigawords = 1",
            "Class = 0x01",
            "Class = 0x0203",
        ];
        radclient(&host, "127.0.0.1:1813", "acct", SECRET, &attributes);
        let record = server.accounted("Stop");
        assert_eq!(record.get("Acct-Session-Id"), Some("one"));
        assert_eq!(record.all("Class"), ["0x01", "0x0203"]);
        assert_eq!(record.octets("Input"), (1 << 32) + 7);
        assert_eq!(server.accounting(), [record]);

        let server = FreeRadius::start(&host, server.kill());
        assert_eq!(server.accounting(), []);
        let wrong = radclient(&host, "127.0.0.1:1812", "auth", "wrong", &attributes);
        assert_eq!(wrong.code, None, "{wrong:?}");
    });
}

#[test]
fn a_rogue_server_answers_as_it_is_told() {
    in_lab(|lab| {
        let host = lab.host("server").unwrap();
        let request = [&[4, 7, 0, 20][..], &[9; 16]].concat();
        let cases = [
            (Manner::Garbled, Some(22)),
            (Manner::Forged, Some(20)),
            (Manner::Unsigned, Some(20)),
            (Manner::Silent, None),
        ];
        let mut replies = Vec::new();
        for (port, (manner, length)) in (1813..).zip(cases) {
            let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
            let server = RogueRadius::start(&host, address, SECRET, manner);
            let socket = host
                .run(|| UdpSocket::bind("127.0.0.1:0"))
                .unwrap()
                .unwrap();
            socket.send_to(&request, address).unwrap();
            assert_eq!(server.received(1), std::slice::from_ref(&request));
            let mut reply = [0; 64];
            if let Some(length) = length {
                assert_eq!(socket.recv(&mut reply).unwrap(), length);
                assert_eq!(reply[..2], [5, 7]);
                replies.push(reply[4..20].to_vec());
            }
        }
        assert_ne!(replies[1], replies[2]);
    });
}
