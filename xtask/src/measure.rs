//! Wall time and peak memory of one command. The peak that the system keeps is the largest over all children a process
//! ever had, so each measured command gets a parent of its own: this program again, as `xtask measure COMMAND…`.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

use crate::shell::{self, Result};

/// What one run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Seconds from start to end of the process.
    pub(crate) seconds: f64,
    /// Largest resident set in bytes; mapped file pages count.
    pub(crate) peak: u64,
}

/// Runs a command in a parent of its own and says what it took.
pub(crate) fn measure(program: &Path, args: &[&Path]) -> Result<Cost> {
    let me = env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let line = shell::output(Command::new(me).arg("measure").arg(program).args(args))?;
    parse(&line).ok_or_else(|| format!("xtask measure printed {line:?}"))
}

fn parse(line: &str) -> Option<Cost> {
    let (seconds, peak) = line.trim().split_once(' ')?;
    Some(Cost { seconds: seconds.parse().ok()?, peak: peak.parse().ok()? })
}

/// The other side of `measure`.
pub(crate) fn child(words: &[String]) -> Result<()> {
    let [program, args @ ..] = words else { return Err("which command?".to_owned()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let out = command.output().map_err(|e| format!("{program}: {e}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if !out.status.success() {
        return Err(format!("{} failed: {}\n{}", words.join(" "), out.status, String::from_utf8_lossy(&out.stderr)));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    // Linux counts kilobytes.
    println!("{seconds} {}", usage.max_rss() * 1024);
    Ok(())
}

/// The middle value; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_line_of_the_child_is_read_back() {
        assert_eq!(parse("0.25 4096\n"), Some(Cost { seconds: 0.25, peak: 4096 }));
        assert_eq!(parse("0.25"), None);
    }
}
