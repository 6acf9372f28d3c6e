//! Arguments for the policy of a user or a group, and policies as text.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use adit_server::users::{
    BadValue, Field, Policy, Simultaneous, parse_amount, parse_duration, parse_moment, show_amount,
    show_duration, show_moment,
};
use clap::Args;
use ipnet::{IpNet, Ipv4Net};

/// Values of a policy; zero as a limit is no limit, also where the group has one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Pool that the address comes from.
    #[arg(long, value_name = "POOL")]
    pub pool: Option<String>,

    /// Pool that the IPv6 prefix comes from.
    #[arg(long, value_name = "POOL")]
    pub ipv6_pool: Option<String>,

    /// Longest session, as 8h.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub session_limit: Option<Duration>,

    /// End sessions that are without traffic for so long, as 15m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_limit: Option<Duration>,

    /// End of the account: 2027-01-31 (UTC), 2027-01-31T18:00:00+01:00, 30d (from now) or never.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub expires: Option<u64>,

    /// Octets that a session may move, both ways together, as 50G.
    #[arg(long, value_name = "OCTETS", value_parser = parse_amount)]
    pub volume: Option<u64>,

    /// Rate to the client in bits per second, as 10M.
    #[arg(long, value_name = "BITS/S", value_parser = parse_amount)]
    pub rate_down: Option<u64>,

    /// Rate from the client in bits per second, as 512k.
    #[arg(long, value_name = "BITS/S", value_parser = parse_amount)]
    pub rate_up: Option<u64>,

    /// Sessions at once: allow, refuse, replace or a number.
    #[arg(long, value_name = "RULE")]
    pub simultaneous: Option<Simultaneous>,

    /// Networks to connect from, separated by commas.
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',')]
    pub sources: Option<Vec<Ipv4Net>>,

    /// Networks behind the client, separated by commas.
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',')]
    pub routes: Option<Vec<IpNet>>,
}

impl From<PolicyArgs> for Policy {
    fn from(args: PolicyArgs) -> Self {
        Self {
            pool: args.pool,
            ipv6_pool: args.ipv6_pool,
            session_limit: args.session_limit,
            idle_limit: args.idle_limit,
            expires: args.expires,
            volume: args.volume,
            rate_down: args.rate_down,
            rate_up: args.rate_up,
            simultaneous: args.simultaneous,
            sources: args.sources,
            routes: args.routes,
        }
    }
}

/// The seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn moment(text: &str) -> Result<u64, BadValue> {
    parse_moment(text, now())
}

/// Fields that `--unset` takes, by the names of their arguments.
const NAMES: [(&str, Field); 13] = [
    ("address", Field::Address),
    ("group", Field::Group),
    ("pool", Field::Pool),
    ("ipv6-pool", Field::Ipv6Pool),
    ("session-limit", Field::SessionLimit),
    ("idle-limit", Field::IdleLimit),
    ("expires", Field::Expires),
    ("volume", Field::Volume),
    ("rate-down", Field::RateDown),
    ("rate-up", Field::RateUp),
    ("simultaneous", Field::Simultaneous),
    ("sources", Field::Sources),
    ("routes", Field::Routes),
];

/// The field of a user with this name.
pub(crate) fn field_of_user(name: &str) -> Result<Field, String> {
    find(name, &NAMES)
}

/// The field of a group with this name.
pub(crate) fn field_of_group(name: &str) -> Result<Field, String> {
    find(name, &NAMES[2..])
}

fn find(name: &str, fields: &[(&str, Field)]) -> Result<Field, String> {
    match fields.iter().find(|(it, _)| *it == name) {
        Some((_, field)) => Ok(*field),
        None => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            Err(format!("use one of {}", names.join(", ")))
        }
    }
}

/// A line for each value that is set.
pub(crate) fn lines(policy: &Policy, to: &mut String) {
    let list = |items: Vec<String>| match items.is_empty() {
        true => "any".to_owned(),
        false => items.join(", "),
    };
    let limit = |text: String| match text.as_str() {
        "0" => "no limit".to_owned(),
        _ => text,
    };
    let rate = |bits: u64| match bits {
        0 => "no limit".to_owned(),
        bits => format!("{}bit/s", show_amount(bits)),
    };
    let duration = |limited: Duration| limit(show_duration(limited));
    let networks = |them: &Vec<Ipv4Net>| list(them.iter().map(ToString::to_string).collect());
    let routes = |them: &Vec<IpNet>| list(them.iter().map(ToString::to_string).collect());
    line(to, "pool", policy.pool.clone());
    line(to, "IPv6 pool", policy.ipv6_pool.clone());
    line(to, "session limit", policy.session_limit.map(duration));
    line(to, "idle limit", policy.idle_limit.map(duration));
    line(to, "expires", policy.expires.map(show_moment));
    let volume = |octets| limit(show_amount(octets));
    line(to, "volume", policy.volume.map(volume));
    line(to, "rate down", policy.rate_down.map(rate));
    line(to, "rate up", policy.rate_up.map(rate));
    let rule = |rule: Simultaneous| rule.to_string();
    line(to, "simultaneous", policy.simultaneous.map(rule));
    line(to, "sources", policy.sources.as_ref().map(networks));
    line(to, "routes", policy.routes.as_ref().map(routes));
}

/// A name and what belongs to it, if there is anything.
pub(crate) fn line(to: &mut String, name: &str, value: Option<String>) {
    if let Some(value) = value {
        // Writing to a string cannot fail.
        let _ = writeln!(to, "{name:15}{value}");
    }
}

/// Whether an account has ended.
pub(crate) fn is_expired(policy: &Policy) -> bool {
    policy.expires.is_some_and(|end| end != 0 && end <= now())
}
