//! What another process uses, as `/proc` tells it.

use std::fs;
use std::io;

/// A process that is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pid: u32,
}

/// Memory of a process, in octets. What the kernel keeps for its sockets is in neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// Resident pages.
    pub resident: u64,
    /// Resident pages, those shared with other processes in part.
    pub proportional: u64,
}

impl Process {
    /// # Errors
    /// There is no such process, or it may not be looked at.
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        let process = Self { pid };
        process.memory()?;
        Ok(process)
    }

    pub(super) fn pid(self) -> u32 {
        self.pid
    }

    /// How much memory it has now.
    pub(super) fn memory(self) -> io::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let both = value(&text, "Rss:").zip(value(&text, "Pss:"));
        let (resident, proportional) = both.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Memory {
            resident,
            proportional,
        })
    }
}

/// The octets of a line as `Rss:    1234 kB`.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_kilobytes() {
        let text = "0-1 ---p [rollup]\nRss:      5312 kB\nPss:      1234 kB\nPss_Dirty:  9 kB\n";
        assert_eq!(value(text, "Rss:"), Some(5312 * 1024));
        assert_eq!(value(text, "Pss:"), Some(1234 * 1024));
        assert_eq!(value(text, "Swap:"), None);
    }

    #[test]
    fn this_process_grows() {
        let process = Process::new(std::process::id()).unwrap();
        let memory = process.memory().unwrap();
        let block = std::hint::black_box(vec![1_u8; 32 << 20]);
        let sum: u64 = block.iter().map(|octet| u64::from(*octet)).sum();
        assert_eq!(sum, 32 << 20);
        assert!(process.memory().unwrap().resident > memory.resident + (16 << 20));
    }

    #[test]
    fn a_process_that_is_not_there_cannot_be_watched() {
        assert!(Process::new(u32::MAX).is_err());
    }
}
