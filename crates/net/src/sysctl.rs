//! Kernel parameters, by the names of sysctl(8): `net.ipv4.ip_forward`.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A parameter that cannot be read or set.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} the kernel parameter {name}")]
pub struct SysctlError {
    verb: &'static str,
    name: String,
    source: io::Error,
}

impl SysctlError {
    /// Whether the kernel has no such parameter: a module is not loaded, a link is gone.
    pub fn is_absent(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// The value of a parameter, without the line end.
///
/// # Errors
/// There is no such parameter, or no permission.
pub fn read(name: &str) -> Result<String, SysctlError> {
    fs::read_to_string(path(name))
        .map(|value| value.trim_end().to_owned())
        .map_err(|source| SysctlError {
            verb: "read",
            name: name.to_owned(),
            source,
        })
}

/// Sets a parameter.
///
/// # Errors
/// There is no such parameter, it does not take the value, or no permission (in a container, `/proc/sys`
/// is often read-only).
pub fn write(name: &str, value: &str) -> Result<(), SysctlError> {
    fs::write(path(name), value).map_err(|source| refused(name, source))
}

pub(crate) fn refused(name: &str, source: io::Error) -> SysctlError {
    SysctlError {
        verb: "set",
        name: name.to_owned(),
        source,
    }
}

/// The file of a parameter: dots separate, and a slash stands for a dot within a name, as in
/// `net.ipv4.conf.eth0/100.rp_filter`.
pub(crate) fn path(name: &str) -> PathBuf {
    let swapped = name.chars().map(|letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    PathBuf::from("/proc/sys").join(swapped.collect::<String>().trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file() {
        assert_eq!(
            path("net.ipv4.ip_forward"),
            PathBuf::from("/proc/sys/net/ipv4/ip_forward")
        );
        let vlan = PathBuf::from("/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
        assert_eq!(path("net.ipv4.conf.eth0/100.rp_filter"), vlan);
        assert!(path(".etc").starts_with("/proc/sys"));
    }

    #[test]
    fn reads_a_value_and_names_what_is_absent() {
        assert!(!read("kernel.ostype").unwrap().ends_with('\n'));
        let error = read("net.ipv4.no_such").unwrap_err();
        assert!(error.is_absent());
        assert_eq!(
            error.to_string(),
            "cannot read the kernel parameter net.ipv4.no_such"
        );
    }
}
