//! Encryption and the network-layer protocols: from authentication to packets, and back.

use std::sync::Arc;
use std::time::Instant;

use adit_wire::ppp::Protocol;

use super::{CloseReason, Farewell, IpVersion, Link, LinkConfig, NoEncryption, Output};
use crate::NegotiationTimers;
use crate::ipcp::IpcpPolicy;
use crate::ipv6cp::Ipv6cpPolicy;
use crate::negotiator::{Finish, Negotiator, OptionPolicy, Signal};

/// Which network-layer protocols the owner was told to be up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Announced {
    ipv4: bool,
    ipv6: bool,
}

impl Link {
    pub(super) fn settle_ccp(&mut self, now: Instant) -> bool {
        let Some(ccp) = &mut self.ccp else {
            return false;
        };
        let Some(signal) = ccp.poll_signal() else {
            return false;
        };
        match signal {
            Signal::Up => {
                let ciphers = ccp.policy.send().zip(ccp.policy.receive());
                let started =
                    ciphers.is_some_and(|(send, receive)| self.encryption.start(send, receive));
                if started {
                    self.start_network(now);
                } else {
                    self.without_encryption(now);
                }
            }
            Signal::Down => self.encryption.interrupt(),
            Signal::Finished(_) => self.without_encryption(now),
            Signal::PeerTerminates(data) => self.on_layer_terminated(now, Farewell { data }),
            other => self.send_signal(other, Protocol::CCP),
        }
        true
    }

    fn without_encryption(&mut self, now: Instant) {
        if self.encryption.is_needed() {
            self.terminate(now, CloseReason::NoEncryption(NoEncryption::PeerRefuses));
        } else {
            self.start_network(now);
        }
    }

    /// Opens the network-layer protocols, once.
    pub(super) fn start_network(&mut self, now: Instant) {
        if self.ipcp.is_some() || self.ipv6cp.is_some() {
            return;
        }
        if let Some(ipv4) = self.ipv4 {
            self.ipcp = Some(opened(IpcpPolicy::new(ipv4), &self.config, now));
        }
        if let Some(id) = self.config.ipv6 {
            let mut policy = Ipv6cpPolicy::new(id, Arc::clone(&self.entropy));
            if let Some(peer) = self.interface_id {
                policy.suggest(peer);
            }
            self.ipv6cp = Some(opened(policy, &self.config, now));
        }
        self.replay_early(now);
    }

    pub(super) fn settle_ipcp(&mut self, now: Instant) -> bool {
        let Some(ipcp) = &mut self.ipcp else {
            return false;
        };
        let Some(signal) = ipcp.poll_signal() else {
            return false;
        };
        match signal {
            Signal::Up => {
                let network = ipcp.policy.agreed();
                self.setup_deadline = None;
                self.announced.ipv4 = true;
                self.outputs.push_back(Output::Ipv4Up(network));
            }
            Signal::Down => self.announce_ipv4_down(),
            Signal::Finished(finish) => {
                // A peer that leaves IPCP unanswered may take it for up.
                if finish == Finish::NoAnswer || !self.is_up(IpVersion::V6) {
                    self.terminate(now, CloseReason::NoNetwork);
                }
            }
            Signal::PeerTerminates(data) => self.on_layer_terminated(now, Farewell { data }),
            other => self.send_signal(other, Protocol::IPCP),
        }
        true
    }

    /// The peer ended CCP or IPCP. Windows says there why it hangs up next.
    fn on_layer_terminated(&mut self, now: Instant, farewell: Farewell) {
        if farewell.ras_error().is_some_and(|error| error.code != 0) {
            self.terminate(now, CloseReason::PeerTerminated(farewell));
        }
    }

    pub(super) fn settle_ipv6cp(&mut self, now: Instant) -> bool {
        let Some(ipv6cp) = &mut self.ipv6cp else {
            return false;
        };
        let Some(signal) = ipv6cp.poll_signal() else {
            return false;
        };
        match signal {
            Signal::Up => {
                let network = ipv6cp.policy.agreed();
                self.setup_deadline = None;
                self.announced.ipv6 = true;
                self.outputs.push_back(Output::Ipv6Up(network));
            }
            Signal::Down => self.announce_ipv6_down(),
            // Few peers speak IPv6; a link without it is whole, unless IPv4 has ended before.
            Signal::Finished(_) => {
                if self.ipcp.as_ref().is_none_or(Negotiator::is_over) {
                    self.terminate(now, CloseReason::NoNetwork);
                }
            }
            Signal::PeerTerminates(_) => {}
            other => self.send_signal(other, Protocol::IPV6CP),
        }
        true
    }

    pub(super) fn announce_ipv4_down(&mut self) {
        if std::mem::take(&mut self.announced.ipv4) {
            self.outputs.push_back(Output::Ipv4Down);
        }
    }

    pub(super) fn announce_ipv6_down(&mut self) {
        if std::mem::take(&mut self.announced.ipv6) {
            self.outputs.push_back(Output::Ipv6Down);
        }
    }
}

/// A negotiator whose lower layer is up and that may open.
pub(super) fn opened<P: OptionPolicy>(
    policy: P,
    config: &LinkConfig,
    now: Instant,
) -> Negotiator<P> {
    let timers = NegotiationTimers {
        first_restart: config.timers.restart,
        ..config.timers
    };
    let mut negotiator = Negotiator::new(policy, timers);
    negotiator.open(now);
    negotiator.lower_up(now);
    negotiator
}
