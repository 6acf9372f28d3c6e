//! Attributes of Microsoft (RFC 2548).

use crate::attribute::Type;

/// Microsoft's enterprise number.
pub const VENDOR: u32 = 311;

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: Type = Type::of_vendor(VENDOR, $code);)*
    };
}

types! {
    /// MS-CHAP-Response, §2.1.3.
    CHAP_RESPONSE = 1;
    /// MS-CHAP-Error, §2.1.5: an identifier, then text as in a Failure packet.
    CHAP_ERROR = 2;
    /// MS-CHAP-CPW-2, §2.1.7.
    CHAP_CPW_2 = 4;
    /// MS-CHAP-LM-Enc-PW, §2.1.8.
    CHAP_LM_ENC_PW = 5;
    /// MS-CHAP-NT-Enc-PW, §2.2.
    CHAP_NT_ENC_PW = 6;
    /// MS-MPPE-Encryption-Policy, §2.4.4; 1 allowed, 2 required.
    MPPE_ENCRYPTION_POLICY = 7;
    /// MS-MPPE-Encryption-Types, §2.4.5; 2 for 40 bits, 4 for 128 bits.
    MPPE_ENCRYPTION_TYPES = 8;
    /// MS-CHAP-Domain, §2.1.4.
    CHAP_DOMAIN = 10;
    /// MS-CHAP-Challenge, §2.1.2.
    CHAP_CHALLENGE = 11;
    /// MS-CHAP-MPPE-Keys, §2.4.1, hidden.
    CHAP_MPPE_KEYS = 12;
    /// MS-MPPE-Send-Key, §2.4.2, hidden: what the NAS sends with.
    MPPE_SEND_KEY = 16;
    /// MS-MPPE-Recv-Key, §2.4.3, hidden: what the NAS receives with.
    MPPE_RECV_KEY = 17;
    /// MS-CHAP2-Response, §2.3.2.
    CHAP2_RESPONSE = 25;
    /// MS-CHAP2-Success, §2.3.3: an identifier, then `S=` and 40 digits.
    CHAP2_SUCCESS = 26;
    /// MS-CHAP2-CPW, §2.3.4.
    CHAP2_CPW = 27;
    /// MS-Primary-DNS-Server, §2.7.6.
    PRIMARY_DNS_SERVER = 28;
    /// MS-Secondary-DNS-Server, §2.7.7.
    SECONDARY_DNS_SERVER = 29;
    /// MS-Primary-NBNS-Server, §2.7.8.
    PRIMARY_NBNS_SERVER = 30;
    /// MS-Secondary-NBNS-Server, §2.7.9.
    SECONDARY_NBNS_SERVER = 31;
}
