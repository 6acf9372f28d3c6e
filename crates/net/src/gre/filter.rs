//! Filters in the kernel: classic BPF over an IPv4 packet, before it is queued.

use socket2::SockFilter;

/// Which Call IDs a socket takes: an equal part of all of them, those whose remainder by `count` is
/// `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallIdShare {
    index: u16,
    count: u16,
}

impl CallIdShare {
    /// Share number `index`, from 0, of `count` equal ones, a power of two; none if that cannot be.
    pub fn new(index: u16, count: u16) -> Option<Self> {
        (count.is_power_of_two() && index < count).then_some(Self { index, count })
    }

    /// Whether a Call ID belongs to it.
    pub fn contains(self, call_id: u16) -> bool {
        call_id & self.mask() == self.index
    }

    fn mask(self) -> u16 {
        self.count - 1
    }
}

/// Call IDs that a filter passes.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallIds {
    Any,
    Share(CallIdShare),
    One(u16),
}

/// Passes nothing.
pub(super) fn closed() -> [SockFilter; 1] {
    [instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0)]
}

/// Passes GRE version 1 with protocol type 0x880B and one of these Call IDs (RFC 2637 §4.1).
pub(super) fn enhanced_gre(ids: CallIds) -> Vec<SockFilter> {
    let (mask, value) = match ids {
        // A header that ends before its Call ID passes too; whoever decodes it counts it.
        CallIds::Any => return program(&[VERSION_TEST, PROTOCOL_TEST]),
        CallIds::Share(share) => (share.mask(), share.index),
        CallIds::One(id) => (u16::MAX, id),
    };
    let call_id = Test {
        load: HALF,
        offset: 6,
        mask: mask.into(),
        value: value.into(),
    };
    program(&[VERSION_TEST, PROTOCOL_TEST, call_id])
}

/// A field of the GRE header that has to have a value.
#[derive(Clone, Copy)]
struct Test {
    /// Its width.
    load: u32,
    /// Octets before it.
    offset: u32,
    mask: u32,
    value: u32,
}

const OCTET: u32 = libc::BPF_B;
const HALF: u32 = libc::BPF_H;

const VERSION_TEST: Test = Test {
    load: OCTET,
    offset: 1,
    mask: 0x07,
    value: 1,
};

const PROTOCOL_TEST: Test = Test {
    load: HALF,
    offset: 2,
    mask: 0xffff,
    value: 0x880b,
};

/// A program that passes a packet if all tests hold. A load beyond its end drops it.
fn program(tests: &[Test]) -> Vec<SockFilter> {
    const OF_A_TEST: usize = 3;
    // X = length of the IP header
    let mut program = vec![instruction(
        libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH,
        0,
        0,
        0,
    )];
    for (number, test) in tests.iter().enumerate() {
        // From behind this test over the others and the return that passes.
        let to_drop = (tests.len() - 1 - number) * OF_A_TEST + 1;
        program.extend([
            instruction(libc::BPF_LD | test.load | libc::BPF_IND, 0, 0, test.offset),
            instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, test.mask),
            instruction(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                0,
                to_drop as u8,
                test.value,
            ),
        ]);
    }
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX));
    program.extend(closed());
    program
}

fn instruction(code: u32, if_true: u8, if_false: u8, operand: u32) -> SockFilter {
    SockFilter::new(code as u16, if_true, if_false, operand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_divide_the_call_ids_among_them() {
        let shares: Vec<_> = (0..4).map(|n| CallIdShare::new(n, 4).unwrap()).collect();
        for id in 0..=u16::MAX {
            let owners = shares.iter().filter(|share| share.contains(id)).count();
            assert_eq!(owners, 1, "{id}");
        }
        assert!(CallIdShare::new(0, 1).unwrap().contains(u16::MAX));
        for (index, count) in [(0, 0), (0, 3), (2, 2), (1, 1)] {
            assert_eq!(CallIdShare::new(index, count), None);
        }
    }
}
