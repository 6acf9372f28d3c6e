//! What is told at the end of a capture.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::Serialize;

/// Faults that are told one by one; the others are only counted.
const MOST_FAULTS: usize = 100;

/// A packet that could not be read, or was not written again as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The frame.
    pub frame: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// All that a capture showed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Frames in the capture.
    pub frames: u64,
    /// Lines by kind of packet.
    pub packets: BTreeMap<&'static str, u64>,
    /// Frames without PPTP or PPP in them, by what they are.
    pub not_looked_at: BTreeMap<&'static str, u64>,
    /// Frames that were not captured whole.
    pub cut_short: u64,
    /// Fragments of IP packets that PPTP may be in; they are not put together.
    pub fragments: u64,
    /// TCP segments that came again.
    pub retransmissions: u64,
    /// GRE packets that came again.
    pub duplicates: u64,
    /// Holes in control connections.
    pub gaps: u64,
    /// Breaches of the rules of negotiation.
    pub negotiation_faults: Vec<Fault>,
    /// Packets that could not be decoded, or that are not the same when encoded again.
    pub undecodable: u64,
    /// The first of them.
    pub faults: Vec<Fault>,
    /// The PPP links.
    pub sessions: Vec<SessionSummary>,
}

/// A PPP link.
#[derive(Debug, Clone, Serialize)]
pub struct SessionSummary {
    /// The first frame that belongs to it.
    pub first_frame: u64,
    /// The last one.
    pub last_frame: u64,
    /// Its two ends.
    pub ends: [EndSummary; 2],
    /// Who authenticated whom.
    pub authentication: Vec<AuthenticationSummary>,
    /// What each end, in the order of `ends`, sent.
    pub directions: [DirectionSummary; 2],
    /// Why it ended.
    pub end_reason: Option<String>,
}

/// One end of a session, with what the other end agreed to.
#[derive(Debug, Clone, Serialize)]
pub struct EndSummary {
    /// Its address outside the tunnel.
    pub endpoint: String,
    /// The Call ID that it chose; the Session ID of PPPoE.
    pub call_id: Option<u16>,
    /// Its address in the tunnel.
    pub tunnel_address: Option<Ipv4Addr>,
    /// The options of its last LCP request that was acknowledged.
    pub lcp: Option<Vec<String>>,
    /// The same of CCP.
    pub ccp: Option<Vec<String>>,
    /// The same of IPCP.
    pub ipcp: Option<Vec<String>>,
    /// The same of IPV6CP.
    pub ipv6cp: Option<Vec<String>>,
}

/// How far an authentication came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// There was none.
    #[default]
    NotSeen,
    /// Nobody said yes or no.
    Unanswered,
    /// The authenticator said yes.
    Accepted,
    /// The authenticator said no.
    Refused,
}

/// What came of checking something with the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The password is not known, or there was nothing to check.
    #[default]
    NotDone,
    /// It was made with this password.
    Right,
    /// It was made with another one.
    Wrong,
}

impl Check {
    pub(crate) const fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

/// One end authenticating the other.
#[derive(Clone, Serialize)]
pub struct AuthenticationSummary {
    /// Who asked for it.
    pub authenticator: String,
    /// The name that the other end gave.
    pub user: String,
    /// The protocol, as LCP agreed it or as it looks.
    pub method: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether the response, or the password of PAP, is that of the known password.
    pub password: Check,
    /// Whether the authenticator proved that it knows the password too (RFC 2759 §5).
    pub authenticator_response: Check,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// The last challenge.
    #[serde(skip)]
    pub challenge: Vec<u8>,
    /// The value of the last response.
    #[serde(skip)]
    pub response: Vec<u8>,
    /// The message of the last Success, Failure, Ack or Nak.
    #[serde(skip)]
    pub message: Vec<u8>,
}

/// What one end sent through the tunnel.
#[derive(Debug, Clone, Serialize)]
pub struct DirectionSummary {
    /// Its address outside the tunnel.
    pub sender: String,
    /// The length of MPPE's key in bits, where encryption was agreed.
    pub mppe_bits: Option<u16>,
    /// Whether the key changes with every packet.
    pub mppe_stateless: Option<bool>,
    /// Encrypted packets.
    pub encrypted: u64,
    /// How many of them were decrypted.
    pub decrypted: u64,
    /// The others, by reason.
    pub not_decrypted: BTreeMap<String, u64>,
    /// IP packets, encrypted or not, that are whole and whose header is sound.
    pub valid_ip_packets: u64,
    /// The other IP packets.
    pub invalid_ip_packets: u64,
}

impl Summary {
    /// Whether every packet was decoded and encoded again to the same octets.
    pub const fn is_clean(&self) -> bool {
        self.undecodable == 0
    }

    pub(crate) fn fault(&mut self, frame: u64, reason: String) {
        self.undecodable += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { frame, reason });
        }
    }

    pub(crate) fn negotiation_fault(&mut self, frame: u64, reason: &str) {
        if self.negotiation_faults.len() < MOST_FAULTS {
            let reason = reason.to_owned();
            self.negotiation_faults.push(Fault { frame, reason });
        }
    }
}

impl fmt::Debug for AuthenticationSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} frames", self.frames)?;
        counts(f, "packets", &self.packets)?;
        counts(f, "not looked at", &self.not_looked_at)?;
        for (count, what) in [
            (self.cut_short, "frames not captured whole"),
            (self.fragments, "fragments, not put together"),
            (self.retransmissions, "TCP segments sent again"),
            (self.duplicates, "GRE packets that came again"),
            (self.gaps, "holes in control connections"),
        ] {
            if count > 0 {
                writeln!(f, "{count} {what}")?;
            }
        }
        for (number, session) in self.sessions.iter().enumerate() {
            write!(f, "session {}: {session}", number + 1)?;
        }
        for fault in &self.negotiation_faults {
            writeln!(f, "negotiation: frame {}: {}", fault.frame, fault.reason)?;
        }
        writeln!(f, "{} packets did not decode", self.undecodable)?;
        for fault in &self.faults {
            writeln!(f, "  frame {}: {}", fault.frame, fault.reason)?;
        }
        Ok(())
    }
}

fn counts<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<K, u64>,
) -> fmt::Result {
    let mut separator = ":";
    if counts.is_empty() {
        return Ok(());
    }
    f.write_str(title)?;
    for (name, count) in counts {
        write!(f, "{separator} {name} {count}")?;
        separator = ",";
    }
    writeln!(f)
}

impl fmt::Display for SessionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.ends;
        let (first, last) = (self.first_frame, self.last_frame);
        writeln!(f, "{one} - {other}, frames {first} to {last}")?;
        for authentication in &self.authentication {
            writeln!(f, "  {authentication}")?;
        }
        for end in &self.ends {
            for (protocol, agreed) in [
                ("LCP", &end.lcp),
                ("CCP", &end.ccp),
                ("IPCP", &end.ipcp),
                ("IPV6CP", &end.ipv6cp),
            ] {
                if let Some(options) = agreed {
                    let options = options.join(", ");
                    writeln!(f, "  agreed for {}: {protocol} {options}", end.endpoint)?;
                }
            }
        }
        for direction in &self.directions {
            direction.fmt(f)?;
        }
        match &self.end_reason {
            Some(reason) => writeln!(f, "  ended by {reason}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for EndSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint)?;
        match self.call_id {
            Some(call_id) => write!(f, " (call {call_id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for AuthenticationSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_deref().unwrap_or("unknown method");
        let verdict = match self.verdict {
            Verdict::NotSeen => "not seen",
            Verdict::Unanswered => "not answered",
            Verdict::Accepted => "accepted",
            Verdict::Refused => "refused",
        };
        write!(
            f,
            "{method} for {}: user \"{}\" {verdict}",
            self.authenticator, self.user
        )?;
        if let Some(refusal) = &self.refusal {
            write!(f, " ({refusal})")?;
        }
        match self.password {
            Check::NotDone => {}
            Check::Right => f.write_str(", with the given password")?,
            Check::Wrong => f.write_str(", with another password than the given one")?,
        }
        match self.authenticator_response {
            Check::NotDone => Ok(()),
            Check::Right => f.write_str(", authenticator proved to know it"),
            Check::Wrong => f.write_str(", authenticator response wrong"),
        }
    }
}

impl fmt::Display for DirectionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(bits), Some(stateless)) = (self.mppe_bits, self.mppe_stateless) {
            let mode = if stateless { "stateless" } else { "stateful" };
            writeln!(f, "  MPPE from {}: {bits}-bit {mode}", self.sender)?;
        }
        if self.encrypted > 0 {
            let (decrypted, encrypted) = (self.decrypted, self.encrypted);
            write!(
                f,
                "  sent by {}: {decrypted} of {encrypted} packets decrypted",
                self.sender
            )?;
            for (reason, count) in &self.not_decrypted {
                write!(f, ", {count} {reason}")?;
            }
            writeln!(f)?;
        }
        let (valid, invalid) = (self.valid_ip_packets, self.invalid_ip_packets);
        if valid + invalid > 0 {
            writeln!(
                f,
                "  IP packets of {}: {valid} valid, {invalid} not",
                self.sender
            )?;
        }
        Ok(())
    }
}
