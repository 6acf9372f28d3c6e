//! `adit bench throughput`.

use std::time::Duration;

use adit_bench::subject::{Encryption, Subject, TunMtu};
use adit_bench::throughput::{Case, Direction, IpVersion, Settings, run as measure};
use anyhow::{Context, ensure};
use clap::Args;

use super::progress::Line;
use super::show::ShowArgs;
use crate::exit::{Code, Coded};
use crate::namespaces::on_own_hosts;

const EXAMPLES: &str = "\
Examples:
  adit bench throughput                one TCP stream from the server to the client, MPPE-128, half a minute
  adit bench throughput --compare      the same, beside OpenVPN and wireguard-go
  adit bench throughput --subjects adit-128,adit-off --streams 1,16 --directions down,up --ip 4,6
  adit bench throughput --full --compare --json >all.json
  adit bench throughput --compare --plot throughput.svg --update performance.md

Each subject has two hosts of its own, made of network namespaces and joined by a veth cable; the machine's own
network is not touched. The bare cable is always measured too. Needs root, or unprivileged user namespaces and an
accessible /dev/net/tun. What else runs on the machine shows in the figures.";

/// What `--compare` adds: OpenVPN and wireguard-go.
const PEERS: [Subject; 2] = [Subject::OpenVpn(TunMtu::Standard), Subject::WireguardGo];
const EVERYTHING: [Subject; 7] = [
    Subject::Adit(Encryption::Off),
    Subject::Adit(Encryption::Mppe40),
    Subject::Adit(Encryption::Mppe128),
    Subject::Adit(Encryption::Mppe128Stateful),
    PEERS[0],
    Subject::OpenVpn(TunMtu::Jumbo),
    PEERS[1],
];

/// Arguments of `adit bench throughput`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ThroughputArgs {
    /// What to measure beside the cable: adit-128, adit-40, adit-off, adit-128-stateful, openvpn, openvpn-jumbo,
    /// wireguard-go; and adit-128 with one setting changed: adit-128-packet, adit-128-xdp, adit-128-no-offload,
    /// adit-128-small-buffers, adit-128-one-worker, adit-128-pinned.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "adit-128"
    )]
    pub subjects: Vec<Subject>,

    /// Measure OpenVPN and wireguard-go too, where they are installed, and tell the ratios.
    #[arg(long)]
    pub compare: bool,

    /// Numbers of streams at once.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub streams: Vec<u16>,

    /// Which way data goes: down (to the client), up.
    #[arg(
        long,
        value_name = "WAYS",
        value_delimiter = ',',
        default_value = "down"
    )]
    pub directions: Vec<Direction>,

    /// Versions of IP inside the tunnel: 4, 6.
    #[arg(
        long,
        value_name = "VERSIONS",
        value_delimiter = ',',
        default_value = "4"
    )]
    pub ip: Vec<IpVersion>,

    /// The whole matrix: 1, 4 and 16 streams, both ways, both versions of IP, every form of MPPE. Takes long.
    #[arg(long, conflicts_with_all = ["streams", "directions", "ip", "subjects"])]
    pub full: bool,

    /// Length of one measurement in seconds.
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    pub seconds: f64,

    /// Measurements of each case, of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,

    /// What to do with the results.
    #[command(flatten)]
    pub show: ShowArgs,
}

pub(super) fn run(args: &ThroughputArgs) -> anyhow::Result<Code> {
    let time = Duration::try_from_secs_f64(args.seconds).unwrap_or_default();
    ensure!(
        !time.is_zero(),
        Coded::usage("--seconds must be more than 0")
    );
    let settings = Settings {
        adit: std::env::current_exe().context("cannot find this program's own file")?,
        subjects: subjects(args),
        cases: cases(args),
        time,
        rounds: args.rounds,
    };
    on_own_hosts(|stop| {
        let report = {
            let mut progress = Line::default();
            measure(&settings, &mut progress, stop)?
        };
        args.show.show(&report)?;
        Ok(Code::Done)
    })
}

/// The cable and what was asked for, each once.
fn subjects(args: &ThroughputArgs) -> Vec<Subject> {
    let mut all = vec![Subject::Veth];
    if args.full {
        all.extend(EVERYTHING.iter().filter(|it| args.compare || !it.is_peer()));
    } else {
        all.extend(&args.subjects);
        all.extend(PEERS.iter().filter(|_| args.compare));
    }
    once(&all)
}

fn cases(args: &ThroughputArgs) -> Vec<Case> {
    let (mut versions, mut directions) = (args.ip.clone(), args.directions.clone());
    let mut streams = args.streams.clone();
    if args.full {
        versions = vec![IpVersion::V4, IpVersion::V6];
        directions = vec![Direction::Down, Direction::Up];
        streams = vec![1, 4, 16];
    }
    let mut cases = Vec::new();
    for ip in &versions {
        for direction in &directions {
            cases.extend(streams.iter().map(|&streams| Case {
                ip: *ip,
                streams,
                direction: *direction,
            }));
        }
    }
    once(&cases)
}

fn once<T: Copy + PartialEq>(all: &[T]) -> Vec<T> {
    let mut found = Vec::new();
    for it in all {
        if !found.contains(it) {
            found.push(*it);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ThroughputArgs,
    }

    fn parse(words: &str) -> ThroughputArgs {
        let words = std::iter::once("adit").chain(words.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.args).unwrap()
    }

    #[test]
    fn the_default_is_one_stream_beside_the_cable() {
        let args = parse("");
        let adit = Subject::Adit(Encryption::Mppe128);
        assert_eq!(subjects(&args), [Subject::Veth, adit]);
        let cases: Vec<String> = cases(&args).iter().map(Case::to_string).collect();
        assert_eq!(cases, ["1 stream down, IPv4"]);
    }

    #[test]
    fn lists_multiply_and_nothing_is_measured_twice() {
        let args =
            parse("--streams 1,4,1 --directions down,up --ip 6 --subjects veth,openvpn --compare");
        assert_eq!(cases(&args).len(), 4);
        let expected = [Subject::Veth, PEERS[0], PEERS[1]];
        assert_eq!(subjects(&args), expected);
    }

    #[test]
    fn the_whole_matrix_has_others_only_to_compare() {
        let args = parse("--full");
        assert_eq!((subjects(&args).len(), cases(&args).len()), (5, 12));
        assert_eq!(subjects(&parse("--full --compare")).len(), 8);
    }
}
