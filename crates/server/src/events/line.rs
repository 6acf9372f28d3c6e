//! The form of an event: one object of JSON, its keys and names stable.

use adit_ppp::auth::Refusal;
use serde_json::{Map, Value, json};

use crate::aaa::Happening;
use crate::aaa::facts::{Ending, Facts};
use crate::control_socket::Traffic;
use crate::users::show_moment;

/// What happened at so many seconds since 1970.
pub(super) fn of(time: u64, happening: &Happening) -> Value {
    let (event, fields) = match happening {
        Happening::Connected { peer } => ("connection", json!({ "peer": peer })),
        Happening::TurnedAway { peer, reason } => (
            "connection-refused",
            json!({ "peer": peer, "reason": reason }),
        ),
        Happening::LoggedIn {
            session,
            peer,
            user,
            method,
            back_end,
        } => (
            "authentication",
            json!({
                "result": "accepted", "peer": peer, "user": user, "method": method,
                "back_end": back_end, "session": session.as_str(),
            }),
        ),
        Happening::LoginRefused(it) => (
            "authentication",
            json!({
                "result": "refused", "peer": it.peer, "user": it.user, "method": it.method,
                "back_end": it.back_end, "reason": it.why,
                "unavailable": it.refusal == Refusal::Unavailable,
            }),
        ),
        Happening::Up(facts) => ("session-up", session(facts)),
        Happening::Goes(facts) => ("session-interim", with(session(facts), traffic(facts))),
        Happening::Down(facts, ending) => {
            let came_to = with(traffic(facts), end(ending));
            ("session-down", with(session(facts), came_to))
        }
        Happening::Failed { peer, user, ending } => (
            "session-failed",
            with(json!({ "peer": peer, "user": user }), end(ending)),
        ),
    };
    let head = json!({ "time": show_moment(time), "event": event });
    with(head, fields)
}

fn session(facts: &Facts) -> Value {
    json!({
        "session": facts.session.as_str(), "number": facts.number, "user": facts.user,
        "group": facts.group, "back_end": facts.back_end, "peer": facts.peer, "local": facts.local,
        "address": facts.address, "prefix": facts.prefix, "routes": facts.routes,
        "method": facts.method, "encryption": facts.encryption,
    })
}

fn traffic(facts: &Facts) -> Value {
    let Traffic { packets, octets } = facts.received;
    json!({
        "seconds": facts.lasted.as_secs(), "received_packets": packets, "received_bytes": octets,
        "sent_packets": facts.sent.packets, "sent_bytes": facts.sent.octets,
    })
}

fn end(ending: &Ending) -> Value {
    json!({
        "cause": ending.cause.name(), "reason": ending.why,
        "ras_error": ending.ras_error.map(|error| error.code),
        "ras_meaning": ending.ras_error.map(|error| error.meaning()),
    })
}

/// Both objects in one, without what is null.
fn with(first: Value, second: Value) -> Value {
    let objects = [first, second].into_iter().filter_map(|it| match it {
        Value::Object(object) => Some(object),
        _ => None,
    });
    let fields = objects.flatten().filter(|(_, value)| !value.is_null());
    Value::Object(fields.collect::<Map<_, _>>())
}
