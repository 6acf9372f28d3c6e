//! Why a session ended or does not work, in one sentence, and what to do, in another.

mod live;
mod login;
#[cfg(test)]
mod tests;

use adit_engine::{CallEnd, CallReport};
use adit_ppp::link::{CloseReason, Farewell, NoEncryption};
use adit_pptp::CallDownReason;
use adit_pptp::control_connection::CloseReason as Closed;

pub(crate) use live::examine;
pub(crate) use login::{Obstacle, Trouble};

use crate::aaa::facts::Cause;
use crate::control_socket::Diagnosis;

/// All that was seen of a session that is over.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) why: &'a CallEnd,
    pub(crate) report: &'a CallReport,
    /// Whether packets passed at any time.
    pub(crate) was_up: bool,
    /// Whether a user had logged in.
    pub(crate) logged_in: bool,
    /// What kept the last login from being accepted.
    pub(crate) trouble: Option<&'a Trouble>,
    /// What the network said of GRE packets to the client.
    pub(crate) path_error: Option<&'a str>,
    /// Why the server wanted the end, where it did.
    pub(crate) ordered: Option<Cause>,
    /// What an operator who wanted it gave as the reason.
    pub(crate) reason: Option<&'a str>,
}

/// What is to be told of the end of a session.
pub(crate) fn diagnose(evidence: &Evidence<'_>) -> Diagnosis {
    if let Some(cause) = evidence.ordered {
        return by_server(cause, evidence.reason);
    }
    if !evidence.was_up
        && evidence.report.session.received_packets == 0
        && could_be_silence(evidence)
    {
        return gre_filtered(evidence.path_error);
    }
    match evidence.why {
        CallEnd::Link(reason) => of_link(evidence, reason),
        CallEnd::Control(reason) => of_control(evidence, reason),
    }
}

impl Diagnosis {
    /// Both sentences on one line.
    pub(crate) fn line(&self) -> String {
        match &self.advice {
            Some(advice) => format!("{}; {advice}", self.cause),
            None => self.cause.clone(),
        }
    }
}

fn told(code: &str, cause: impl Into<String>, advice: Option<&str>) -> Diagnosis {
    Diagnosis {
        code: code.to_owned(),
        cause: cause.into(),
        advice: advice.map(str::to_owned),
    }
}

/// What the server has brought about itself.
fn by_server(cause: Cause, reason: Option<&str>) -> Diagnosis {
    let (code, advice) = match cause {
        Cause::IdleTimeout => ("idle-timeout", Some("see the user's idle limit")),
        Cause::SessionTimeout => ("session-timeout", Some("see the user's session limit")),
        Cause::Expired => ("account-expired", Some("see the expiry of the account")),
        Cause::Volume => ("volume-used-up", Some("see the user's data volume")),
        Cause::AdminReset => ("ended-by-operator", None),
        Cause::Replaced => ("replaced", None),
        Cause::NasReboot => ("server-ended", None),
        _ => ("ended-by-server", None),
    };
    match reason {
        Some(reason) => told(code, format!("{cause}: {}", reason.escape_debug()), advice),
        None => told(code, cause.to_string(), advice),
    }
}

/// Whether a call without any GRE packet from the client may have ended because of that: nearly always.
/// Not so where we ended it for another reason, or the client before it can have sent any.
fn could_be_silence(evidence: &Evidence<'_>) -> bool {
    match evidence.why {
        CallEnd::Link(reason) => matches!(
            reason,
            CloseReason::NoAnswer | CloseReason::SetupTimeout | CloseReason::PeerSilent
        ),
        CallEnd::Control(reason) => matches!(
            reason,
            CallDownReason::PeerCleared
                | CallDownReason::PeerDisconnected { .. }
                | CallDownReason::ConnectionClosed { .. }
        ),
    }
}

fn gre_filtered(path_error: Option<&str>) -> Diagnosis {
    let mut cause =
        "the call was set up, but no GRE packet (IP protocol 47) came from the client: a firewall \
                     or NAT on the way drops it"
            .to_owned();
    if let Some(error) = path_error {
        cause.push_str(&format!(" ({error})"));
    }
    let advice = "let IP protocol 47 pass in both directions here and on the client's side, where a NAT needs \
                  its PPTP pass-through; `tcpdump -n proto 47` on this host shows what comes";
    told("gre-filtered", cause, Some(advice))
}

fn of_link(evidence: &Evidence<'_>, reason: &CloseReason) -> Diagnosis {
    match reason {
        CloseReason::Requested => told("ended-by-server", "the server ended the session", None),
        CloseReason::PeerTerminated(farewell) => of_farewell(evidence, farewell),
        CloseReason::PeerSilent => lost("the client no longer answers"),
        CloseReason::NoAnswer => gre_one_way(evidence.path_error),
        CloseReason::NoAgreement => told(
            "no-agreement",
            "the client does not agree to the options of the link",
            Some("trace it with `adit trace --peer` to see what it asks for"),
        ),
        CloseReason::Loop => told(
            "looped-back",
            "the server's own packets came back: something on the way returns them",
            Some("look for a device between here and the client that mirrors GRE packets"),
        ),
        CloseReason::AuthenticationProtocol => told(
            "no-common-authentication",
            "the client takes none of the authentication protocols that are allowed here",
            Some(
                "allow MS-CHAPv2 on the client, or add what it can do to `methods` in the section \
                 [authentication]",
            ),
        ),
        CloseReason::PeerRefused(refusal) => login::refused(*refusal, evidence.trouble),
        CloseReason::AuthenticationTimeout => told(
            "authentication-timeout",
            "the client did not answer in the authentication",
            Some(
                "look for a client that waits for its user to type a password, or raise \
                 `timeout_seconds` in the section [authentication]",
            ),
        ),
        CloseReason::AuthenticationRefused(_) | CloseReason::ServerNotProven => {
            told("authentication-refused", reason.to_string(), None)
        }
        CloseReason::NoEncryption(why) => no_encryption(evidence, *why),
        CloseReason::NoNetwork => told(
            "no-address-agreed",
            "the client did not take the address that it was given",
            Some("have the client ask for an address from the server, not for one of its own"),
        ),
        CloseReason::SetupTimeout => told(
            "setup-timeout",
            "the link was not set up in time: packets of one side or the other are lost",
            Some("trace it with `adit trace --peer` to see which questions stay unanswered"),
        ),
    }
}

fn gre_one_way(path_error: Option<&str>) -> Diagnosis {
    let mut cause = "the client's GRE packets arrive, but it answers none of ours: a firewall or NAT on the way \
                     to it drops them"
        .to_owned();
    if let Some(error) = path_error {
        cause.push_str(&format!(" ({error})"));
    }
    let advice = "let IP protocol 47 pass out of this host and in at the client; behind one NAT often only one \
                  client at a time works";
    told("gre-one-way", cause, Some(advice))
}

fn no_encryption(evidence: &Evidence<'_>, why: NoEncryption) -> Diagnosis {
    match why {
        NoEncryption::NoKeys => {
            let method = evidence.report.link.peer_authentication;
            let method = method.map_or_else(|| "the login".to_owned(), |method| method.to_string());
            told(
                "encryption-no-keys",
                format!("encryption is required, but {method} gives no keys for it"),
                Some(
                    "have the client log in with MS-CHAPv2; only MS-CHAP gives keys, or a RADIUS server that \
                     sends them",
                ),
            )
        }
        NoEncryption::TurnedOff => told(
            "encryption-off",
            "the user's login requires encryption, which is turned off here",
            Some(
                "set `policy` in the section [encryption], or change what the RADIUS server demands",
            ),
        ),
        NoEncryption::PeerRefuses => told(
            "encryption-refused",
            "encryption is required, but the client does not offer what is allowed here",
            Some(
                "turn encryption on at the client (MPPE, 128 bits, stateless), or change `policy`, \
                 `strengths` or `modes` in the section [encryption]",
            ),
        ),
    }
}

/// The client's Terminate-Request: Windows says its reason as a number, others in words.
fn of_farewell(evidence: &Evidence<'_>, farewell: &Farewell) -> Diagnosis {
    let number = farewell.ras_error().map(|error| error.code);
    let words = farewell.to_string();
    if let (Some(trouble), false) = (evidence.trouble, evidence.logged_in) {
        return login::gave_up(trouble);
    }
    match number {
        Some(741 | 742) => told(
            "encryption-refused",
            format!("the client ended the link{words}"),
            Some("let both sides use the same encryption: see the section [encryption]"),
        ),
        Some(_) if !evidence.was_up => told(
            "client-gave-up",
            format!("the client ended the link while it was set up{words}"),
            Some("look at the client's settings for what it names"),
        ),
        _ if evidence.was_up => told("client-hung-up", format!("the client hung up{words}"), None),
        _ if evidence.logged_in => after_login(format!("the client ended the link{words}")),
        _ => told(
            "client-gave-up",
            format!("the client ended the link before it logged in{words}"),
            Some("trace it with `adit trace --peer` to see what it does not agree to"),
        ),
    }
}

/// The client goes between its login and the first packet: it did not get what it wants.
fn after_login(cause: String) -> Diagnosis {
    told(
        "client-gave-up",
        format!("{cause} after its login, before any packet passed"),
        Some(
            "see whether it requires another encryption than the section [encryption] allows, or an address \
             of its own; `adit trace --peer` shows what it asks for",
        ),
    )
}

fn lost(cause: impl Into<String>) -> Diagnosis {
    told(
        "client-lost",
        cause,
        Some(
            "look for a client that was switched off or changed its network, or a NAT that forgot the \
             connection",
        ),
    )
}

fn of_control(evidence: &Evidence<'_>, reason: &CallDownReason) -> Diagnosis {
    match reason {
        CallDownReason::PeerDisconnected { .. } | CallDownReason::PeerCleared => {
            if evidence.was_up {
                told("client-hung-up", "the client hung up", None)
            } else if evidence.logged_in {
                after_login("the client ended the call".to_owned())
            } else if let Some(trouble) = evidence.trouble {
                login::gave_up(trouble)
            } else {
                told(
                    "client-gave-up",
                    "the client ended the call before it logged in",
                    Some("trace it with `adit trace --peer` to see how far it came"),
                )
            }
        }
        CallDownReason::LocalRequest => {
            told("ended-by-server", "the server ended the session", None)
        }
        CallDownReason::ConnectionClosed(closed) => match (evidence.trouble, closed) {
            (Some(trouble), _) if !evidence.logged_in => login::gave_up(trouble),
            (_, Closed::Peer(_)) if evidence.was_up => {
                told("client-hung-up", "the client hung up", None)
            }
            (_, Closed::Local(_)) => told("ended-by-server", "the server ended the session", None),
            _ => lost(reason.to_string()),
        },
        CallDownReason::OutgoingRefused { .. }
        | CallDownReason::IncomingRefused { .. }
        | CallDownReason::NotAnswered => told("call-refused", reason.to_string(), None),
    }
}
