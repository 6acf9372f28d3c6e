use std::fmt;

/// Makes an open set of one-octet codes: those with a name, and all others as `Unknown`.
macro_rules! codes {
    ($(#[$doc:meta])* $type:ident { $($code:literal $variant:ident $name:literal $sentence:literal,)* }) => {
        $(#[$doc])*
        ///
        /// `Display` gives a sentence; the alternate form (`{:#}`) gives one word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $(#[doc = concat!("Code ", stringify!($code), ": ", $sentence, ".")] $variant,)*
            /// A code without a name in RFC 2637.
            Unknown(u8),
        }

        impl $type {
            /// The octet on the wire.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }
        }

        impl From<u8> for $type {
            fn from(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::Unknown(code),
                }
            }
        }

        impl Default for $type {
            /// Code 0.
            fn default() -> Self {
                Self::from(0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (name, sentence) = match self {
                    $(Self::$variant => ($name, $sentence),)*
                    Self::Unknown(code) if f.alternate() => return write!(f, "{code}"),
                    Self::Unknown(code) => return write!(f, "code {code}, which RFC 2637 does not define"),
                };
                f.write_str(if f.alternate() { name } else { sentence })
            }
        }
    };
}

codes! {
    /// Result Code of a Start-Control-Connection-Reply (RFC 2637 §2.2).
    StartResult {
        1 Successful "successful" "the control connection is established",
        2 GeneralError "general-error" "a general error occurred",
        3 AlreadyExists "already-exists" "a control connection between these peers exists already",
        4 NotAuthorized "not-authorized" "the requester may not open a control connection",
        5 VersionNotSupported "version-not-supported" "the protocol version is not supported",
    }
}

codes! {
    /// Reason of a Stop-Control-Connection-Request (RFC 2637 §2.3).
    StopReason {
        1 None "none" "the peer asks to close the control connection",
        2 StopProtocol "stop-protocol" "the protocol version is not supported",
        3 StopLocalShutdown "stop-local-shutdown" "the requester is being shut down",
    }
}

codes! {
    /// Result Code of a Stop-Control-Connection-Reply (RFC 2637 §2.4).
    StopResult {
        1 Ok "ok" "the control connection is closed",
        2 GeneralError "general-error" "the control connection is not closed because of a general error",
    }
}

codes! {
    /// Result Code of an Echo-Reply (RFC 2637 §2.6).
    EchoResult {
        1 Ok "ok" "the Echo-Reply is valid",
        2 GeneralError "general-error" "the Echo-Request is not accepted because of a general error",
    }
}

codes! {
    /// Result Code of an Outgoing-Call-Reply (RFC 2637 §2.8).
    OutgoingCallResult {
        1 Connected "connected" "the call is established",
        2 GeneralError "general-error" "the call failed with a general error",
        3 NoCarrier "no-carrier" "no carrier was detected",
        4 Busy "busy" "the called party is busy",
        5 NoDialTone "no-dial-tone" "there is no dial tone",
        6 TimeOut "time-out" "the call was not established in the time allowed",
        7 DoNotAccept "do-not-accept" "the call is administratively prohibited",
    }
}

codes! {
    /// Result Code of an Incoming-Call-Reply (RFC 2637 §2.10).
    IncomingCallResult {
        1 Connect "connect" "the call is to be answered",
        2 GeneralError "general-error" "the call is not to be established because of a general error",
        3 DoNotAccept "do-not-accept" "the call is not to be accepted",
    }
}

codes! {
    /// Result Code of a Call-Disconnect-Notify (RFC 2637 §2.13).
    DisconnectResult {
        1 LostCarrier "lost-carrier" "the carrier was lost",
        2 GeneralError "general-error" "the call ended with a general error",
        3 AdminShutdown "admin-shutdown" "the call was ended by an administrator",
        4 Request "request" "the call was cleared on request",
    }
}

codes! {
    /// General Error Code, meaningful where the Result Code says general error (RFC 2637 §2.16).
    ErrorCode {
        0 None "none" "no general error",
        1 NotConnected "not-connected" "there is no control connection between these peers",
        2 BadFormat "bad-format" "the length or the magic cookie is wrong",
        3 BadValue "bad-value" "a field is out of range or a reserved field is not zero",
        4 NoResource "no-resource" "there are not enough resources for this command now",
        5 BadCallId "bad-call-id" "the Call ID is not valid here",
        6 PacError "pac-error" "the PAC has a vendor-specific error",
    }
}

/// Cause Code of an Outgoing-Call-Reply or a Call-Disconnect-Notify (RFC 2637 §2.8, §2.13).
///
/// For ISDN calls it is a Q.931 cause; the common ones have a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CauseCode(pub u16);

impl fmt::Display for CauseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self.0 {
            _ if f.alternate() => return write!(f, "{}", self.0),
            0 => "no cause",
            1 => "unassigned number",
            16 => "normal call clearing",
            17 => "user busy",
            18 => "no user responding",
            19 => "no answer from the user",
            21 => "call rejected",
            27 => "destination out of order",
            31 => "normal, unspecified",
            34 => "no circuit or channel available",
            38 => "network out of order",
            41 => "temporary failure",
            47 => "resource unavailable",
            code => return write!(f, "cause {code}"),
        };
        f.write_str(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_as_a_code() {
        for code in 0..=u8::MAX {
            assert_eq!(StartResult::from(code).code(), code);
            assert_eq!(StopReason::from(code).code(), code);
            assert_eq!(StopResult::from(code).code(), code);
            assert_eq!(EchoResult::from(code).code(), code);
            assert_eq!(OutgoingCallResult::from(code).code(), code);
            assert_eq!(IncomingCallResult::from(code).code(), code);
            assert_eq!(DisconnectResult::from(code).code(), code);
            assert_eq!(ErrorCode::from(code).code(), code);
        }
    }

    #[test]
    fn codes_have_a_sentence_and_a_word() {
        assert_eq!(
            OutgoingCallResult::Busy.to_string(),
            "the called party is busy"
        );
        assert_eq!(format!("{:#}", OutgoingCallResult::Busy), "busy");
        assert_eq!(
            StopReason::from(9).to_string(),
            "code 9, which RFC 2637 does not define"
        );
        assert_eq!(format!("{:#}", StopReason::from(9)), "9");
        assert_eq!(CauseCode(17).to_string(), "user busy");
        assert_eq!(CauseCode(900).to_string(), "cause 900");
        assert_eq!(format!("{:#}", CauseCode(17)), "17");
    }
}
