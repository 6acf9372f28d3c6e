//! Clients leave the host under its own address.

use ipnet::IpNet;

use crate::nft;

/// Tables of nftables that are there as long as this is.
pub(super) struct Masquerade {
    tables: Vec<String>,
}

impl Masquerade {
    /// The tables that it takes for clients in these networks, behind this interface.
    pub(super) fn tables(networks: &[IpNet], interface: &str) -> Vec<String> {
        let families = families(networks).into_iter();
        let of_family = families.filter(|(_, networks)| !networks.is_empty());
        of_family
            .map(|(family, _)| table(family, interface))
            .collect()
    }

    /// Makes the tables, in place of what a killed predecessor may have left.
    ///
    /// # Errors
    /// What nftables said.
    pub(super) fn set_up(networks: &[IpNet], interface: &str) -> Result<Self, String> {
        let mut script = String::new();
        for (family, networks) in families(networks) {
            if networks.is_empty() {
                continue;
            }
            let table = table(family, interface);
            let networks = networks.join(", ");
            script.push_str(&format!(
                "add table {table}\n\
                 flush table {table}\n\
                 add chain {table} postrouting {{ type nat hook postrouting priority srcnat ; }}\n\
                 add rule {table} postrouting {family} saddr {{ {networks} }} oifname != \"{interface}\" masquerade\n"
            ));
        }
        nft::run(&script)?;
        Ok(Self {
            tables: Self::tables(networks, interface),
        })
    }
}

impl Drop for Masquerade {
    fn drop(&mut self) {
        for table in &self.tables {
            if let Err(problem) = nft::run(&format!("delete table {table}\n")) {
                tracing::warn!("the nftables table {table} is left behind: nft {problem}");
            }
        }
    }
}

/// The networks of each family. Those of IPv6 that the Internet knows the way to are nobody's secret: only unique
/// local ones (RFC 4193) are hidden behind the host.
fn families(networks: &[IpNet]) -> [(&'static str, Vec<String>); 2] {
    let v4 = networks.iter().filter(|it| matches!(it, IpNet::V4(_)));
    let v6 = networks
        .iter()
        .filter(|it| matches!(it, IpNet::V6(net) if net.network().is_unique_local()));
    [
        ("ip", v4.map(ToString::to_string).collect()),
        ("ip6", v6.map(ToString::to_string).collect()),
    ]
}

fn table(family: &str, interface: &str) -> String {
    format!("{family} adit_{}", nft::identifier(interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_a_table_where_there_is_something_to_hide() {
        let networks = |texts: &[&str]| -> Vec<IpNet> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let cases: [(&[&str], &[&str]); 3] = [
            (&["10.0.0.0/24", "2001:db8::/48"], &["ip adit_adit0"]),
            (
                &["10.0.0.0/24", "fd00:1::/48"],
                &["ip adit_adit0", "ip6 adit_adit0"],
            ),
            (&["2001:db8::/48"], &[]),
        ];
        for (texts, tables) in cases {
            assert_eq!(Masquerade::tables(&networks(texts), "adit0"), tables);
        }
    }
}
