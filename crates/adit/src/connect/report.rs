//! What the user is told: one line per event on standard output, the rest in the log.

use adit_client::{Connected, End, Notice, Observer};
use serde_json::{Value, json};

use crate::exit::Code;
use crate::output::print;

/// Tells what happens, as text or as JSON lines.
pub(super) struct Reporter {
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

impl Reporter {
    pub(super) fn new(json: bool) -> Self {
        let form = if json { Form::Json } else { Form::Text };
        Self { form }
    }

    /// The user has ended the connection.
    pub(super) fn hung_up(&self, end: &End) -> anyhow::Result<()> {
        let packets = end.report.as_ref().map(|report| report.packets);
        let (received, sent) = packets.map_or((0, 0), |it| (it.received_octets, it.sent_octets));
        let text = match packets {
            Some(_) => format!("disconnected: {received} octets received, {sent} sent"),
            None => "disconnected".to_owned(),
        };
        let json = json!({
            "event": "disconnected",
            "reason": "hung up by the user",
            "code": Code::Done as u8,
            "received_octets": received,
            "sent_octets": sent,
        });
        self.tell(&text, &json)
    }

    /// The connection has failed; as text, the caller says so on standard error.
    pub(super) fn failed(&self, error: &anyhow::Error) -> anyhow::Result<()> {
        if self.form == Form::Text {
            return Ok(());
        }
        let json = json!({
            "event": "disconnected",
            "reason": format!("{error:#}"),
            "code": Code::of(error) as u8,
        });
        self.tell("", &json)
    }

    fn tell(&self, text: &str, json: &Value) -> anyhow::Result<()> {
        match self.form {
            Form::Text => print(&format!("{text}\n")),
            Form::Json => print(&format!("{json}\n")),
        }
    }
}

impl Observer for Reporter {
    fn notice(&mut self, notice: Notice<'_>) {
        let told = match notice {
            Notice::Connected(connected) => {
                self.tell(&format!("connected: {connected}"), &json_of(connected))
            }
            Notice::Warning(warning) => {
                tracing::warn!("{warning}");
                Ok(())
            }
            Notice::Waiting(stage) => {
                tracing::info!("{stage}");
                Ok(())
            }
            Notice::Dns(sentence) => {
                tracing::info!("{sentence}");
                Ok(())
            }
            Notice::HangingUp => {
                tracing::info!("hanging up");
                Ok(())
            }
            Notice::Leaving => {
                tracing::info!("leaving without the server's goodbye");
                Ok(())
            }
        };
        // A tunnel does not depend on somebody who reads.
        if let Err(error) = told {
            tracing::debug!("nobody reads the output: {error:#}");
        }
    }
}

fn json_of(connected: &Connected) -> Value {
    json!({
        "event": "connected",
        "interface": connected.interface,
        "server": connected.server.to_string(),
        "address": connected.address,
        "peer": connected.peer,
        "ipv6": connected.ipv6,
        "dns": connected.dns,
        "authentication": connected.authentication.map(|method| method.to_string()),
        "encryption": connected.encryption.map(|_| connected.encryption_words()),
        "mtu": connected.mtu,
    })
}
