use std::fmt;

/// Version in the high octet and revision in the low octet (RFC 2637 §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProtocolVersion(pub u16);

impl ProtocolVersion {
    /// Version 1, revision 0: the only one that RFC 2637 defines.
    pub const V1_0: Self = Self(0x0100);

    /// The version without the revision.
    pub const fn major(self) -> u8 {
        self.0.to_be_bytes()[0]
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [version, revision] = self.0.to_be_bytes();
        write!(f, "{version}.{revision}")
    }
}

/// Bearer Capabilities and Bearer Type: a set of bits (RFC 2637 §2.1, §2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bearer(pub u32);

impl Bearer {
    /// Analog channels.
    pub const ANALOG: Self = Self(1);
    /// Digital channels.
    pub const DIGITAL: Self = Self(2);
    /// Analog and digital channels.
    pub const ANY: Self = Self(3);
}

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0) => f.write_str("none"),
            Self::ANALOG => f.write_str("analog"),
            Self::DIGITAL => f.write_str("digital"),
            Self::ANY => f.write_str("any"),
            Self(bits) => write!(f, "{bits:#x}"),
        }
    }
}

/// Framing Capabilities and Framing Type: a set of bits (RFC 2637 §2.1, §2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Framing(pub u32);

impl Framing {
    /// Asynchronous framing.
    pub const ASYNCHRONOUS: Self = Self(1);
    /// Synchronous framing.
    pub const SYNCHRONOUS: Self = Self(2);
    /// Asynchronous and synchronous framing.
    pub const ANY: Self = Self(3);
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0) => f.write_str("none"),
            Self::ASYNCHRONOUS => f.write_str("async"),
            Self::SYNCHRONOUS => f.write_str("sync"),
            Self::ANY => f.write_str("any"),
            Self(bits) => write!(f, "{bits:#x}"),
        }
    }
}

/// Shows a reserved field by its name where it is not zero, and nothing where it is.
pub(super) struct Reserved(pub(super) &'static str, pub(super) u16);

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == 0 {
            return Ok(());
        }
        write!(f, " {}={:#x}", self.0, self.1)
    }
}
