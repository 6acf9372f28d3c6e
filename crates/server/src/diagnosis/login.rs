//! Logins that came to nothing.

use adit_ppp::auth::Refusal;

use super::told;
use crate::control_socket::Diagnosis;

/// A login that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The name as the client sent it.
    pub(crate) name: String,
    /// What stood in its way.
    pub(crate) obstacle: Obstacle,
    /// What the log says of it.
    pub(crate) why: String,
}

/// What stood in the way of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Nobody has this name.
    UnknownUser,
    /// Whoever knows the users refused it.
    Refused(Refusal),
    /// Whoever knows the users could not be reached.
    Unreachable,
    /// There is no address for the user.
    NoAddress,
    /// A rule of this server's: sessions at the same time, time, volume, where the client comes from.
    Policy,
}

/// A session that ended because its login was refused.
pub(super) fn refused(refusal: Refusal, trouble: Option<&Trouble>) -> Diagnosis {
    match trouble {
        Some(trouble) => of_trouble(trouble),
        None => told(
            "login-refused",
            format!("the login was refused: {refusal}"),
            None,
        ),
    }
}

/// A session whose client left after its login was refused.
pub(super) fn gave_up(trouble: &Trouble) -> Diagnosis {
    of_trouble(trouble)
}

fn of_trouble(trouble: &Trouble) -> Diagnosis {
    let Trouble {
        name,
        obstacle,
        why,
    } = trouble;
    let name = name.escape_debug();
    match obstacle {
        Obstacle::UnknownUser => unknown_user(&trouble.name),
        Obstacle::Refused(Refusal::WrongPassword) => told(
            "wrong-password",
            format!("the password of `{name}` is wrong"),
            Some("type it anew on the client, or set it with `adit user passwd`"),
        ),
        Obstacle::Refused(Refusal::PasswordExpired) => told(
            "password-expired",
            format!("the password of `{name}` has expired"),
            Some("set a new one, or allow `password_change` in the section [authentication]"),
        ),
        Obstacle::Refused(Refusal::AccountDisabled) => told(
            "account-disabled",
            format!("the account `{name}` is disabled"),
            Some("enable it with `adit user enable`"),
        ),
        Obstacle::Refused(refusal) => told(
            "login-refused",
            format!("`{name}` was refused: {why}"),
            advice_to(*refusal),
        ),
        Obstacle::Unreachable => told(
            "users-unreachable",
            format!("`{name}` could not be looked up: {why}"),
            Some(
                "see whether the database or the RADIUS server runs and can be reached from this host",
            ),
        ),
        Obstacle::NoAddress => told(
            "no-address",
            format!("there is no address for `{name}`: {why}"),
            Some("see `adit pool`; enlarge the pool, or give the user another address or pool"),
        ),
        Obstacle::Policy => told(
            "not-allowed",
            format!("`{name}` may not connect: {why}"),
            None,
        ),
    }
}

const fn advice_to(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::RestrictedLogonHours => Some("see the account's expiry or hours"),
        Refusal::Unavailable => Some("see the lines before this one in the server's log"),
        _ => None,
    }
}

/// A name with a domain or realm is the most usual one that nobody has.
fn unknown_user(name: &str) -> Diagnosis {
    let shown = name.escape_debug();
    if let Some((_, user)) = name.rsplit_once('\\') {
        let user = user.escape_debug();
        return told(
            "domain-in-name",
            format!("there is no user `{shown}`: the client sends a domain with the name"),
            Some(&format!(
                "leave the domain out on the client (Windows: \"Include Windows logon domain\"), or add the \
                 user `{user}`"
            )),
        );
    }
    if let Some((user, _)) = name.split_once('@') {
        let user = user.escape_debug();
        return told(
            "domain-in-name",
            format!("there is no user `{shown}`: the client sends a realm with the name"),
            Some(&format!(
                "log in as `{user}`, or add the user under the whole name"
            )),
        );
    }
    told(
        "unknown-user",
        format!("there is no user `{shown}`"),
        Some("see the name on the client, or add the user with `adit user add`"),
    )
}
