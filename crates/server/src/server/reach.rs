//! Which worker has the call that an inner address leads to: told to those that do not have it.

use adit_engine::CallKey;

use super::Server;
use crate::sessions::Held;
use crate::worker::elsewhere::{Change, InnerAddress};
use crate::worker::message::Command;

/// What becomes of the way from an address to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The address leads to the call.
    Leads,
    /// It does so no longer.
    Lost,
}

impl Server {
    /// A call has these leases. The workers learn of them before the call's own worker, so that they
    /// know where the first packet to the address is to go.
    pub(super) fn begin_lease(&mut self, call: CallKey, held: &Held) {
        self.tell_of_lease(call, held, Reach::Leads);
    }

    /// A call has had these leases.
    pub(super) fn end_lease(&mut self, call: CallKey, held: Held) {
        self.tell_of_lease(call, &held, Reach::Lost);
        if let (Some(shared), Some(address)) = (&self.shared_leases, held.address) {
            shared.release(self.names.name(call.number()).to_string(), address);
        }
        self.leases.release(held);
    }

    fn tell_of_lease(&mut self, call: CallKey, held: &Held, reach: Reach) {
        let prefix = held.prefix.map(|it| InnerAddress::prefix_of(it.network()));
        let networks = held.networks.iter().copied().map(InnerAddress::Network);
        let address = held.address.map(InnerAddress::V4);
        for address in address.into_iter().chain(prefix).chain(networks) {
            self.tell_others(call, address, reach);
        }
    }

    /// Tells all workers but the call's own.
    pub(super) fn tell_others(&mut self, call: CallKey, address: InnerAddress, reach: Reach) {
        let owner = self.crew.of_call(call);
        for other in (0..self.crew.count()).filter(|other| *other != owner) {
            let change = Change {
                address,
                call: call.number(),
                worker: (reach == Reach::Leads).then_some(owner),
            };
            self.crew.tell(other, Command::Elsewhere(change));
        }
    }
}
