//! The standard's types, by their names in the RFCs.

use super::Type;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: Type = Type::standard($code);)*
    };
}

types! {
    /// RFC 2865 §5.1.
    USER_NAME = 1;
    /// RFC 2865 §5.2, hidden.
    USER_PASSWORD = 2;
    /// RFC 2865 §5.3: CHAP identifier and response.
    CHAP_PASSWORD = 3;
    /// RFC 2865 §5.4.
    NAS_IP_ADDRESS = 4;
    /// RFC 2865 §5.5.
    NAS_PORT = 5;
    /// RFC 2865 §5.6; 2 is Framed, 17 is Authorize Only (RFC 5176 §3.1).
    SERVICE_TYPE = 6;
    /// RFC 2865 §5.7; 1 is PPP.
    FRAMED_PROTOCOL = 7;
    /// RFC 2865 §5.8.
    FRAMED_IP_ADDRESS = 8;
    /// RFC 2865 §5.9.
    FRAMED_IP_NETMASK = 9;
    /// RFC 2865 §5.11.
    FILTER_ID = 11;
    /// RFC 2865 §5.12.
    FRAMED_MTU = 12;
    /// RFC 2865 §5.18.
    REPLY_MESSAGE = 18;
    /// RFC 2865 §5.22.
    FRAMED_ROUTE = 22;
    /// RFC 2865 §5.24.
    STATE = 24;
    /// RFC 2865 §5.25.
    CLASS = 25;
    /// RFC 2865 §5.26: holds attributes of a vendor.
    VENDOR_SPECIFIC = 26;
    /// RFC 2865 §5.27, seconds.
    SESSION_TIMEOUT = 27;
    /// RFC 2865 §5.28, seconds.
    IDLE_TIMEOUT = 28;
    /// RFC 2865 §5.29; 1 asks for a new Access-Request at the end of a Session-Timeout.
    TERMINATION_ACTION = 29;
    /// RFC 2865 §5.30.
    CALLED_STATION_ID = 30;
    /// RFC 2865 §5.31.
    CALLING_STATION_ID = 31;
    /// RFC 2865 §5.32.
    NAS_IDENTIFIER = 32;
    /// RFC 2865 §5.33.
    PROXY_STATE = 33;
    /// RFC 2866 §5.1; 1 Start, 2 Stop, 3 Interim-Update, 7 Accounting-On, 8 Accounting-Off.
    ACCT_STATUS_TYPE = 40;
    /// RFC 2866 §5.2, seconds.
    ACCT_DELAY_TIME = 41;
    /// RFC 2866 §5.3: octets from the user, the lower 32 bits.
    ACCT_INPUT_OCTETS = 42;
    /// RFC 2866 §5.4: octets to the user, the lower 32 bits.
    ACCT_OUTPUT_OCTETS = 43;
    /// RFC 2866 §5.5.
    ACCT_SESSION_ID = 44;
    /// RFC 2866 §5.6; 1 RADIUS, 2 Local, 3 Remote.
    ACCT_AUTHENTIC = 45;
    /// RFC 2866 §5.7, seconds.
    ACCT_SESSION_TIME = 46;
    /// RFC 2866 §5.8.
    ACCT_INPUT_PACKETS = 47;
    /// RFC 2866 §5.9.
    ACCT_OUTPUT_PACKETS = 48;
    /// RFC 2866 §5.10.
    ACCT_TERMINATE_CAUSE = 49;
    /// RFC 2866 §5.11.
    ACCT_MULTI_SESSION_ID = 50;
    /// RFC 2869 §5.1: the upper 32 bits of the octets from the user.
    ACCT_INPUT_GIGAWORDS = 52;
    /// RFC 2869 §5.2: the upper 32 bits of the octets to the user.
    ACCT_OUTPUT_GIGAWORDS = 53;
    /// RFC 2869 §5.3, seconds since 1970.
    EVENT_TIMESTAMP = 55;
    /// RFC 2865 §5.40.
    CHAP_CHALLENGE = 60;
    /// RFC 2865 §5.41; 5 is Virtual.
    NAS_PORT_TYPE = 61;
    /// RFC 2868 §3.1, tagged; 1 is PPTP.
    TUNNEL_TYPE = 64;
    /// RFC 2868 §3.2, tagged; 1 is IPv4.
    TUNNEL_MEDIUM_TYPE = 65;
    /// RFC 2868 §3.3, tagged.
    TUNNEL_CLIENT_ENDPOINT = 66;
    /// RFC 2868 §3.4, tagged.
    TUNNEL_SERVER_ENDPOINT = 67;
    /// RFC 2869 §5.13.
    EAP_MESSAGE = 79;
    /// RFC 2869 §5.14, RFC 3579 §3.2.
    MESSAGE_AUTHENTICATOR = 80;
    /// RFC 2869 §5.16, seconds.
    ACCT_INTERIM_INTERVAL = 85;
    /// RFC 2869 §5.17.
    NAS_PORT_ID = 87;
    /// RFC 2869 §5.18.
    FRAMED_POOL = 88;
    /// RFC 3162 §2.1.
    NAS_IPV6_ADDRESS = 95;
    /// RFC 3162 §2.2.
    FRAMED_INTERFACE_ID = 96;
    /// RFC 3162 §2.3.
    FRAMED_IPV6_PREFIX = 97;
    /// RFC 3162 §2.5.
    FRAMED_IPV6_ROUTE = 99;
    /// RFC 3162 §2.6.
    FRAMED_IPV6_POOL = 100;
    /// RFC 5176 §3.5.
    ERROR_CAUSE = 101;
    /// RFC 4818 §3.
    DELEGATED_IPV6_PREFIX = 123;
    /// RFC 6911 §3.1.
    FRAMED_IPV6_ADDRESS = 168;
    /// RFC 6911 §3.2.
    DNS_SERVER_IPV6_ADDRESS = 169;
    /// RFC 6911 §3.3.
    ROUTE_IPV6_INFORMATION = 170;
    /// RFC 6911 §3.4.
    DELEGATED_IPV6_PREFIX_POOL = 171;
    /// RFC 6911 §3.5.
    STATEFUL_IPV6_ADDRESS_POOL = 172;
}
