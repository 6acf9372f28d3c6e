//! Windows as a server (RRAS, NT 4.0 to Server 2025) and what is peculiar to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, NoEncryption, Output};
use adit_wire::ccp::{Ccp, CcpOption, MppeBits};
use adit_wire::chap::{Body as ChapBody, Value};
use adit_wire::cp::Body;
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::lcp::{Authentication, Lcp, LcpOption};
use adit_wire::mschap::ResponseV2;

use crate::common::{
    CIPHER, CLIENT, MAGIC, NAME, PASSWORD, SERVER, STATELESS_128, Script, Stage, client, encrypt,
    mppe, off, success_message,
};

const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn opened() -> Script {
    Script::open(client(&[Method::MsChapV2], MppeConfig::default()))
}

#[test]
fn a_session_with_rras_from_lcp_to_the_first_packet() {
    let mut script = opened();
    let eap = LcpOption::Authentication(Authentication::Eap);
    let magic = LcpOption::MagicNumber(MAGIC);
    let refused = vec![
        LcpOption::Callback(vec![6]),
        LcpOption::Mrru(1614),
        LcpOption::EndpointDiscriminator(vec![1, 0x42, 0x43]),
        LcpOption::LinkDiscriminator(7),
    ];
    let mut request = vec![eap.clone(), magic.clone(), LcpOption::Pfc, LcpOption::Acfc];
    request.extend(refused.clone());
    assert_eq!(
        script.request::<Lcp>(&request),
        Body::ConfigureReject(refused)
    );
    let v2 = LcpOption::Authentication(Authentication::MsChapV2);
    assert_eq!(
        script.request::<Lcp>(&[eap, magic.clone()]),
        Body::ConfigureNak(vec![v2.clone()])
    );
    script.converge::<Lcp>(&[v2, magic]);
    let keys = script.server_authenticates();

    // RRAS asks for addresses at once and for compression beside encryption.
    let identifier = script.identifier();
    let address = vec![IpcpOption::Address(SERVER)];
    script.say::<Ipcp>(identifier, Body::ConfigureRequest(address.clone()));
    let with_compression = [CcpOption::Mppe(MppeBits(0x0100_0001))];
    assert_eq!(
        script.request::<Ccp>(&with_compression),
        Body::ConfigureNak(vec![STATELESS_128])
    );
    assert_eq!(script.converge::<Ccp>(&[STATELESS_128]), [STATELESS_128]);

    let asked = script.hear::<Ipcp>();
    let all = vec![
        IpcpOption::Address(NONE),
        IpcpOption::PrimaryDns(NONE),
        IpcpOption::SecondaryDns(NONE),
    ];
    assert_eq!(asked.body, Body::ConfigureRequest(all.clone()));
    assert_eq!(script.hear::<Ipcp>().body, Body::ConfigureAck(address));
    script.say::<Ipcp>(
        asked.identifier,
        Body::ConfigureReject(vec![all[2].clone()]),
    );
    let asked = script.hear::<Ipcp>();
    assert_eq!(asked.body, Body::ConfigureRequest(all[..2].to_vec()));
    let given = vec![IpcpOption::Address(CLIENT), IpcpOption::PrimaryDns(SERVER)];
    script.say::<Ipcp>(asked.identifier, Body::ConfigureNak(given.clone()));
    assert_eq!(script.accept::<Ipcp>(), given);

    let network = script.ipv4();
    assert_eq!((network.local, network.peer), (CLIENT, Some(SERVER)));
    assert_eq!(network.dns.primary, Some(SERVER));
    assert_eq!(script.link.summary().encryption, Some((CIPHER, CIPHER)));
    let packet = [&[0x45, 0, 0, 40][..], &[0; 36]].concat();
    let received = script.frame(encrypt(&keys, &packet)).unwrap();
    assert_eq!(received, Some(packet));
}

#[test]
fn a_success_of_server_2019_without_a_blank_proves_the_server() {
    for text in [&b"M=Welcome"[..], b" M=Welcome", b"", b" "] {
        let mut script = Script::client_at(Stage::Authenticate);
        let challenge = [0x31; 16];
        let response = script.challenges(1, &challenge);
        let (mut message, _) = success_message(&challenge, &response, PASSWORD);
        message.truncate(42);
        message.extend_from_slice(text);
        script.say_chap(1, ChapBody::Success(message));
        assert_eq!(script.accept::<Ccp>(), [STATELESS_128]);
    }
}

#[test]
fn a_success_that_proves_nothing_ends_the_link() {
    let challenge = [0x31; 16];
    let mut others = Script::client_at(Stage::Authenticate);
    let response = others.challenges(1, &challenge);
    let (right, _) = success_message(&challenge, &response, PASSWORD);
    let mut wrong = right.clone();
    wrong[41] = if wrong[41] == b'0' { b'1' } else { b'0' };
    for message in [&wrong, &right[..41], b"", b"M=Welcome", &right[1..]] {
        let mut script = Script::client_at(Stage::Authenticate);
        script.challenges(1, &challenge);
        script.say_chap(1, ChapBody::Success(message.to_vec()));
        assert_eq!(script.hang_up(), CloseReason::ServerNotProven);
    }
}

#[test]
fn a_challenge_without_a_name_is_answered() {
    let mut script = Script::client_at(Stage::Authenticate);
    let response = script.challenges(200, &[0x31; 16]);
    assert_eq!(response.name, NAME.as_bytes());
}

#[test]
fn a_repeated_challenge_gets_the_identical_response() {
    let mut script = Script::client_at(Stage::Authenticate);
    let first = script.challenges(1, &[0x31; 16]);
    assert_eq!(script.challenges(1, &[0x31; 16]), first);
    let other = script.challenges(2, &[0x31; 16]);
    let peer_challenge = |value: &Value| ResponseV2::decode(&value.value).unwrap().peer_challenge;
    assert_ne!(peer_challenge(&other), peer_challenge(&first));
}

#[test]
fn a_repeated_challenge_after_the_success_gets_the_identical_response_and_changes_nothing() {
    let mut script = Script::client_at(Stage::Authenticate);
    let challenge = [0x31; 16];
    let first = script.challenges(1, &challenge);
    let (message, _) = success_message(&challenge, &first, PASSWORD);
    script.say_chap(1, ChapBody::Success(message.clone()));
    script.converge::<Ccp>(&[STATELESS_128]);
    assert_eq!(script.challenges(1, &challenge), first);
    script.say_chap(1, ChapBody::Success(message));
    script.opens_ipcp(SERVER);
    script.ipv4();
}

#[test]
fn a_failure_in_version_3_without_a_text_lets_another_password_be_tried() {
    let mut script = Script::client_at(Stage::Authenticate);
    script.challenges(1, &[0x31; 16]);
    script.say_chap(
        1,
        ChapBody::Failure(b"E=691 R=1 C=000102030405060708090A0B0C0D0E0F V=3".to_vec()),
    );
    assert!(script.has(|event| matches!(event, Output::AskPassword)));
    script.supply_password(Some("another"));
    let packet = script.hear_chap();
    assert_eq!(packet.identifier, 2);
    let ChapBody::Response(response) = packet.body else {
        panic!("no response")
    };
    let retry: Vec<u8> = (0..16).collect();
    let (message, _) = success_message(&retry.try_into().unwrap(), &response, "another");
    script.say_chap(2, ChapBody::Success(message));
    assert_eq!(script.accept::<Ccp>(), [STATELESS_128]);
}

#[test]
fn a_failure_without_a_retry_ends_the_link_with_its_reason() {
    for (message, meaning) in [
        (
            &b"E=691 R=0 V=3"[..],
            "the user name or the password is wrong",
        ),
        (b"E=649 R=0 C=00 V=3", "the account may not dial in"),
        (b"E=647 R=0", "the account is disabled"),
        (
            b"E=646 R=0 V=3 M=Not now",
            "logon is not permitted at this time of day",
        ),
        (b"no such thing", "authentication failed"),
        (b"", "authentication failed"),
    ] {
        let mut script = Script::client_at(Stage::Authenticate);
        script.challenges(1, &[0x31; 16]);
        script.say_chap(1, ChapBody::Failure(message.to_vec()));
        let said = script.hang_up().to_string();
        assert_eq!(said, format!("authentication refused: {meaning}"));
    }
}

#[test]
fn exactly_one_key_length_is_asked_for_so_that_the_option_is_not_rejected_whole() {
    let mut all = mppe(CIPHER.strength, CIPHER.mode);
    all.strengths = vec![
        adit_crypto::mppe_keys::Strength::Bits40,
        adit_crypto::mppe_keys::Strength::Bits128,
    ];
    let mut script = Script::open(client(&[Method::MsChapV2], all));
    script.lead_client_to(Stage::Encryption);
    assert_eq!(script.accept::<Ccp>(), [STATELESS_128]);
    let mixture = [CcpOption::Mppe(MppeBits(0x0100_0060))];
    assert_eq!(
        script.request::<Ccp>(&mixture),
        Body::ConfigureNak(vec![STATELESS_128])
    );
}

#[test]
fn a_server_that_rejects_encryption_is_left_with_a_reason() {
    let mut script = Script::client_at(Stage::Encryption);
    let request = script.hear::<Ccp>();
    script.say::<Ccp>(
        request.identifier,
        Body::ConfigureReject(vec![STATELESS_128]),
    );
    let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
    assert_eq!(script.hang_up(), reason);
}

#[test]
fn a_server_that_asks_for_no_authentication_gets_no_packet_where_encryption_is_required() {
    let mut script = opened();
    script.converge::<Lcp>(&[LcpOption::MagicNumber(MAGIC)]);
    let reason = CloseReason::NoEncryption(NoEncryption::NoKeys);
    assert_eq!(script.hang_up(), reason);
}

#[test]
fn an_address_of_zeroes_is_not_taken_for_one() {
    let mut script = Script::client_at(Stage::Network);
    assert!(script.accept::<Ipcp>().contains(&IpcpOption::Address(NONE)));
    script.say::<Ipcp>(9, Body::ConfigureRequest(vec![IpcpOption::Address(SERVER)]));
    assert!(!script.has(|event| matches!(event, Output::Ipv4Up(_))));
    assert_eq!(script.hang_up(), CloseReason::NoNetwork);
}

#[test]
fn addresses_that_no_host_can_have_are_not_taken() {
    for address in [
        Ipv4Addr::BROADCAST,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 5),
    ] {
        let mut script = Script::client_at(Stage::Network);
        let request = script.hear::<Ipcp>();
        script.say::<Ipcp>(
            request.identifier,
            Body::ConfigureNak(vec![IpcpOption::Address(address)]),
        );
        assert_eq!(script.hang_up(), CloseReason::NoNetwork);
    }
}

#[test]
fn a_rejected_address_ends_the_link() {
    let mut script = Script::client_at(Stage::Network);
    let request = script.hear::<Ipcp>();
    script.say::<Ipcp>(
        request.identifier,
        Body::ConfigureReject(vec![IpcpOption::Address(NONE)]),
    );
    assert_eq!(script.hang_up(), CloseReason::NoNetwork);
}

#[test]
fn a_server_that_goes_silent_while_it_checks_the_password_is_given_up_in_time() {
    let mut script = Script::client_at(Stage::Authenticate);
    script.challenges(1, &[0x31; 16]);
    script.wait(Duration::from_secs(120));
    assert_eq!(script.closed(), Some(CloseReason::SetupTimeout));
}

#[test]
fn a_server_that_drops_its_demand_rather_than_take_our_method_is_left() {
    let mut script = Script::open(client(&[Method::MsChapV2], off()));
    script.accept::<Lcp>();
    let pap = [LcpOption::Authentication(Authentication::Pap)];
    let ours = vec![LcpOption::Authentication(Authentication::MsChapV2)];
    assert_eq!(script.request::<Lcp>(&pap), Body::ConfigureNak(ours));
    script.agree::<Lcp>(&[]);
    let farewell = script.hear::<Lcp>();
    assert!(matches!(farewell.body, Body::TerminateRequest(_)));
    script.say::<Lcp>(farewell.identifier, Body::TerminateAck(Vec::new()));
    assert_eq!(script.closed(), Some(CloseReason::AuthenticationProtocol));
}
