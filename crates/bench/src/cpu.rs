//! Processor time, of the machine and of processes, as `/proc` counts it.

use std::fs;
use std::ops::Sub;

use anyhow::Context;
use nix::unistd::{SysconfVar, sysconf};

/// Processor time so far, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuTime {
    /// Of programs' own code.
    pub(crate) user: f64,
    /// Of the kernel's code for them.
    pub(crate) system: f64,
}

impl CpuTime {
    /// Both together.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    /// Of a process with all its threads; nothing once it has ended.
    pub(crate) fn of_process(pid: u32) -> anyhow::Result<Self> {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(text) => parse_process(&text, tick()?).context("/proc/PID/stat is not as expected"),
            Err(_) => Ok(Self::default()),
        }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }
}

impl std::iter::Sum for CpuTime {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), |sum, time| Self {
            user: sum.user + time.user,
            system: sum.system + time.system,
        })
    }
}

/// Seconds that all processors together have been busy, interrupts included.
pub(crate) fn machine_busy() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    parse_machine(&text, tick()?).context("/proc/stat is not as expected")
}

/// Length of a tick of the kernel's clock for processor time, in seconds.
fn tick() -> anyhow::Result<f64> {
    let rate = sysconf(SysconfVar::CLK_TCK)?.context("the kernel has no clock ticks")?;
    Ok(1.0 / rate as f64)
}

/// The fields are user, nice, system, idle, iowait, irq, softirq, proc(5).
fn parse_machine(stat: &str, tick: f64) -> Option<f64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Option<Vec<u64>> = fields
        .split_whitespace()
        .map(|field| field.parse().ok())
        .collect();
    let ticks = ticks?;
    let busy = ticks.get(..3)?.iter().chain(ticks.get(5..7)?);
    Some(busy.sum::<u64>() as f64 * tick)
}

/// The name of the program, which may hold anything, ends at the last parenthesis; utime and stime are the
/// 12th and 13th field after it, proc(5).
fn parse_process(stat: &str, tick: f64) -> Option<CpuTime> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let mut next = || Some(fields.next()?.parse::<u64>().ok()? as f64 * tick);
    Some(CpuTime {
        user: next()?,
        system: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_all_but_idle_and_waiting_and_stolen() {
        let stat = "cpu  100 20 30 5000 600 7 8 900 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(parse_machine(stat, 1.0), Some(165.0));
        assert_eq!(parse_machine("cpu  1 2 3\n", 1.0), None);
        assert!(machine_busy().unwrap() > 0.0);
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let stat = "17 (a) b (c) S 1 17 17 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0";
        let time = parse_process(stat, 0.01).unwrap();
        assert_eq!((time.user, time.system), (2.5, 0.5));
        assert_eq!(parse_process("17 (a) S 1", 0.01), None);
    }

    #[test]
    fn this_process_has_used_time() {
        let pid = std::process::id();
        let before = CpuTime::of_process(pid).unwrap();
        // Until the clock has ticked once.
        while (CpuTime::of_process(pid).unwrap() - before).total() <= 0.0 {}
        assert_eq!(CpuTime::of_process(0).unwrap(), CpuTime::default());
    }
}
