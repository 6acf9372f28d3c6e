//! Operating-system edge: TUN devices, raw GRE sockets, batched system calls, netlink and network namespaces.

#![deny(unsafe_op_in_unsafe_fn)]
