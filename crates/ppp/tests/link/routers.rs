//! Routers, modems, phones and test gear as peers, each with its own idea of PPP.

use std::net::Ipv4Addr;
use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::auth::Method;
use adit_ppp::link::{IpVersion, Phase};
use adit_ppp::mppe::Mode;
use adit_ppp::{Cipher, EncryptionPolicy, MppeConfig};
use adit_wire::ccp::{Ccp, CcpOption, MppeBits};
use adit_wire::cp::{Body, Magic};
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};
use adit_wire::lcp::{Authentication, Lcp, LcpOption};
use adit_wire::pap;
use adit_wire::ppp::Protocol;

use crate::common::{
    CLIENT, MAGIC, NAME, PASSWORD, SERVER, STATELESS_128, Script, Stage, client, mppe, off, server,
};

const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn any_mode(strengths: &[Strength]) -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Required,
        strengths: strengths.to_vec(),
        modes: vec![Mode::Stateless, Mode::Stateful],
    }
}

#[test]
fn mikrotiks_early_ipcp_is_held_until_encryption_is_there_and_never_terminated() {
    for mut script in [
        Script::server_at(Stage::Authenticate),
        Script::server_at(Stage::Encryption),
    ] {
        let early = vec![IpcpOption::Address(CLIENT)];
        script.say::<Ipcp>(31, Body::ConfigureRequest(early.clone()));
        assert!(script.try_hear::<Ipcp>().is_none());
        if script.link.phase() == Phase::Authenticate {
            script.peer_authenticates();
        }
        assert!(script.try_hear::<Ipcp>().is_none());
        script.converge::<Ccp>(&[STATELESS_128]);
        script.accept::<Ipcp>();
        let answer = script.hear::<Ipcp>();
        assert_eq!(answer.identifier, 31);
        assert_eq!(answer.body, Body::ConfigureAck(early));
        assert!(script.link.is_up(IpVersion::V4));
    }
}

#[test]
fn the_newest_early_request_of_each_protocol_is_the_one_that_is_answered() {
    let mut script = Script::server_at(Stage::Authenticate);
    for identifier in 1..=20 {
        script.say::<Ipcp>(
            identifier,
            Body::ConfigureRequest(vec![IpcpOption::Address(CLIENT)]),
        );
        if identifier == 1 {
            script.say::<Ccp>(1, Body::ConfigureRequest(vec![STATELESS_128]));
            script.say::<Ipv6cp>(
                1,
                Body::ConfigureRequest(vec![Ipv6cpOption::InterfaceId(InterfaceId([5; 8]))]),
            );
        }
    }
    script.peer_authenticates();
    script.accept::<Ccp>();
    assert!(matches!(script.hear::<Ccp>().body, Body::ConfigureAck(_)));
    script.accept::<Ipcp>();
    assert_eq!(script.hear::<Ipcp>().identifier, 20);
    script.accept::<Ipv6cp>();
    assert_eq!(script.hear::<Ipv6cp>().identifier, 1);
    script.assert_silent();
    assert!(script.link.is_up(IpVersion::V4) && script.link.is_up(IpVersion::V6));
}

#[test]
fn an_mru_of_1450_bounds_the_packets() {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    script.converge::<Lcp>(&[LcpOption::Mru(1450), LcpOption::MagicNumber(MAGIC)]);
    assert_eq!(script.link.mtu(), 1446);
}

#[test]
fn a_multilink_offer_is_rejected_and_the_link_comes_up_without() {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    let bundle = vec![
        LcpOption::Mrru(1600),
        LcpOption::ShortSequence,
        LcpOption::EndpointDiscriminator(vec![3, 1, 2, 3, 4, 5, 6]),
    ];
    let mut request = vec![LcpOption::MagicNumber(MAGIC)];
    request.extend(bundle.clone());
    assert_eq!(
        script.request::<Lcp>(&request),
        Body::ConfigureReject(bundle)
    );
    script.peer_opens_lcp();
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

#[test]
fn cisco_ios_that_refuses_stateless_encryption_gets_stateful_where_that_is_allowed() {
    let mut script = Script::open(client(&[Method::MsChapV2], any_mode(&[Strength::Bits128])));
    script.lead_client_to(Stage::Encryption);
    let stateful = CcpOption::Mppe(MppeBits(0x0000_0040));
    let request = script.hear::<Ccp>();
    assert_eq!(request.body, Body::ConfigureRequest(vec![STATELESS_128]));
    script.say::<Ccp>(
        request.identifier,
        Body::ConfigureNak(vec![stateful.clone()]),
    );
    assert_eq!(
        script.converge::<Ccp>(std::slice::from_ref(&stateful)),
        [stateful]
    );
    let cipher = Cipher {
        strength: Strength::Bits128,
        mode: Mode::Stateful,
    };
    assert_eq!(script.link.summary().encryption, Some((cipher, cipher)));
}

#[test]
fn ciscos_own_protocols_are_rejected_one_by_one() {
    let mut script = Script::server_at(Stage::Up);
    for protocol in [Protocol::CDPCP, Protocol::MPLSCP, Protocol::BCP] {
        let _ = script.octets(protocol, &[1, 1, 0, 4]);
        let Body::ProtocolReject {
            protocol: rejected,
            information,
        } = script.hear::<Lcp>().body
        else {
            panic!("no Protocol-Reject")
        };
        assert_eq!((rejected, &information[..]), (protocol, &[1, 1, 0, 4][..]));
    }
    script.assert_silent();
    assert!(script.link.is_up(IpVersion::V4));
}

#[test]
fn a_yamaha_that_naks_with_other_mixtures_for_ever_ends_with_the_longest_key() {
    let all = [Strength::Bits40, Strength::Bits56, Strength::Bits128];
    let mut script = Script::open(server(&[Method::MsChapV2], any_mode(&all)));
    script.lead_to(Stage::Encryption);
    for mixture in [0x0100_00e0, 0x0100_0060] {
        let mixture = [CcpOption::Mppe(MppeBits(mixture))];
        assert_eq!(
            script.request::<Ccp>(&mixture),
            Body::ConfigureNak(vec![STATELESS_128])
        );
        let request = script.hear::<Ccp>();
        assert_eq!(request.body, Body::ConfigureRequest(vec![STATELESS_128]));
        script.say::<Ccp>(request.identifier, Body::ConfigureNak(mixture.to_vec()));
    }
    assert_eq!(script.converge::<Ccp>(&[STATELESS_128]), [STATELESS_128]);
}

#[test]
fn a_pppd_that_hangs_up_on_another_key_length_than_its_own_is_asked_for_its_own() {
    let all = [Strength::Bits40, Strength::Bits128];
    let own = CcpOption::Mppe(MppeBits(0x0100_0020));
    for early in [true, false] {
        let mut script = Script::open(server(&[Method::MsChapV2], any_mode(&all)));
        script.lead_to(Stage::Authenticate);
        let request = Body::ConfigureRequest(vec![own.clone()]);
        if early {
            script.say::<Ccp>(50, request.clone());
        }
        script.peer_authenticates();
        if !early {
            assert!(script.try_hear::<Ccp>().is_none());
            script.say::<Ccp>(50, request);
        }
        assert_eq!(script.accept::<Ccp>(), std::slice::from_ref(&own));
        assert_eq!(
            script.hear::<Ccp>().body,
            Body::ConfigureAck(vec![own.clone()])
        );
    }
}

#[test]
fn a_peer_that_waits_for_the_first_request_of_encryption_gets_it_after_400_ms() {
    let all = [Strength::Bits40, Strength::Bits128];
    let mut script = Script::open(server(&[Method::MsChapV2], any_mode(&all)));
    script.lead_to(Stage::Encryption);
    assert!(script.try_hear::<Ccp>().is_none());
    assert_eq!(script.wait_for_deadline(), Duration::from_millis(400));
    assert_eq!(script.converge::<Ccp>(&[STATELESS_128]), [STATELESS_128]);
}

#[test]
fn a_nak_of_an_option_without_a_value_is_taken_for_a_reject() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let booleans = vec![LcpOption::Pfc, LcpOption::Acfc];
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(booleans.clone()));
    let next = script.peer_opens_lcp();
    assert!(booleans.iter().all(|option| !next.contains(option)));
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

#[test]
fn a_nak_with_the_very_mru_that_was_asked_for_is_taken_for_a_reject() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let own = vec![LcpOption::Mru(1500)];
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(own.clone()));
    assert!(!script.peer_opens_lcp().contains(&own[0]));
}

#[test]
fn a_smaller_mru_from_a_nak_is_asked_for() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let smaller = vec![LcpOption::Mru(1400)];
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(smaller.clone()));
    assert!(script.peer_opens_lcp().contains(&smaller[0]));
}

#[test]
fn a_phone_with_a_character_map_gets_what_it_asks_for() {
    let mut script = Script::server_at(Stage::Establish);
    script.converge::<Lcp>(&[
        LcpOption::Mru(1400),
        LcpOption::Accm(0),
        LcpOption::MagicNumber(MAGIC),
        LcpOption::Pfc,
        LcpOption::Acfc,
    ]);
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

#[test]
fn the_compressors_of_pppd_are_rejected_and_encryption_stays() {
    let mut script = Script::server_at(Stage::Encryption);
    let compressors = vec![
        CcpOption::Other {
            kind: 26,
            data: vec![0x78, 0],
        },
        CcpOption::Other {
            kind: 21,
            data: vec![0x2f],
        },
    ];
    let request = [compressors.clone(), vec![STATELESS_128]].concat();
    assert_eq!(
        script.request::<Ccp>(&request),
        Body::ConfigureReject(compressors)
    );
    script.converge::<Ccp>(&[STATELESS_128]);
}

#[test]
fn header_compression_is_rejected_and_the_address_stays() {
    let mut script = Script::server_at(Stage::Network);
    script.accept::<Ipcp>();
    let vj = IpcpOption::Compression(vec![0x00, 0x2d, 0x0f, 0x01]);
    let old = IpcpOption::Addresses(vec![0; 8]);
    assert_eq!(
        script.request::<Ipcp>(&[vj.clone(), IpcpOption::Address(CLIENT), old.clone()]),
        Body::ConfigureReject(vec![vj, old])
    );
    script.agree::<Ipcp>(&[IpcpOption::Address(CLIENT)]);
    assert!(script.link.is_up(IpVersion::V4));
}

#[test]
fn a_tester_with_nothing_but_a_magic_number_and_pap_gets_an_address() {
    let mut script = Script::open(server(&[Method::Pap], off()));
    script.peer_opens_lcp();
    script.say_pap(4, pap_request(PASSWORD));
    script.grant();
    let answer = script.hear_pap();
    assert_eq!(answer.identifier, 4);
    assert!(matches!(answer.body, pap::Body::AuthenticateAck(_)));
    script.accept::<Ipcp>();
    assert_eq!(
        script.request::<Ipcp>(&[IpcpOption::Address(NONE)]),
        Body::ConfigureNak(vec![IpcpOption::Address(CLIENT)])
    );
    script.agree::<Ipcp>(&[IpcpOption::Address(CLIENT)]);
    script.ipv4();
}

fn pap_request(password: &str) -> pap::Body {
    pap::Body::AuthenticateRequest {
        peer_id: NAME.as_bytes().to_vec(),
        password: password.as_bytes().to_vec(),
        trailing: Vec::new(),
    }
}

#[test]
fn a_modem_without_a_magic_number_is_served() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let Body::ConfigureRequest(options) = request.body else {
        panic!("no request")
    };
    let magic: Vec<_> = options
        .into_iter()
        .filter(|option| matches!(option, LcpOption::MagicNumber(_)))
        .collect();
    script.say::<Lcp>(request.identifier, Body::ConfigureReject(magic));
    let next = script.converge::<Lcp>(&[]);
    assert!(
        !next
            .iter()
            .any(|option| matches!(option, LcpOption::MagicNumber(_)))
    );
    let zero = Magic {
        magic: 0,
        data: Vec::new(),
    };
    script.say::<Lcp>(8, Body::EchoRequest(zero.clone()));
    assert_eq!(script.hear::<Lcp>().body, Body::EchoReply(zero));
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

#[test]
fn windows_9x_that_swaps_modes_is_offered_stateless_first() {
    let mut script = Script::open(server(&[Method::MsChapV2], any_mode(&[Strength::Bits128])));
    script.lead_to(Stage::Encryption);
    assert_eq!(script.accept::<Ccp>(), [STATELESS_128]);
    assert_eq!(
        script.request::<Ccp>(&[]),
        Body::ConfigureNak(vec![STATELESS_128])
    );
}

/// Asks for a reset and returns whether an acknowledgment came; the next packet is fit for it.
fn asks_for_reset(script: &mut Script, identifier: u8) -> bool {
    script.frames.clear();
    script.say::<Ccp>(identifier, Body::ResetRequest(Vec::new()));
    let acknowledged = !script.frames.is_empty();
    if acknowledged {
        let answer = script.hear::<Ccp>();
        assert_eq!(answer.identifier, identifier);
        assert_eq!(answer.body, Body::ResetAck(Vec::new()));
    }
    let mut frame = Vec::new();
    let packet = [&[0x45, 0, 0, 20][..], &[0; 16]].concat();
    script
        .link
        .seal(IpVersion::V4, &packet, &mut frame)
        .unwrap();
    let compressed = frame.iter().position(|octet| *octet == 0xfd).unwrap();
    assert_ne!(frame[compressed + 1] & 0x80, 0, "the FLUSHED bit");
    acknowledged
}

fn up_with(mode: Mode, bits: u32) -> Script {
    let mut script = Script::open(server(&[Method::MsChapV2], mppe(Strength::Bits128, mode)));
    script.lead_to(Stage::Encryption);
    script.converge::<Ccp>(&[CcpOption::Mppe(MppeBits(bits))]);
    script.opens_ipcp(CLIENT);
    script
}

#[test]
fn a_reset_request_in_stateful_mode_is_acknowledged_which_linux_waits_for() {
    let mut script = up_with(Mode::Stateful, 0x40);
    assert!(asks_for_reset(&mut script, 7));
}

#[test]
fn reset_acks_end_when_windows_code_rejects_one() {
    let mut script = up_with(Mode::Stateful, 0x40);
    assert!(asks_for_reset(&mut script, 7));
    script.say::<Ccp>(1, Body::CodeReject(vec![15, 7, 0, 4]));
    script.wait(std::time::Duration::from_secs(1));
    assert!(!asks_for_reset(&mut script, 8));
    assert_eq!(script.closed(), None);
}

#[test]
fn a_reset_request_in_stateless_mode_needs_no_answer() {
    let mut script = up_with(Mode::Stateless, 0x0100_0040);
    assert!(!asks_for_reset(&mut script, 7));
}

#[test]
fn a_server_with_a_choice_of_key_lengths_asks_for_the_one_that_the_peer_names() {
    for (asked, expected) in [(0x0100_0020, 0x0100_0020), (0x0100_0040, 0x0100_0040)] {
        let choice = any_mode(&[Strength::Bits128, Strength::Bits40]);
        let mut script = Script::open(server(&[Method::MsChapV2], choice));
        script.lead_to(Stage::Encryption);
        script.assert_silent();
        let wish = [CcpOption::Mppe(MppeBits(asked))];
        script.say::<Ccp>(1, Body::ConfigureRequest(wish.to_vec()));
        let request = script.hear::<Ccp>();
        let expected = vec![CcpOption::Mppe(MppeBits(expected))];
        assert_eq!(request.body, Body::ConfigureRequest(expected));
        assert_eq!(script.hear::<Ccp>().body, Body::ConfigureAck(wish.to_vec()));
    }
}

#[test]
fn a_server_with_a_choice_of_key_lengths_asks_first_where_the_peer_does_not() {
    let choice = any_mode(&[Strength::Bits128, Strength::Bits40]);
    let mut script = Script::open(server(&[Method::MsChapV2], choice));
    script.lead_to(Stage::Encryption);
    script.assert_silent();
    script.wait(std::time::Duration::from_millis(400));
    assert_eq!(
        script.hear::<Ccp>().body,
        Body::ConfigureRequest(vec![STATELESS_128])
    );
}

#[test]
fn a_reset_ack_is_passed_over() {
    let mut script = Script::server_at(Stage::Up);
    script.say::<Ccp>(1, Body::ResetAck(Vec::new()));
    script.assert_silent();
    assert_eq!(script.closed(), None);
}

#[test]
fn a_peer_that_insists_on_its_own_address_is_told_the_assigned_one_and_then_rejected() {
    let mut script = Script::server_at(Stage::Network);
    script.accept::<Ipcp>();
    let own = [IpcpOption::Address(Ipv4Addr::new(192, 168, 1, 1))];
    let assigned = vec![IpcpOption::Address(CLIENT)];
    for _ in 0..5 {
        assert_eq!(
            script.request::<Ipcp>(&own),
            Body::ConfigureNak(assigned.clone())
        );
    }
    assert_eq!(
        script.request::<Ipcp>(&own),
        Body::ConfigureReject(own.to_vec())
    );
    script.agree::<Ipcp>(&assigned);
}

#[test]
fn a_server_that_names_no_address_of_its_own_is_lived_with() {
    let mut script = Script::client_at(Stage::Network);
    let request = script.hear::<Ipcp>();
    let given = vec![IpcpOption::Address(CLIENT)];
    script.say::<Ipcp>(request.identifier, Body::ConfigureNak(given));
    script.converge::<Ipcp>(&[]);
    let network = script.ipv4();
    assert_eq!((network.local, network.peer), (CLIENT, None));
}

#[test]
fn a_server_that_takes_only_pap_is_refused_unless_pap_is_allowed() {
    let pap = LcpOption::Authentication(Authentication::Pap);
    let mut script = Script::open(client(&[Method::MsChapV2], off()));
    let wanted = vec![LcpOption::Authentication(Authentication::MsChapV2)];
    assert_eq!(
        script.request::<Lcp>(std::slice::from_ref(&pap)),
        Body::ConfigureNak(wanted)
    );
    let mut script = Script::open(client(&[Method::MsChapV2, Method::Pap], off()));
    script.converge::<Lcp>(&[pap]);
    let request = script.hear_pap();
    assert_eq!(request.body, pap_request(PASSWORD));
    script.wait(Duration::from_secs(3));
    assert_eq!(script.hear_pap(), request);
    script.say_pap(
        request.identifier,
        pap::Body::AuthenticateAck(pap::Message::Malformed(Vec::new())),
    );
    script.opens_ipcp(SERVER);
    script.ipv4();
}
