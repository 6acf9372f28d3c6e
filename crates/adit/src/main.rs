//! The `adit` program: a PPTP server and client in user space.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adit::run()
}
