//! Choices that work and weaken the server.

use super::types::{
    AuthMethod, BackEndName, Config, EncryptionPolicy, MppeMode, MppeStrength, Transmit,
};

impl Config {
    /// What an operator should know about this configuration, a sentence each; empty for the default.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        self.warn_methods(&mut warnings);
        self.warn_encryption(&mut warnings);
        self.warn_network(&mut warnings);
        warnings.into_iter().map(str::to_owned).collect()
    }

    fn warn_methods(&self, warnings: &mut Vec<&'static str>) {
        let methods = &self.authentication.methods;
        if methods.contains(&AuthMethod::Pap) {
            warnings.push(
                "authentication.methods has \"pap\": passwords cross the network in the clear, and the \
                 session cannot be encrypted.",
            );
        }
        if methods.contains(&AuthMethod::ChapMd5) {
            warnings.push(
                "authentication.methods has \"chap-md5\": it needs clear passwords on this host, and the \
                 session cannot be encrypted.",
            );
        }
        if methods.contains(&AuthMethod::MsChapV1) {
            warnings.push(
                "authentication.methods has \"mschap-v1\": it does not prove the server to the client, \
                 and both directions are encrypted with the same key.",
            );
        }
        let holds_hashes = [BackEndName::Database, BackEndName::Postgresql];
        let short_keys = |s: &MppeStrength| *s != MppeStrength::Bits128;
        if methods.contains(&AuthMethod::MsChapV1)
            && self.back_ends().iter().all(|it| holds_hashes.contains(it))
            && self.encryption.strengths.iter().any(short_keys)
        {
            warnings.push(
                "encryption.strengths has keys below 128 bits: with \"mschap-v1\" they come from the LM \
                 hash (RFC 3079), which a user database does not hold, so such clients are refused.",
            );
        }
    }

    fn warn_encryption(&self, warnings: &mut Vec<&'static str>) {
        match self.encryption.policy {
            EncryptionPolicy::Required => {}
            EncryptionPolicy::Optional => warnings.push(
                "encryption.policy is \"optional\": whoever is on the path can make a client talk in the \
                 clear.",
            ),
            EncryptionPolicy::Off => {
                warnings.push("encryption.policy is \"off\": everything is sent in the clear.");
                return;
            }
        }
        if self.encryption.strengths.contains(&MppeStrength::Bits56) {
            warnings.push("encryption.strengths has 56: such keys are found in hours.");
        }
        if self.encryption.strengths.contains(&MppeStrength::Bits40) {
            warnings.push("encryption.strengths has 40: such keys are found in minutes.");
        }
        if self.encryption.modes.contains(&MppeMode::Stateful) {
            warnings.push(
                "encryption.modes has \"stateful\": one lost packet costs all that follow until the \
                 peers resynchronize.",
            );
        }
    }

    fn warn_network(&self, warnings: &mut Vec<&'static str>) {
        if self.gre.any_source {
            warnings.push(
                "gre.any_source is on: any host that guesses a Call ID can send packets into a session.",
            );
        }
        if self.gre.transmit != Transmit::Socket {
            warnings.push(
                "gre.transmit is not \"socket\": no firewall rule for outgoing packets, address translation or \
                 IPsec policy of this host applies to the tunnels' packets.",
            );
        }
        if self.network.masquerade && !self.network.forward {
            warnings.push(
                "network.masquerade is on and network.forward is off: clients get out only if the host \
                 forwards packets already.",
            );
        }
    }
}
