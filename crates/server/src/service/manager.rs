use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::time::{ClockId, clock_gettime};

/// Where the service manager listens (sd_notify(3)).
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The service manager's socket.
pub(super) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// The one that the environment names, if any. One that cannot be used is told in the log.
    pub(super) fn from_environment() -> Option<Self> {
        let name = env::var_os(VARIABLE).filter(|name| !name.is_empty())?;
        match Self::at(&name) {
            Ok(manager) => Some(manager),
            Err(error) => {
                tracing::warn!("the service manager cannot be told at {name:?}: {error}");
                None
            }
        }
    }

    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    /// Tells it lines of `KEY=value`. A manager that does not keep up is not waited for.
    pub(super) fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.address) {
            tracing::debug!("the service manager is not told {state:?}: {error}");
        }
    }
}

/// The time that goes with `RELOADING=1`.
pub(super) fn monotonic_microseconds() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .ok()
        .and_then(|time| {
            let seconds = u64::try_from(time.tv_sec()).ok()?;
            let nanoseconds = u64::try_from(time.tv_nsec()).ok()?;
            Some(seconds * 1_000_000 + nanoseconds / 1000)
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_at_a_path_or_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("adit-test-{}", std::process::id());
        let listeners = [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.as_os_str().to_owned(),
            ),
            (
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap())
                    .unwrap(),
                format!("@{abstract_name}").into(),
            ),
        ];
        for (listener, name) in listeners {
            Manager::at(&name).unwrap().tell("READY=1");
            let mut buffer = [0; 64];
            let count = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], b"READY=1");
        }
        assert!(Manager::at(OsStr::new("vsock:2:1234")).is_err());
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::at(path.as_os_str()).unwrap();
        // More than any queue of datagrams holds.
        for _ in 0..100_000 {
            manager.tell("WATCHDOG=1");
        }
        let mut buffer = [0; 64];
        assert_eq!(listener.recv(&mut buffer).unwrap(), 10);
    }
}
