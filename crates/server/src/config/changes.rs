//! What is different between two configurations, and what of it a running server can take over.

use super::types::Config;

/// What a new configuration changes, by the names of keys and sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What a running server takes over.
    pub live: Vec<&'static str>,
    /// What counts from the next start only.
    pub restart: Vec<&'static str>,
}

/// A key, or a section whose keys share one fate.
struct Key {
    name: &'static str,
    when: When,
    same: fn(&Config, &Config) -> bool,
    /// Gives a configuration what another one has for this key.
    keep: fn(&mut Config, &Config),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// A running server takes it over: for new connections, calls and sessions, or for all at once.
    Live,
    /// It was used to set up what cannot be taken down without ending all sessions.
    Restart,
}

macro_rules! keys {
    ($($when:ident { $($name:literal: $($field:ident).+,)* })*) => {
        &[$($(Key {
            name: $name,
            when: When::$when,
            same: |one, other| one.$($field).+ == other.$($field).+,
            keep: |config, from| config.$($field).+.clone_from(&from.$($field).+),
        },)*)*]
    };
}

const KEYS: &[Key] = keys! {
    Live {
        "listen": listen,
        "network.dns": network.dns,
        "network.wins": network.wins,
        "network.clamp_mss": network.clamp_mss,
        "network.ipv6_dns": network.ipv6_dns,
        "pools": pools,
        "ipv6_pools": ipv6_pools,
        "authentication.methods": authentication.methods,
        "authentication.attempts": authentication.attempts,
        "authentication.timeout_seconds": authentication.timeout,
        "authentication.rechallenge_seconds": authentication.rechallenge,
        "authentication.password_change": authentication.password_change,
        "authentication.on_unreachable": authentication.on_unreachable,
        "policy": policy,
        "encryption.policy": encryption.policy,
        "encryption.strengths": encryption.strengths,
        "encryption.modes": encryption.modes,
        "ppp.lcp_echo_interval_seconds": ppp.lcp_echo_interval,
        "ppp.lcp_echo_failures": ppp.lcp_echo_failures,
        "ppp.restart_timer_ms": ppp.restart_timer,
        "ppp.first_retransmit_ms": ppp.first_retransmit,
        "ppp.max_configure": ppp.max_configure,
        "ppp.max_terminate": ppp.max_terminate,
        "ppp.max_failure": ppp.max_failure,
        "ppp.mru": ppp.mru,
        "pptp.echo_interval_seconds": pptp.echo_interval,
        "pptp.echo_timeout_seconds": pptp.echo_timeout,
        "pptp.half_open_seconds": pptp.half_open,
        "pptp.host_name": pptp.host_name,
        "pptp.vendor": pptp.vendor,
        "pptp.max_calls_per_connection": pptp.max_calls_per_connection,
        "gre.reorder_ms": gre.reorder,
        "gre.reorder_packets": gre.reorder_packets,
        "gre.ack_delay_ms": gre.ack_delay,
        "limits.sessions": limits.sessions,
        "limits.connections": limits.connections,
        "limits.connections_per_address": limits.connections_per_address,
        "limits.half_open": limits.half_open,
        "limits.allow": limits.access.allow,
        "limits.deny": limits.access.deny,
        "events": events,
        "log.level": log.level,
        "hooks.ip_up": hooks.ip_up,
        "hooks.ip_down": hooks.ip_down,
        "hooks.timeout_seconds": hooks.timeout,
        "hooks.parallel": hooks.parallel,
    }
    Restart {
        "control_socket": control_socket,
        "network.interface": network.interface,
        "network.pool": network.pool,
        "network.mtu": network.mtu,
        "network.ipv6": network.ipv6,
        "network.ipv6_prefix": network.ipv6_prefix,
        "network.forward": network.forward,
        "network.masquerade": network.masquerade,
        "network.proxy_arp": network.proxy_arp,
        "network.offload": network.offload,
        "users": users,
        "authentication.order": authentication.order,
        "radius": radius,
        "postgresql": postgresql,
        "gre.any_source": gre.any_source,
        "gre.transmit": gre.transmit,
        "gre.receive_buffer": gre.receive_buffer,
        "gre.send_buffer": gre.send_buffer,
        "workers.count": workers.count,
        "workers.pin": workers.pin,
        "firewall": firewall,
        "log.target": log.target,
        "metrics": metrics,
        "log.format": log.format,
    }
};

impl Config {
    /// What a server that runs by this configuration makes of another one: the other one, except for what
    /// takes a new start.
    pub fn succeeded_by(&self, mut new: Self) -> (Self, Changes) {
        let mut changes = Changes::default();
        for key in KEYS.iter().filter(|key| !(key.same)(self, &new)) {
            match key.when {
                When::Live => changes.live.push(key.name),
                When::Restart => changes.restart.push(key.name),
            }
        }
        for key in KEYS.iter().filter(|key| key.when == When::Restart) {
            (key.keep)(&mut new, self);
        }
        (new, changes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::known_keys;
    use super::*;

    #[test]
    fn every_key_is_known_to_change_live_or_not() {
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        for section in known_keys("") {
            if names.contains(&section.as_str()) {
                continue;
            }
            for key in known_keys(&format!("[{section}]")) {
                let name = format!("{section}.{key}");
                assert!(names.contains(&name.as_str()), "{name}");
            }
        }
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
        }
    }

    #[test]
    fn what_takes_a_restart_stays_and_is_named_again() {
        let running = Config::default();
        let text = "listen = [\"127.0.0.1:1723\"]\n[workers]\ncount = 2\n[limits]\nsessions = 5\n\
                    [network]\npool = \"10.9.0.0/24\"";
        let wanted = Config::parse(text, "x").unwrap();
        let (next, changes) = running.succeeded_by(wanted.clone());
        assert_eq!(changes.live, ["listen", "limits.sessions"]);
        assert_eq!(changes.restart, ["network.pool", "workers.count"]);
        assert_eq!(next.workers, running.workers);
        assert_eq!(next.network, running.network);
        assert_eq!(next.limits.sessions, 5);
        let (again, changes) = next.succeeded_by(wanted);
        assert_eq!(again, next);
        assert_eq!(changes.live, [""; 0]);
        assert_eq!(changes.restart, ["network.pool", "workers.count"]);
    }
}
