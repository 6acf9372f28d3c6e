//! The client against servers that do what a good server would not, on hosts in network namespaces.
//! What the host looks like is the same before and after each connection.

#[cfg(test)]
mod call;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod script;
#[cfg(test)]
mod server;
#[cfg(test)]
mod setup;
