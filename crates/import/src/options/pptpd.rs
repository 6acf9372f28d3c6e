//! Options of pptpd, as its manual page and sources have them.

use super::{Known, carried, missing, needless};

pub(super) const TABLE: &[Known] = &[
    carried(
        "",
        "localip",
        "`[network] pool`: the server's end of the tunnels, one for all",
    ),
    carried("", "remoteip", "`[network] pool` or `[[pools]]`"),
    carried("", "connections", "`[limits] sessions`"),
    carried("", "listen", "`listen`"),
    carried("", "option", "the file is imported too"),
    carried("", "stimeout", "`[pptp] half_open_seconds`"),
    carried(
        "",
        "delegate",
        "addresses come from RADIUS or the secrets file; `localip` and `remoteip` do not count",
    ),
    needless(
        "",
        "debug",
        "`adit trace USER`, `adit log-level` and `-v` show packets when they are wanted",
    ),
    needless("", "ppp", "there is no pppd"),
    needless("", "speed", "there is no terminal line"),
    needless(
        "",
        "noipparam",
        "the client's outer address is a parameter of `[hooks]` programs; they may ignore it",
    ),
    needless("", "pidfile", "systemd knows the process"),
    missing(
        "",
        "logwtmp",
        "no session is written to wtmp; `[events]` has a line for each",
    ),
    missing(
        "",
        "bcrelay",
        "broadcasts are not relayed; `[network] wins` makes names of Windows known",
    ),
    missing(
        "",
        "vrf",
        "start the server in the VRF, as by `ip vrf exec`",
    ),
];
