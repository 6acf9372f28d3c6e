//! A real server and real clients, on hosts made of network namespaces.

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod accounting_spool;
#[cfg(test)]
mod adit;
#[cfg(test)]
mod bench_sessions;
#[cfg(test)]
mod bench_throughput;
#[cfg(test)]
mod control;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dns;
#[cfg(test)]
mod dynamic_authorization;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod fail2ban;
#[cfg(test)]
mod freeradius;
#[cfg(test)]
mod freeradius_harness;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod host;
#[cfg(test)]
mod impaired;
#[cfg(test)]
mod ipv6;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod leaving;
#[cfg(test)]
mod login;
#[cfg(test)]
mod many;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod postgresql;
#[cfg(test)]
mod program;
#[cfg(test)]
mod radius_login;
mod reload;
#[cfg(test)]
mod rogue_radius;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod start;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod workers;
