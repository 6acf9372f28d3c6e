use adit_ppp::Entropy;

/// The operating system's random generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// Where the system has no random numbers to give, which it reports at its first use or never;
    /// nothing here is safe without them.
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system provides random numbers");
    }
}
