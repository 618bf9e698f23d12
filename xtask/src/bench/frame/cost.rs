//! What a process has cost so far, as Linux counts it (proc(5): `stat`, `status`, `clear_refs`).

use std::fs;

/// `USER_HZ`, in which Linux gives times to programs on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time.
pub fn cpu_seconds(pid: u64) -> Result<f64, String> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    ticks(&text).map(|t| t as f64 / TICKS_PER_SECOND).ok_or(format!("{path} is in another form"))
}

/// Fields 14 and 15; the name before them may hold blanks and stands in parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// What it holds in memory now.
pub fn resident_mb(pid: u64) -> Result<f64, String> {
    status_mb(pid, "VmRSS:")
}

/// The most it has held in memory since the start or [`forget_peak`].
pub fn peak_mb(pid: u64) -> Result<f64, String> {
    status_mb(pid, "VmHWM:")
}

/// From now on [`peak_mb`] counts anew.
pub fn forget_peak(pid: u64) -> Result<(), String> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").map_err(|e| format!("{path}: {e}"))
}

fn status_mb(pid: u64, name: &str) -> Result<f64, String> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = text.lines().find_map(|l| l.strip_prefix(name)).ok_or(format!("{path} has no {name}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|e| format!("{path}: {e}"))?;
    Ok(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, forget_peak, peak_mb, resident_mb, ticks};

    #[test]
    fn a_name_with_blanks_and_parentheses_moves_no_field() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 8 0 100";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn this_process_has_a_cost() {
        let pid = u64::from(std::process::id());
        forget_peak(pid).unwrap();
        let held = vec![1_u8; 64 << 20];
        assert!(held.iter().map(|b| u64::from(*b)).sum::<u64>() == 64 << 20);
        assert!(peak_mb(pid).unwrap() >= 64.0 && resident_mb(pid).unwrap() > 0.0);
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
        assert!(cpu_seconds(u64::MAX).is_err());
    }
}
