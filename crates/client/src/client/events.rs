//! What the endpoint wants done, and what it tells.

use std::time::Instant;

use adit_engine::{CallKey, Event, Output};
use adit_io::StreamState;
use adit_ppp::{Ipv4Network, Ipv6Network};

use super::{CONNECTION, Client, GOODBYE_TIME};
use crate::error::ClientError;
use crate::observer::Notice;
use crate::verdict::CallStory;
use crate::warning::Warning;

impl Client<'_> {
    /// Carries out what the endpoint wants, until it wants nothing more.
    pub(super) fn settle(&mut self, now: Instant) -> Result<(), ClientError> {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(_, octets) => {
                    // What PPP said last must not arrive after the end of the call.
                    self.packets.flush();
                    self.send(&octets);
                }
                Output::CloseStream(_) => self.close_stream(now),
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(now, event)?,
            }
        }
        self.packets.flush();
        Ok(())
    }

    /// Tells the server in passing that this is the end; no answer is waited for.
    pub(super) fn take_leave(&mut self) {
        let now = Instant::now();
        if let Some(call) = self.call {
            self.endpoint.hang_up(now, call);
        }
        self.endpoint.stop(now, CONNECTION);
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(_, octets) => self.send(&octets),
                Output::Gre(path, packet) => {
                    self.packets.send_gre(&path, &packet);
                    // PPP's goodbye comes before that of the control connection.
                    self.packets.flush();
                }
                Output::CloseStream(_) | Output::Event(_) => {}
            }
        }
    }

    fn send(&mut self, octets: &[u8]) {
        if let Some(stream) = &mut self.stream
            && stream.send(octets) == StreamState::Finished
        {
            // It is broken; reading tells so, and why.
            self.ready.stream = true;
        }
    }

    fn close_stream(&mut self, now: Instant) {
        self.give_up.get_or_insert(now + GOODBYE_TIME);
        if let Some(stream) = &mut self.stream
            && stream.close() == StreamState::Finished
        {
            self.stream = None;
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) -> Result<(), ClientError> {
        match event {
            Event::ConnectionUp { .. } => self.story.control_up = true,
            Event::ConnectionDown { why, .. } => self.story.connection_end = Some(why),
            Event::CallUp { call, ids, .. } => {
                // Other clients of this host have their own sockets.
                if let Err(error) = self.packets.gre().set_call_id(ids.local_call_id) {
                    tracing::debug!("packets of other calls are received too: {error}");
                }
                self.call = Some(call);
                self.story.call_up = Some(now);
            }
            Event::CallRefused { why, .. } => {
                self.story.call_refused = Some(why);
                self.give_up.get_or_insert(now + GOODBYE_TIME);
            }
            Event::AskPassword { .. } => {
                self.asking = true;
                self.asker.ask();
            }
            Event::Ipv4Up { call, network } => self.on_ipv4_up(now, call, network)?,
            Event::Ipv6Up { call, network } => self.on_ipv6_up(now, call, network)?,
            // The interface and its routes stay, so that nothing goes past the tunnel meanwhile.
            Event::Ipv4Down { .. } | Event::Ipv6Down { .. } => {}
            Event::CallDown { why, report, .. } => {
                self.call = None;
                self.network.expect_nothing();
                self.story.foreign_packets = self.endpoint.foreign_packets();
                self.story.call_end = Some(CallStory {
                    why,
                    report,
                    at: now,
                });
                self.give_up.get_or_insert(now + GOODBYE_TIME);
            }
            // A client authenticates nobody, so there is nobody to ask about.
            Event::Authenticate { .. } => {}
        }
        Ok(())
    }

    fn on_ipv4_up(
        &mut self,
        now: Instant,
        call: CallKey,
        network: Ipv4Network,
    ) -> Result<(), ClientError> {
        let mtu = self.mtu(call);
        self.open_tunnel()?;
        self.story.network_up = true;
        let notices = self.network.ipv4_up(now, network, mtu)?;
        self.tell(notices);
        Ok(())
    }

    fn on_ipv6_up(
        &mut self,
        now: Instant,
        call: CallKey,
        network: Ipv6Network,
    ) -> Result<(), ClientError> {
        let mtu = self.mtu(call);
        self.open_tunnel()?;
        let warnings = self.network.ipv6_up(now, network, mtu)?;
        self.tell(warnings.into_iter().map(Notice::Warning).collect());
        Ok(())
    }

    pub(super) fn tell(&mut self, notices: Vec<Notice<'_>>) {
        notices
            .into_iter()
            .for_each(|notice| self.observer.notice(notice));
    }

    fn mtu(&self, call: CallKey) -> u16 {
        let report = self.endpoint.report(call);
        report.map_or(adit_ppp::MINIMUM_MRU, |report| report.link.mtu)
    }

    /// Tells that the tunnel is up, once all that belongs to it is there.
    pub(super) fn announce(&mut self, now: Instant) {
        if self.network.deadline().is_none() {
            // Nothing is pending, and a report is not free.
            return;
        }
        let Some(report) = self.call.and_then(|call| self.endpoint.report(call)) else {
            return;
        };
        let policy = self.config.mppe.policy;
        if let Some(connected) = self.network.poll_connected(now, &report.link, policy) {
            self.story.network_up = true;
            self.observer.notice(Notice::Connected(&connected));
            if connected.encryption.is_none() && policy != adit_ppp::EncryptionPolicy::Off {
                self.observer.notice(Notice::Warning(Warning::NotEncrypted));
            }
            if connected.authentication.is_none() {
                self.observer
                    .notice(Notice::Warning(Warning::NotAuthenticated));
            }
        }
        for warning in self.network.poll_without_ipv6(now) {
            self.observer.notice(Notice::Warning(warning));
        }
    }
}
