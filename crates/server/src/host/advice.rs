//! What the host lacks for clients to get anywhere, with the way to change it.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use adit_net::netlink::Netlink;
use adit_net::sysctl;
use ipnet::IpNet;

use super::journal::PARAMETERS;
use crate::config::Config;

/// What an operator should know about this host and the configuration, a sentence each: what clients cannot reach as
/// things are, and the command or the setting that changes it. Nothing is changed.
pub fn advice(config: &Config) -> Vec<String> {
    let mut advice = Vec::new();
    let forwards = advise_forwarding(config, &mut advice);
    advise_way_back(config, forwards, &mut advice);
    advise_listen(config, &mut advice);
    for (key, program) in config.hooks.programs() {
        if let Some(problem) = not_a_program(program) {
            advice.push(format!("{key}: {} {problem}", program.display()));
        }
    }
    advice
}

/// Whether IPv4 packets of clients go further than this host.
fn advise_forwarding(config: &Config, advice: &mut Vec<String>) -> bool {
    let [v4, v6] = PARAMETERS.map(|name| (name, sysctl::read(name)));
    let has_v6 = config
        .client_networks()
        .iter()
        .any(|it| matches!(it, IpNet::V6(_)));
    let is_off = |value: &Result<String, _>| value.as_ref().is_ok_and(|value| value == "0");
    if config.network.forward {
        return true;
    }
    if is_off(&v4.1) {
        advice.push(format!(
            "this host does not forward IPv4 packets, so clients reach it and nothing behind it; run \
             `sysctl -w {}=1`, or set forward = true in the section [network]",
            v4.0
        ));
    }
    if has_v6 && is_off(&v6.1) {
        advice.push(format!(
            "this host does not forward IPv6 packets, so clients reach it and nothing behind it; run \
             `sysctl -w {}=1`, or set forward = true in the section [network]",
            v6.0
        ));
    }
    !is_off(&v4.1)
}

/// Hosts behind this one have to know the way to clients.
fn advise_way_back(config: &Config, forwards: bool, advice: &mut Vec<String>) {
    let links = Netlink::open().and_then(|mut netlink| netlink.addresses());
    let links = links.unwrap_or_default();
    for network in config.client_networks() {
        let IpNet::V4(pool) = network else {
            continue;
        };
        let within = links.iter().find(|link| {
            let wider =
                |it: IpNet| it.contains(&IpNet::V4(pool)) && it.prefix_len() < pool.prefix_len();
            link.network().is_some_and(wider)
        });
        if let Some(link) = within.and_then(|link| link.network())
            && !config.network.proxy_arp
        {
            advice.push(format!(
                "{pool} is a part of the network {link} of this host, whose hosts look for clients on their own \
                 link; set proxy_arp = true in the section [network] to answer for them"
            ));
        } else if within.is_none() && forwards && !config.network.masquerade {
            let via = links.iter().map(|link| link.local).find(is_usable_gateway);
            let via = via.map_or_else(|| "ADDRESS-OF-THIS-HOST".to_owned(), |it| it.to_string());
            advice.push(format!(
                "hosts behind this one answer clients only if they know the way to {pool}; run `ip route add \
                 {pool} via {via}` on their router, or set masquerade = true in the section [network]"
            ));
        }
    }
}

fn is_usable_gateway(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_link_local())
}

fn advise_listen(config: &Config, advice: &mut Vec<String>) {
    let Ok(mut netlink) = Netlink::open() else {
        return;
    };
    for place in &config.listen {
        if let Some(interface) = &place.interface
            && netlink.link_by_name(interface).is_err()
        {
            advice.push(format!(
                "listen: {place} cannot be listened at: this host has no interface {interface} now"
            ));
        }
    }
}

/// What keeps a file from being run, or should.
fn not_a_program(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) => Some(format!("cannot be run: {error}")),
        Ok(metadata) if !metadata.is_file() => Some("cannot be run: it is no file".to_owned()),
        Ok(metadata) => match metadata.permissions().mode() {
            mode if mode & 0o111 == 0 => Some("cannot be run: nobody may; use chmod +x".to_owned()),
            mode if mode & 0o002 != 0 => {
                Some("can be changed by anyone on this host; use chmod o-w".to_owned())
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn programs_are_files_that_can_be_run_and_that_others_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let problem = || not_a_program(&path).unwrap_or_default();
        assert!(problem().contains("No such file"));
        fs::write(&path, "").unwrap();
        for (mode, said) in [
            (0o600, "nobody may"),
            (0o702, "can be changed by anyone"),
            (0o700, ""),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                problem().contains(said) && said.is_empty() == problem().is_empty(),
                "{mode:o}"
            );
        }
        assert!(not_a_program(directory.path()).is_some());
    }
}
