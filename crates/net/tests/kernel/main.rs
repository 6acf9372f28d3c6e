//! What the crate does on a real kernel, in network namespaces of its own.

#[cfg(test)]
mod batch;
#[cfg(test)]
mod common;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod gre;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod netlink;
#[cfg(test)]
mod offload;
#[cfg(test)]
mod tun;
