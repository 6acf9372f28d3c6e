use adit_wire::gre::GreError;

/// Makes the set of counters from one line each, so that none can be left out of the list of names.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of a session, from its start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// All counters by name, in the order of the fields.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            /// Counts what another session has counted as well.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Packets received, of any kind.
    received_packets,
    /// Payloads handed to the caller.
    delivered_packets,
    /// Octets of these payloads.
    delivered_octets,
    /// Packets with a payload sent.
    sent_packets,
    /// Octets of their payloads.
    sent_octets,
    /// Packets sent that carried nothing but an acknowledgment.
    acknowledgments_sent,
    /// Packets received that carried nothing but an acknowledgment.
    acknowledgments_received,
    /// Acknowledgments of what was never sent.
    acknowledgments_invalid,
    /// Acknowledgments that did not come in time (RFC 2637 §4.4).
    acknowledgments_timed_out,
    /// Packets sent though the peer's window was full; it is not waited for.
    window_exceeded,
    /// Packets that came too early and were put back into order.
    reordered,
    /// Sequence numbers that were given up.
    lost,
    /// Times that the sequence was found again far from where it was expected.
    resynchronized,
    /// Packets with octets behind their payload, which are ignored.
    trailing,
    /// Discarded: the packet ends within its header.
    truncated,
    /// Discarded: the GRE version is not 1.
    version,
    /// Discarded: the Protocol Type is not that of PPP.
    protocol,
    /// Discarded: the checksum bit is set.
    checksum,
    /// Discarded: the routing bit is set.
    routing,
    /// Discarded: there is no Call ID.
    no_key,
    /// Discarded: the strict source route bit is set.
    strict_source_route,
    /// Discarded: the recursion control is not zero.
    recursion,
    /// Discarded: the flags are not zero.
    flags,
    /// Discarded: the payload is shorter than its length field says.
    length,
    /// Discarded: a payload without a sequence number.
    no_sequence,
    /// Discarded: the Call ID is not that of this session.
    call_id,
    /// Discarded: the sequence number was received before.
    duplicate,
    /// Discarded: the sequence number was given up before.
    late,
    /// Discarded: the sequence number is far from what is expected, and not confirmed.
    far,
}

impl Stats {
    pub(super) fn malformed(&mut self, error: GreError) {
        let counter = match error {
            GreError::Truncated => &mut self.truncated,
            GreError::Version => &mut self.version,
            GreError::Protocol => &mut self.protocol,
            GreError::Checksum => &mut self.checksum,
            GreError::Routing => &mut self.routing,
            GreError::NoKey => &mut self.no_key,
            GreError::StrictSourceRoute => &mut self.strict_source_route,
            GreError::Recursion => &mut self.recursion,
            GreError::Flags => &mut self.flags,
            GreError::Length => &mut self.length,
            GreError::NoSequence => &mut self.no_sequence,
        };
        *counter += 1;
    }

    pub(super) fn delivered(&mut self, payload: &[u8]) {
        self.delivered_packets += 1;
        self.delivered_octets += payload.len() as u64;
    }
}
