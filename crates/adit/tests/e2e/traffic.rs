//! Traffic between hosts, and what arrives of it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::thread;

use adit_net::namespace::Host;
use sha2::{Digest, Sha256};

use crate::program::PATIENCE;

/// Pings `target` some times and returns how many answers came. `options` are those of ping(8).
pub(crate) fn ping(host: &Host, target: &str, count: u32, options: &[&str]) -> u32 {
    let report = ping_report(host, target, count, options);
    let received = report.lines().find_map(|line| {
        line.split(", ")
            .find_map(|part| part.strip_suffix(" received"))
    });
    let received = received.unwrap_or_else(|| panic!("{report}"));
    received.parse().unwrap()
}

/// What ping(8) says.
pub(crate) fn ping_report(host: &Host, target: &str, count: u32, options: &[&str]) -> String {
    let count = count.to_string();
    // Once one answer has come, ping waits for the others no longer than the interval.
    let output = host
        .command("ping")
        .args(["-n", "-i", "0.1", "-W", "2", "-c", &count])
        .args(options)
        .arg(target)
        .output()
        .unwrap();
    [output.stdout, output.stderr]
        .map(|text| String::from_utf8(text).unwrap())
        .concat()
}

/// Asserts that both of the addresses, each on its host, answer pings of the other host.
pub(crate) fn both_answer(server: (&Host, &str), client: (&Host, &str)) {
    assert_eq!(ping(client.0, server.1, 3, &[]), 3, "from the client");
    assert_eq!(ping(server.0, client.1, 3, &[]), 3, "from the server");
}

/// Sends `octets` by TCP to an address of another host and compares what arrives. Returns the segment
/// sizes that the sender and the receiver use.
pub(crate) fn transfer(from: &Host, (to, address): (&Host, SocketAddr), octets: usize) -> [u32; 2] {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let listener = to.run(|| TcpListener::bind((any, 0)).unwrap()).unwrap();
    let mut address = address;
    address.set_port(listener.local_addr().unwrap().port());
    let mut sending = connect(from, address);
    let sender = thread::spawn(move || {
        let (data, digest) = data(octets);
        sending.write_all(&data).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
        (digest, segment_size(&sending))
    });
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    let (digest, size) = sender.join().unwrap();
    assert_eq!(received.len(), octets);
    assert_eq!(Sha256::digest(&received).to_vec(), digest);
    [size, segment_size(&stream)]
}

/// Transfers in both directions between two hosts; each address is the other one's.
pub(crate) fn transfer_both_ways(
    server: (&Host, SocketAddr),
    client: (&Host, SocketAddr),
    octets: usize,
) {
    transfer(client.0, server, octets);
    transfer(server.0, client, octets);
}

fn connect(host: &Host, address: SocketAddr) -> TcpStream {
    host.run(|| {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    })
    .unwrap()
}

fn segment_size(stream: &TcpStream) -> u32 {
    socket2::SockRef::from(stream).tcp_mss().unwrap()
}

fn data(octets: usize) -> (Vec<u8>, Vec<u8>) {
    let mut state = 1u64;
    let data: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(octets)
    .collect();
    let digest = Sha256::digest(&data).to_vec();
    (data, digest)
}

/// An address to which TCP connections go.
pub(crate) fn address(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 0)
}

/// A link-local address, with the number of the sender's link to it.
pub(crate) fn on_link(address: Ipv6Addr, link: u32) -> SocketAddr {
    SocketAddr::V6(SocketAddrV6::new(address, 0, 0, link))
}
