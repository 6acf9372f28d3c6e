//! Who this server is to RADIUS servers.

use std::net::Ipv4Addr;

use adit_radius::attribute::{self, AttributeError, AttributeList};

use crate::config::Radius;

/// What names this server (the Network Access Server of RFC 2865) in requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nas {
    /// NAS-Identifier.
    pub(crate) identifier: String,
    /// NAS-IP-Address.
    pub(crate) address: Option<Ipv4Addr>,
}

impl Nas {
    /// As configured; the host's name where the configuration gives none.
    pub(crate) fn of(config: &Radius) -> Self {
        let configured = config.nas_identifier.clone();
        Self {
            identifier: configured.unwrap_or_else(host_name),
            address: config.nas_ip_address,
        }
    }

    /// Says who sends a request.
    pub(super) fn identify(&self, list: &mut AttributeList) -> Result<(), AttributeError> {
        list.text(attribute::NAS_IDENTIFIER, &self.identifier)?;
        if let Some(address) = self.address {
            list.ipv4(attribute::NAS_IP_ADDRESS, address)?;
        }
        Ok(())
    }
}

fn host_name() -> String {
    let name = adit_net::sysctl::read("kernel.hostname").unwrap_or_default();
    match name.trim() {
        // RFC 2865 §4.1 wants an identifier or an address.
        "" => "adit".to_owned(),
        name => name.to_owned(),
    }
}
