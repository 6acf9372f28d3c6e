/// Where random octets come from: the operating system's generator in a program, a seeded one in
/// a test. Challenges, magic numbers and interface identifiers are made of them.
pub trait Entropy: Send + Sync {
    /// Fills `out` with octets that nobody can predict.
    fn fill(&self, out: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` random octets.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    /// A random 32-bit number that is not zero.
    pub fn nonzero_u32(&self) -> u32 {
        match u32::from_be_bytes(self.array()) {
            0 => 1,
            number => number,
        }
    }
}
