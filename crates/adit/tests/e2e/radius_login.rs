//! Users that RADIUS servers know.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;

use adit_crypto::change_password::SealedPassword;
use adit_crypto::nt::NtHash;
use adit_net::namespace::Host;
use tempfile::TempDir;

use crate::adit::{Client, INNER_SERVER, PASSWORD, Server, dial, refused};
use crate::freeradius::{FreeRadius, SECRET, Setup};
use crate::lab::{CLIENT, SERVER, on_two_hosts};
use crate::rogue_radius::{Manner, RogueRadius};
use crate::traffic::ping;

/// Short enough that a test does not wait for long, and long enough for a busy machine.
const IMPATIENT: &str = "[radius]\nnas_identifier = \"vpn1\"\ntimeout_ms = 700\ntries = 2\n";

/// Starts a server whose users only RADIUS knows.
fn serve(host: &Host, sections: &str) -> Server {
    let directory = tempfile::tempdir().unwrap();
    Server::in_directory(host, directory, sections, &[])
}

/// The sections for servers of RADIUS of which some do not answer.
fn impatient(servers: &[&Setup], more: &str) -> String {
    let servers: String = servers.iter().map(|server| server.section()).collect();
    format!("{IMPATIENT}{servers}{more}")
}

/// The sections for a server of RADIUS that answers, however long it takes, and more of them.
fn patient(server: &Setup, more: &str) -> String {
    server.section() + more
}

/// Any method, encrypted where the method makes keys.
fn method(name: &str) -> String {
    format!("[authentication]\nmethods = [\"{name}\"]\n[encryption]\npolicy = \"optional\"\n")
}

#[test]
fn every_method_works_and_those_of_microsoft_encrypt_with_its_keys() {
    on_two_hosts(|server_host, client_host| {
        let setup = Setup::default();
        let radius = FreeRadius::start(server_host, setup.clone());
        for name in ["mschap-v2", "mschap-v1", "chap-md5", "pap"] {
            let server = serve(server_host, &patient(&setup, &method(name)));
            let encrypted = name.starts_with("mschap");
            let encryption = if encrypted { "required" } else { "optional" };
            let arguments = ["--auth", name, "--encryption", encryption];
            let client = Client::connect(client_host, &arguments);
            // Keys that were changed over would let no packet pass, neither way.
            assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1, "{name}");
            let session = server.session();
            assert_eq!(session.authentication.as_deref(), Some(name));
            assert_eq!(session.user.as_deref(), Some("alice"));
            let cipher = session.encryption.as_deref();
            assert_eq!(cipher.is_some_and(|it| it.contains("128")), encrypted);
            client.hang_up();
            server.stop();

            let server = serve(server_host, &patient(&setup, &method(name)));
            let ended = refused(client_host, "alice", "looking-glass", &arguments);
            assert_eq!(ended.code, Some(6), "{name}: {}", ended.log);
            server
                .program
                .logged_all(&["login refused", "the RADIUS server refuses the user"]);
            let (server, _) = server.stop();
            assert!(!server.log.contains("looking-glass") && !server.log.contains(SECRET));
        }
        drop(radius);
    });
}

#[test]
fn a_request_says_who_asks_and_for_whom() {
    on_two_hosts(|server_host, client_host| {
        let setup = Setup::default();
        let radius = FreeRadius::start(server_host, setup.clone());
        let address = "[radius]\nnas_ip_address = \"192.0.2.1\"\nnas_identifier = \"vpn1\"\n";
        let server = serve(server_host, &format!("{address}{}", setup.section()));
        let client = Client::connect(client_host, &[]);
        let request = radius.received(|it| it.code == "Access-Request");
        for (name, value) in [
            ("User-Name", "alice"),
            ("NAS-Identifier", "vpn1"),
            ("NAS-IP-Address", "192.0.2.1"),
            ("NAS-Port-Type", "Virtual"),
            ("Service-Type", "Framed-User"),
            ("Framed-Protocol", "PPP"),
            ("Calling-Station-Id", CLIENT),
            ("Called-Station-Id", SERVER),
            ("Tunnel-Type:0", "PPTP"),
            ("Tunnel-Client-Endpoint:0", CLIENT),
            ("Tunnel-Server-Endpoint:0", SERVER),
        ] {
            assert_eq!(request.get(name), Some(value), "{request:?}");
        }
        for name in ["Message-Authenticator", "Acct-Session-Id", "NAS-Port"] {
            assert!(request.get(name).is_some(), "{request:?}");
        }
        client.hang_up();
        server.stop();
    });
}

/// A program with these lines.
fn program(directory: &TempDir, name: &str, lines: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

/// What stands behind a name in the lines that a helper has got, as octets.
fn blob(lines: &str, name: &str) -> Vec<u8> {
    let digits = lines.lines().find_map(|line| line.strip_prefix(name));
    let (pairs, _) = digits.unwrap().trim().as_bytes().as_chunks::<2>();
    let octet = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| octet(pair)).collect()
}

#[test]
fn an_expired_password_is_changed_at_the_radius_server() {
    on_two_hosts(|server_host, client_host| {
        // As with Samba's winbind: helpers judge responses and change passwords. (The server's own way
        // to change one crashes in the FreeRADIUS of Debian 12.)
        let directory = tempfile::tempdir().unwrap();
        let changed = directory.path().join("changed");
        let file = changed.display();
        let changes = program(
            &directory,
            "change",
            &format!(
                "while read -r line; do echo \"$line\" >> {file}; [ \"$line\" = . ] && break; done\n\
                 echo Password-Change: Yes\necho .\n"
            ),
        );
        // MD4 of the NT hash of `jabberwocky`, by OpenSSL.
        let judges = program(
            &directory,
            "judge",
            &format!(
                "[ -e {file} ] || {{ echo Password expired; exit 1; }}\n\
                 echo NT_KEY: 81379794E542F03C0072B1B20C1DBDB1\n"
            ),
        );
        let setup = Setup {
            users: "DEFAULT\n".to_owned(),
            mschap: format!(
                "ntlm_auth = \"{judges} %{{mschap:NT-Response}}\"\n\
                 passchange {{\n ntlm_auth = \"{changes}\"\n\
                 ntlm_auth_username = \"username: %{{User-Name}}\"\n }}\n"
            ),
            ..Setup::default()
        };
        let _radius = FreeRadius::start(server_host, setup.clone());
        let server = serve(server_host, &patient(&setup, ""));
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        assert!(ended.log.contains("expired"), "{}", ended.log);
        server
            .program
            .logged_all(&["login refused", "the password has expired"]);

        let new_password = directory.path().join("new").display().to_string();
        std::fs::write(&new_password, "jabberwocky\n").unwrap();
        let arguments = ["--new-password-file", &new_password];
        let client = Client::connect(client_host, &arguments);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        let lines = std::fs::read_to_string(&changed).unwrap();
        let sealed = SealedPassword {
            encrypted_password: blob(&lines, "new-nt-password-blob:").try_into().unwrap(),
            encrypted_hash: blob(&lines, "old-nt-hash-blob:").try_into().unwrap(),
        };
        let new = sealed.open(&NtHash::of_password(PASSWORD)).unwrap();
        assert_eq!(new.password(), "jabberwocky");
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_wrong_secret_lets_nobody_in_and_is_named_as_a_cause() {
    on_two_hosts(|server_host, client_host| {
        let _radius = FreeRadius::start(server_host, Setup::default());
        let wrong = Setup {
            secret: "black-rabbit".to_owned(),
            ..Setup::default()
        };
        let server = serve(server_host, &impatient(&[&wrong], ""));
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server.program.logged_all(&[
            "login refused",
            "RADIUS (127.0.0.1:1812): no server answered",
            "same secret",
        ]);
        server.stop();
    });
}

#[test]
fn where_no_server_answers_another_back_end_can_be_asked() {
    on_two_hosts(|server_host, client_host| {
        let setup = Setup::default();
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        std::fs::write(&secrets, "alice * wonderland *\n").unwrap();
        for (on_unreachable, passes) in [("next", true), ("refuse", false)] {
            let more = format!(
                "[users]\nsecrets = {secrets:?}\n[authentication]\norder = [\"radius\", \"secrets\"]\n\
                 on_unreachable = {on_unreachable:?}\n"
            );
            let server = serve(server_host, &impatient(&[&setup], &more));
            if passes {
                Client::connect(client_host, &[]).hang_up();
                server.program.logged("the next back end is asked");
            } else {
                let ended = refused(client_host, "alice", PASSWORD, &[]);
                assert_ne!(ended.code, Some(0), "{}", ended.log);
            }
            server.program.logged("no server answered");
            server.stop();
        }
    });
}

#[test]
fn a_dead_server_is_passed_over_for_the_next_one() {
    on_two_hosts(|server_host, client_host| {
        let dead = Setup {
            authentication_port: 1645,
            ..Setup::default()
        };
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, dead.authentication_port);
        let silent = RogueRadius::start(server_host, address, SECRET, Manner::Silent);
        let setup = Setup::default();
        let radius = FreeRadius::start(server_host, setup.clone());
        let server = serve(server_host, &impatient(&[&dead, &setup], ""));
        Client::connect(client_host, &[]).hang_up();
        let tries = silent.received(2);
        assert_eq!(tries.len(), 2);
        assert_eq!(tries[0], tries[1], "a retransmission is the same packet");
        Client::connect(client_host, &[]).hang_up();
        assert_eq!(silent.received(2).len(), 2, "a dead server gets no more");
        assert_eq!(radius.requests().len(), 2);
        server.stop();
    });
}

#[test]
fn replies_without_message_authenticator_are_believed_only_where_that_is_allowed() {
    on_two_hosts(|server_host, client_host| {
        let setup = Setup {
            signs_replies: false,
            ..Setup::default()
        };
        let _radius = FreeRadius::start(server_host, setup.clone());
        let server = serve(server_host, &impatient(&[&setup], ""));
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server.program.logged_all(&[
            "login refused",
            "no Message-Authenticator",
            "require_message_authenticator = false",
        ]);
        server.stop();

        let relaxed = format!(
            "{IMPATIENT}require_message_authenticator = false\n{}",
            setup.section()
        );
        let server = serve(server_host, &relaxed);
        Client::connect(client_host, &[]).hang_up();
        server.stop();
    });
}

#[test]
fn replies_that_do_not_verify_let_nobody_in() {
    on_two_hosts(|server_host, client_host| {
        let setup = Setup::default();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, setup.authentication_port);
        for (manner, why) in [
            (Manner::Forged, "the authenticator is wrong"),
            (Manner::Unsigned, "no Message-Authenticator"),
            (Manner::Garbled, "an answer that can be read"),
        ] {
            let _rogue = RogueRadius::start(server_host, address, SECRET, manner);
            let sections = impatient(&[&setup], &method("pap"));
            let server = serve(server_host, &sections);
            let arguments = ["--auth", "pap", "--encryption", "optional"];
            let ended = refused(client_host, "alice", PASSWORD, &arguments);
            assert_ne!(ended.code, Some(0), "{manner:?}: {}", ended.log);
            server.program.logged_all(&["login refused", why]);
            assert!(server.sessions().is_empty());
            server.stop();
        }
    });
}

#[test]
fn what_the_server_grants_is_what_the_session_gets() {
    on_two_hosts(|server_host, client_host| {
        let users = "alice Cleartext-Password := \"wonderland\"\n\
                     \tUser-Name = \"alice@example.net\",\n\
                     \tFramed-IP-Address = 10.77.0.50,\n\
                     \tMS-Primary-DNS-Server = 192.0.2.53,\n\
                     \tMS-Secondary-DNS-Server = 192.0.2.54,\n\
                     \tFramed-IPv6-Prefix = 2001:db8:5:1::/64,\n\
                     \tFramed-Interface-Id = 0:0:0:9,\n\
                     \tReply-Message = \"mind the gap\"\n\
                     bob Cleartext-Password := \"builder\"\n\
                     \tFramed-IP-Address = 255.255.255.254,\n\
                     \tFramed-Pool = \"office\"\n\
                     carol Cleartext-Password := \"carol\"\n\
                     \tFramed-IP-Address = 255.255.255.255\n\
                     dave Cleartext-Password := \"dave\"\n\
                     \tFramed-Pool = \"nowhere\"\n\
                     erin Cleartext-Password := \"erin\"\n\
                     \tService-Type = Login-User\n";
        let setup = Setup::with_users(users);
        let _radius = FreeRadius::start(server_host, setup.clone());
        let pools = "[[pools]]\nname = \"office\"\nranges = [\"10.1.0.0/29\"]\n";
        let server = serve(server_host, &patient(&setup, pools));

        let client = Client::connect(client_host, &[]);
        assert_eq!(client.address, Ipv4Addr::new(10, 77, 0, 50));
        let dns = [53, 54].map(|last| Ipv4Addr::new(192, 0, 2, last));
        assert_eq!(client.dns, dns);
        let session = server.session();
        assert_eq!(session.user.as_deref(), Some("alice@example.net"));
        let prefix = session.ipv6_prefix.map(|prefix| prefix.to_string());
        assert_eq!(prefix.as_deref(), Some("2001:db8:5:1::/64"));
        assert_eq!(client.ipv6.unwrap().segments()[4..], [0, 0, 0, 9]);
        client.hang_up();

        let client = Client::connected(dial(client_host, "bob", "builder", &[]));
        assert_eq!(client.address.octets()[..3], [10, 1, 0]);
        client.hang_up();
        let client = Client::connected(dial(client_host, "carol", "carol", &[]));
        assert_eq!(client.address.octets()[..3], [10, 77, 0]);
        client.hang_up();

        let ended = refused(client_host, "dave", "dave", &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server.program.logged_all(&["login refused", "nowhere"]);
        let ended = refused(client_host, "erin", "erin", &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server
            .program
            .logged_all(&["login refused", "its Service-Type is not 2"]);
        server.stop();
    });
}

#[test]
fn time_and_rate_that_the_server_names_are_kept() {
    on_two_hosts(|server_host, client_host| {
        let users = "alice Cleartext-Password := \"wonderland\"\n\tSession-Timeout = 1\n\
                     bob Cleartext-Password := \"builder\"\n\tIdle-Timeout = 1\n\
                     carol Cleartext-Password := \"carol\"\n\tMikrotik-Total-Limit = 20000\n\
                     dave Cleartext-Password := \"dave\"\n\tFilter-Id = \"8/100000\"\n";
        let setup = Setup::with_users(users);
        let _radius = FreeRadius::start(server_host, setup.clone());
        let server = serve(server_host, &patient(&setup, ""));
        for (user, password, sentence) in [
            ("alice", PASSWORD, "the user's time is over"),
            ("bob", "builder", "there was no traffic"),
        ] {
            let client = Client::connected(dial(client_host, user, password, &[]));
            let ended = client.program.ended();
            assert_eq!(ended.code, Some(9), "{}", ended.log);
            server
                .program
                .logged_all(&["session ended", user, sentence]);
        }
        let client = Client::connected(dial(client_host, "carol", "carol", &[]));
        ping(client_host, INNER_SERVER, 30, &["-s", "1000"]);
        let ended = client.program.ended();
        assert_eq!(ended.code, Some(9), "{}", ended.log);
        server
            .program
            .logged_all(&["session ended", "carol", "data volume is used up"]);

        // A bucket of 16 KiB to the client, filled with 1 KiB a second.
        let client = Client::connected(dial(client_host, "dave", "dave", &[]));
        let options = ["-s", "1300"];
        assert!(ping(client_host, INNER_SERVER, 40, &options) < 30);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn one_user_alone_can_be_made_to_encrypt() {
    on_two_hosts(|server_host, client_host| {
        let users = "alice Cleartext-Password := \"wonderland\"\n\
                     \tMS-MPPE-Encryption-Policy = Encryption-Required\n\
                     bob Cleartext-Password := \"builder\"\n";
        let setup = Setup::with_users(users);
        let _radius = FreeRadius::start(server_host, setup.clone());
        let server = serve(server_host, &patient(&setup, &method("pap")));
        let arguments = ["--auth", "pap", "--encryption", "optional"];
        Client::connected(dial(client_host, "bob", "builder", &arguments)).hang_up();
        let ended = refused(client_host, "alice", PASSWORD, &arguments);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server
            .program
            .logged_all(&["alice", "encryption is required"]);
        server.stop();
    });
}
