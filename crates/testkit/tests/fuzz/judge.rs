//! One input given to one target: what it must not do, and what was seen of it.

use crate::MEMORY;
use crate::targets::Target;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a target may hold at its peak whatever the input: tables it keeps, a first buffer.
const MEMORY_FLOOR: usize = 1 << 20;

/// What an input has led to.
pub struct Seen {
    pub accepted: bool,
    /// The same for inputs that lead down the same way, as far as can be told from outside: the answer without its numbers, and the
    /// order of magnitude of the memory.
    pub way: u64,
    /// Bytes held at the peak for each byte of the input.
    pub memory_ratio: usize,
}

/// An error is a broken promise.
pub fn judge(target: &Target, input: &[u8]) -> Result<Seen, String> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let answer = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let peak = MEMORY.peak_usage().saturating_sub(before);
    let answer = answer.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        text.or(why.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or("a panic".to_owned())
    })?;
    let allowed = MEMORY_FLOOR + input.len() * target.bytes_per_byte;
    if peak > allowed {
        return Err(format!(
            "{peak} bytes of memory for {} bytes of input; {allowed} are allowed",
            input.len()
        ));
    }
    let accepted = answer.is_ok();
    let (Ok(text) | Err(text)) = answer;
    let mut way = DefaultHasher::new();
    text.bytes().filter(|b| !b.is_ascii_digit()).for_each(|b| b.hash(&mut way));
    (accepted, peak.checked_ilog2()).hash(&mut way);
    // Small inputs say nothing about growth.
    let memory_ratio = if input.len() < 1024 { 0 } else { peak / input.len() };
    Ok(Seen { accepted, way: way.finish(), memory_ratio })
}
