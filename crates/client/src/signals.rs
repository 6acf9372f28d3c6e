use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::error::ClientError;

/// The signals by which a user hangs up.
pub(crate) struct HangUpSignals(Signals);

impl HangUpSignals {
    /// Takes the signals over, which end the process no more.
    pub(crate) fn new(registry: &Registry, token: Token) -> Result<Self, ClientError> {
        let set_up = || -> io::Result<Signals> {
            let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
            registry.register(&mut signals, token, Interest::READABLE)?;
            Ok(signals)
        };
        set_up()
            .map(Self)
            .map_err(ClientError::io("watch for signals"))
    }

    /// Whether any has come since the last time.
    pub(crate) fn came(&mut self) -> bool {
        self.0.pending().count() > 0
    }
}
