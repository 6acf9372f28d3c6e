use adit_crypto::mppe_keys::{SessionStartKeys, Side, Strength};
use adit_crypto::mschap_v1;
use adit_crypto::mschap_v2::Exchange;
use adit_crypto::nt::{LmHash, NtHash, strip_domain_octets};
use adit_ppp::Cipher;
use adit_ppp::auth::Method;
use adit_ppp::mppe::{Mode, Sender};
use adit_wire::ccp::{Ccp, CcpOption, MppeBits};
use adit_wire::chap::{self, Value};
use adit_wire::cp::{Body, RasError};
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};
use adit_wire::lcp::{Authentication, Lcp, LcpOption};
use adit_wire::mschap::{ResponseV1, ResponseV2};

use super::config::{CLIENT, NAME, PASSWORD, SERVER, client, server};
use super::script::Script;

/// The scripted peer's magic number.
pub(crate) const MAGIC: u32 = 0x5eed_0001;
pub(crate) const STATELESS_128: CcpOption = CcpOption::Mppe(MppeBits(0x0100_0040));
pub(crate) const CIPHER: Cipher = Cipher {
    strength: Strength::Bits128,
    mode: Mode::Stateless,
};

const PEER_CHALLENGE: [u8; 16] = [0x21; 16];
const AUTHENTICATOR_CHALLENGE: [u8; 16] = [0x5b; 16];

/// A Challenge that was heard.
#[derive(Clone)]
pub(crate) struct Challenged {
    pub(crate) identifier: u8,
    pub(crate) value: Vec<u8>,
}

/// How far a link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// LCP negotiates.
    Establish,
    /// LCP is up, nothing else was said.
    Authenticate,
    /// CCP negotiates.
    Encryption,
    /// CCP is up, IPCP and IPV6CP negotiate.
    Network,
    /// All is up.
    Up,
}

impl Stage {
    pub(crate) const ALL: [Self; 5] = [
        Self::Establish,
        Self::Authenticate,
        Self::Encryption,
        Self::Network,
        Self::Up,
    ];

    fn reaches(self, other: Self) -> bool {
        self as u8 >= other as u8
    }
}

impl Script {
    /// A server's link with default policies, and a well-behaved client that has come so far.
    pub(crate) fn server_at(stage: Stage) -> Self {
        let mut script = Self::open(server(&[Method::MsChapV2], adit_ppp::MppeConfig::default()));
        script.lead_to(stage);
        script
    }

    /// A client's link with default policies, and a well-behaved server that has come so far.
    pub(crate) fn client_at(stage: Stage) -> Self {
        let mut script = Self::open(client(&[Method::MsChapV2], adit_ppp::MppeConfig::default()));
        script.lead_client_to(stage);
        script
    }

    /// Plays the client to a server's link that was just opened.
    pub(crate) fn lead_to(&mut self, stage: Stage) {
        if stage.reaches(Stage::Authenticate) {
            self.peer_opens_lcp();
        }
        if stage.reaches(Stage::Encryption) {
            self.peer_authenticates();
        }
        self.lead_on(stage, CLIENT);
    }

    /// Plays the server to a client's link that was just opened.
    pub(crate) fn lead_client_to(&mut self, stage: Stage) {
        if stage.reaches(Stage::Authenticate) {
            self.server_opens_lcp(Authentication::MsChapV2);
        }
        if stage.reaches(Stage::Encryption) {
            self.server_authenticates();
        }
        self.lead_on(stage, SERVER);
    }

    fn lead_on(&mut self, stage: Stage, address: std::net::Ipv4Addr) {
        if stage.reaches(Stage::Network) {
            self.converge::<Ccp>(&[STATELESS_128]);
        }
        if stage.reaches(Stage::Up) {
            self.opens_ipcp(address);
            self.converge::<Ipv6cp>(&[Ipv6cpOption::InterfaceId(InterfaceId([9; 8]))]);
            self.assert_silent();
            self.events.clear();
        }
    }

    /// Both Configure-Requests of a protocol are acknowledged; gives the link's options.
    pub(crate) fn converge<P: adit_wire::cp::ControlProtocol>(
        &mut self,
        options: &[P::Option],
    ) -> Vec<P::Option> {
        let theirs = self.accept::<P>();
        self.agree::<P>(options);
        theirs
    }

    pub(crate) fn peer_opens_lcp(&mut self) -> Vec<LcpOption> {
        self.converge::<Lcp>(&[LcpOption::MagicNumber(MAGIC)])
    }

    pub(crate) fn server_opens_lcp(&mut self, method: Authentication) -> Vec<LcpOption> {
        self.converge::<Lcp>(&[
            LcpOption::Authentication(method),
            LcpOption::MagicNumber(MAGIC),
        ])
    }

    pub(crate) fn opens_ipcp(&mut self, address: std::net::Ipv4Addr) {
        if address == SERVER {
            let request = self.hear::<Ipcp>();
            let options = vec![IpcpOption::Address(CLIENT)];
            self.say::<Ipcp>(request.identifier, Body::ConfigureNak(options));
        }
        self.converge::<Ipcp>(&[IpcpOption::Address(address)]);
    }

    /// Hears a Challenge.
    pub(crate) fn challenge(&mut self) -> Challenged {
        let packet = self.hear_chap();
        let chap::Body::Challenge(value) = packet.body else {
            panic!("{packet}")
        };
        Challenged {
            identifier: packet.identifier,
            value: value.value,
        }
    }

    /// A client that knows the password, up to the Success; gives its keys.
    pub(crate) fn peer_authenticates(&mut self) -> SessionStartKeys {
        let challenged = self.challenge();
        let keys = self.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
        self.grant();
        let packet = self.hear_chap();
        assert!(matches!(packet.body, chap::Body::Success(_)), "{packet}");
        keys
    }

    /// A client's MS-CHAPv2 Response; gives the keys that it makes.
    pub(crate) fn responds_v2(
        &mut self,
        challenged: &Challenged,
        name: &[u8],
        password: &str,
    ) -> SessionStartKeys {
        let (response, keys) = response_v2(challenged, name, password);
        self.responds(challenged.identifier, response.encode(), name);
        keys
    }

    /// A client's MS-CHAPv1 Response; gives the keys that it makes.
    pub(crate) fn responds_v1(
        &mut self,
        challenged: &Challenged,
        name: &[u8],
        password: &str,
    ) -> SessionStartKeys {
        let challenge: [u8; 8] = challenged.value.as_slice().try_into().unwrap();
        let hash = NtHash::of_password(password);
        let response = ResponseV1 {
            lm_response: [0; 24],
            nt_response: mschap_v1::nt_response(&hash, &challenge),
            flags: 1,
        };
        self.responds(challenged.identifier, response.encode(), name);
        let lm_hash = LmHash::of_password(password);
        SessionStartKeys::from_mschap_v1(&hash, lm_hash.as_ref(), &challenge)
    }

    pub(crate) fn responds(&mut self, identifier: u8, value: Vec<u8>, name: &[u8]) {
        let name = name.to_vec();
        self.say_chap(identifier, chap::Body::Response(Value { value, name }));
    }

    /// A server's Challenge and the link's Response to it.
    pub(crate) fn challenges(&mut self, identifier: u8, challenge: &[u8]) -> Value {
        let value = Value {
            value: challenge.to_vec(),
            name: Vec::new(),
        };
        self.say_chap(identifier, chap::Body::Challenge(value));
        let packet = self.hear_chap();
        assert_eq!(packet.identifier, identifier);
        match packet.body {
            chap::Body::Response(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// A server that knows the password; gives its keys.
    pub(crate) fn server_authenticates(&mut self) -> SessionStartKeys {
        let response = self.challenges(1, &AUTHENTICATOR_CHALLENGE);
        let (message, keys) = success_message(&AUTHENTICATOR_CHALLENGE, &response, PASSWORD);
        self.say_chap(1, chap::Body::Success(message));
        keys
    }
}

/// What a client answers.
pub(crate) fn response_v2(
    challenged: &Challenged,
    name: &[u8],
    password: &str,
) -> (ResponseV2, SessionStartKeys) {
    let challenge: [u8; 16] = challenged.value.as_slice().try_into().unwrap();
    let hash = NtHash::of_password(password);
    let nt_response = Exchange {
        authenticator_challenge: &challenge,
        peer_challenge: &PEER_CHALLENGE,
        user_name: strip_domain_octets(name),
    }
    .nt_response(&hash);
    let response = ResponseV2 {
        peer_challenge: PEER_CHALLENGE,
        reserved: [0; 8],
        nt_response,
        flags: 0,
    };
    let keys = SessionStartKeys::from_mschap_v2(Side::Client, &hash, &nt_response);
    (response, keys)
}

/// The authenticator response to `response`, with a text behind it, and the server's keys.
pub(crate) fn success_message(
    challenge: &[u8; 16],
    response: &Value,
    password: &str,
) -> (Vec<u8>, SessionStartKeys) {
    let hash = NtHash::of_password(password);
    let sent = ResponseV2::decode(&response.value).unwrap();
    let exchange = Exchange {
        authenticator_challenge: challenge,
        peer_challenge: &sent.peer_challenge,
        user_name: strip_domain_octets(&response.name),
    };
    assert!(exchange.verify_nt_response(&hash, &sent.nt_response));
    let mut message = exchange
        .authenticator_response(&hash, &sent.nt_response)
        .encode()
        .to_vec();
    message.extend_from_slice(b" M=Welcome");
    let keys = SessionStartKeys::from_mschap_v2(Side::Server, &hash, &sent.nt_response);
    (message, keys)
}

/// A frame with an IPv4 packet, encrypted as the first of its direction.
pub(crate) fn encrypt(keys: &SessionStartKeys, packet: &[u8]) -> Vec<u8> {
    let session = keys.send.for_strength(CIPHER.strength).unwrap();
    let mut plain = vec![0x00, 0x21];
    plain.extend_from_slice(packet);
    let header = Sender::new(session, CIPHER.mode).encrypt(&mut plain);
    let mut frame = vec![0xff, 0x03, 0x00, 0xfd];
    frame.extend_from_slice(&header.to_be_bytes());
    frame.extend_from_slice(&plain);
    frame
}

/// The data of a Terminate-Request that Windows sends for a Remote Access Service error.
pub(crate) fn windows_ends(error: u32) -> Vec<u8> {
    let data = [MAGIC, 0x003c_cd74, error].map(u32::to_be_bytes).concat();
    assert_eq!(RasError::decode(&data).map(|error| error.code), Some(error));
    data
}
