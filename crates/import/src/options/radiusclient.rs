//! Options of radiusclient, radcli and freeradius-client, as pppd's plugin `radius.so` reads them.

use super::{Known, carried, missing, needless};

const LOCAL_LOGIN: &str = "it is for logins at a terminal";

pub(super) const TABLE: &[Known] = &[
    carried("", "authserver", "`[[radius.servers]]`"),
    carried("", "acctserver", "`[[radius.servers]]`"),
    carried("", "servers", "`[[radius.servers]] secret_file`"),
    carried("", "radius_timeout", "`[radius] timeout_ms`"),
    carried("", "radius_retries", "`[radius] tries`"),
    carried("", "radius_deadtime", "`[radius] dead_seconds`"),
    carried("", "nas_identifier", "`[radius] nas_identifier`"),
    carried("", "nas-identifier", "`[radius] nas_identifier`"),
    carried("", "nas-ip", "`[radius] nas_ip_address`"),
    carried("", "bindaddr", "`[radius] source_address`"),
    missing(
        "",
        "default_realm",
        "names go to the server as clients send them; its own rules can add a realm",
    ),
    needless("", "dictionary", "attributes are built in"),
    needless("", "seqfile", "identifiers are kept in memory"),
    needless("", "mapfile", "NAS-Port is a number of Adit's own"),
    needless("", "auth_order", LOCAL_LOGIN),
    needless("", "login_tries", LOCAL_LOGIN),
    needless("", "login_timeout", LOCAL_LOGIN),
    needless("", "login_radius", LOCAL_LOGIN),
    needless("", "login_local", LOCAL_LOGIN),
    needless("", "nologin", LOCAL_LOGIN),
    needless("", "issue", LOCAL_LOGIN),
    missing("", "serv-type", "RADIUS goes over UDP"),
    missing("", "clientdebug", "`adit trace USER` shows what is asked"),
];
