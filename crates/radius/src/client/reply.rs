//! A reply that is verified.

use zeroize::Zeroizing;

use crate::SharedSecret;
use crate::attribute::{Attribute, Attributes};
use crate::authenticator::RequestAuthenticator;
use crate::hidden::{self, ChapKeys, HiddenError};
use crate::packet::{Code, HEADER_LENGTH, Packet};

/// What a server answered, and what is needed to reveal hidden values in it.
pub struct Reply {
    octets: Vec<u8>,
    request: RequestAuthenticator,
    secret: SharedSecret,
    server: usize,
}

impl Reply {
    pub(super) fn new(
        packet: Packet<'_>,
        request: RequestAuthenticator,
        secret: SharedSecret,
        server: usize,
    ) -> Self {
        Self {
            octets: packet.as_octets().to_vec(),
            request,
            secret,
            server,
        }
    }

    /// What it is.
    pub fn code(&self) -> Code {
        Code::from_wire(self.octets[0])
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.octets[HEADER_LENGTH..])
    }

    /// The place of the server that answered in the configuration.
    pub fn server(&self) -> usize {
        self.server
    }

    /// Reveals an MS-MPPE-Send-Key or MS-MPPE-Recv-Key of this reply.
    ///
    /// # Errors
    /// As [`hidden::reveal_key`].
    pub fn reveal_key(&self, key: Attribute<'_>) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
        hidden::reveal_key(key.value, &self.request, &self.secret)
    }

    /// Reveals the MS-CHAP-MPPE-Keys of this reply.
    ///
    /// # Errors
    /// As [`hidden::reveal_chap_keys`].
    pub fn reveal_chap_keys(&self, keys: Attribute<'_>) -> Result<ChapKeys, HiddenError> {
        hidden::reveal_chap_keys(keys.value, &self.request, &self.secret)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of server {}", self.code(), self.server)
    }
}
