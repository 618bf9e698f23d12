//! Where each frame of the pixel data stands (PS3.5 A.4, PS3.3 C.7.6.3.1.8 Extended Offset Table).

use super::stream::{Fragment, Pixels};
use super::{FRAGMENTS_MAX, FRAMES_MAX};
use crate::dataset::DataSet;
use crate::tags;

/// One frame in the stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSpan {
    /// Of the first byte. For one-bit pixels a frame may begin inside this byte.
    pub offset: u64,
    /// Bytes, all fragments together.
    pub length: u64,
    /// Offset and length of each fragment when there is more than one; empty otherwise.
    pub fragments: Vec<(u64, u64)>,
}

impl FrameSpan {
    /// The pieces to read one after the other.
    pub fn pieces(&self) -> Vec<(u64, u64)> {
        match self.fragments.is_empty() {
            true => vec![(self.offset, self.length)],
            false => self.fragments.clone(),
        }
    }
}

pub(super) fn locate(set: &DataSet, pixels: &Pixels, issues: &mut Vec<String>) -> Vec<FrameSpan> {
    let count = match set.int(tags::NUMBER_OF_FRAMES) {
        Some(n) if n > 0 => n as u64,
        _ => 1,
    };
    if count > FRAMES_MAX as u64 {
        issues.push(format!("more than {FRAMES_MAX} frames: not located one by one"));
        return Vec::new();
    }
    match pixels.native {
        Some((offset, length)) => native(set, count, offset, length, issues),
        None => encapsulated(pixels, count as usize, issues),
    }
}

fn native(set: &DataSet, count: u64, offset: u64, length: u64, issues: &mut Vec<String>) -> Vec<FrameSpan> {
    let whole = |tag| set.int(tag).and_then(|n| u64::try_from(n).ok()).filter(|n| *n <= 0xFFFF);
    let (Some(rows), Some(columns), Some(bits)) =
        (whole(tags::ROWS), whole(tags::COLUMNS), whole(tags::BITS_ALLOCATED))
    else {
        issues.push("pixel data without rows, columns or bits allocated".into());
        return Vec::new();
    };
    // Two pixels of YBR 4:2:2 share their colour: two samples a pixel instead of three.
    let samples = match set.text(tags::PHOTOMETRIC_INTERPRETATION).as_deref() {
        Some("YBR_FULL_422" | "YBR_PARTIAL_422") => 2,
        _ => whole(tags::SAMPLES_PER_PIXEL).unwrap_or(1).max(1),
    };
    // At most 2^64: four factors of 16 bits.
    let frame_bits = (rows * columns).saturating_mul(samples * bits);
    if frame_bits == 0 {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for frame in 0..count {
        let Some(end_bit) = frame_bits.checked_mul(frame + 1) else { break };
        let start = (end_bit - frame_bits) / 8;
        let end = end_bit.div_ceil(8);
        if end > length {
            issues.push(format!("pixel data hold {frame} of {count} frames"));
            break;
        }
        spans.push(FrameSpan { offset: offset + start, length: end - start, fragments: Vec::new() });
    }
    spans
}

fn encapsulated(pixels: &Pixels, count: usize, issues: &mut Vec<String>) -> Vec<FrameSpan> {
    if pixels.uncounted {
        issues.push(format!("more than {FRAGMENTS_MAX} fragments: frames are not located"));
        return Vec::new();
    }
    let fragments = &pixels.fragments;
    for table in [&pixels.extended_offsets, &pixels.basic_offsets] {
        if table.len() == count
            && let Some(spans) = by_offsets(fragments, table)
        {
            return spans;
        }
    }
    if !pixels.basic_offsets.is_empty() || !pixels.extended_offsets.is_empty() {
        issues.push("the offset table does not fit the fragments".into());
    }
    if count == 1 && !fragments.is_empty() {
        return vec![span(fragments)];
    }
    if fragments.len() == count {
        return fragments.iter().map(|fragment| span(std::slice::from_ref(fragment))).collect();
    }
    // Each frame is a code stream of its own, and shows where it begins.
    let starts: Vec<usize> = (0..fragments.len()).filter(|at| fragments[*at].starts_code_stream).collect();
    if starts.len() == count && starts.first() == Some(&0) {
        let ends = starts.iter().skip(1).copied().chain([fragments.len()]);
        return starts.iter().zip(ends).map(|(start, end)| span(&fragments[*start..end])).collect();
    }
    issues.push(format!("{} fragments for {count} frames: frames cannot be told apart", fragments.len()));
    Vec::new()
}

/// Frames by offsets of their first fragment's item tag, counted from the first fragment's item tag.
fn by_offsets(fragments: &[Fragment], table: &[u64]) -> Option<Vec<FrameSpan>> {
    let origin = fragments.first()?.item_offset();
    let mut firsts = Vec::with_capacity(table.len());
    let mut at = 0;
    for offset in table {
        let wanted = origin.checked_add(*offset)?;
        while fragments.get(at)?.item_offset() < wanted {
            at += 1;
        }
        if fragments.get(at)?.item_offset() != wanted || firsts.last() == Some(&at) {
            return None;
        }
        firsts.push(at);
    }
    if firsts.first() != Some(&0) {
        return None;
    }
    let ends = firsts.iter().skip(1).copied().chain([fragments.len()]);
    Some(firsts.iter().zip(ends).map(|(start, end)| span(&fragments[*start..end])).collect())
}

fn span(fragments: &[Fragment]) -> FrameSpan {
    let pieces: Vec<(u64, u64)> = fragments.iter().map(|f| (f.offset, u64::from(f.length))).collect();
    FrameSpan {
        offset: pieces.first().map_or(0, |piece| piece.0),
        length: pieces.iter().map(|piece| piece.1).sum(),
        fragments: if pieces.len() > 1 { pieces } else { Vec::new() },
    }
}
