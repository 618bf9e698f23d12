//! What an MP4 says: the H.264 track's size, profile, level, frames and time (ISO/IEC 14496-12, 14496-15 5.2.4; PS3.5 8.2.7).

use super::NotWrapped;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub rows: u32,
    pub columns: u32,
    pub frames: u32,
    pub milliseconds: f64,
    pub transfer_syntax: &'static str,
}

/// Boxes inside boxes.
const DEPTH_MAX: usize = 8;
/// Profile of H.264 that DICOM's transfer syntaxes name (High, 100), and the ones that are parts of it.
const PROFILES: [u8; 3] = [100, 77, 66];

#[derive(Default)]
struct Track {
    is_video: bool,
    timescale: u32,
    duration: u64,
    frames: u32,
    entry: Option<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    columns: u32,
    rows: u32,
    profile: u8,
    level: u8,
}

pub(super) fn read(bytes: &[u8]) -> Result<Facts, NotWrapped> {
    let mut tracks: Vec<Track> = Vec::new();
    walk(bytes, 0, &mut tracks).ok_or_else(|| NotWrapped("the MP4 cannot be read".into()))?;
    let videos: Vec<&Track> = tracks.iter().filter(|t| t.is_video).collect();
    let [track] = videos[..] else { return Err(NotWrapped("an MP4 has one track of video".into())) };
    let entry = track.entry.ok_or_else(|| NotWrapped("the video is not H.264 (avc1)".into()))?;
    if !PROFILES.contains(&entry.profile) || entry.level > 42 {
        return Err(NotWrapped("the video is beyond High Profile, Level 4.2".into()));
    }
    if track.frames == 0 || track.timescale == 0 {
        return Err(NotWrapped("the MP4 does not say its frames: fragmented files are not taken".into()));
    }
    Ok(Facts {
        rows: entry.rows,
        columns: entry.columns,
        frames: track.frames,
        milliseconds: track.duration as f64 * 1_000.0 / f64::from(track.timescale),
        transfer_syntax: if entry.level <= 41 {
            "1.2.840.10008.1.2.4.102"
        } else {
            "1.2.840.10008.1.2.4.104"
        },
    })
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 2).map(|b| u32::from(u16::from_be_bytes([b[0], b[1]])))
}

/// Walks boxes; `None` where one ends beyond what is around it.
fn walk(mut bytes: &[u8], depth: usize, tracks: &mut Vec<Track>) -> Option<()> {
    while bytes.len() >= 8 {
        let (mut length, kind, mut head) = (u64::from(long(bytes, 0)?), bytes.get(4..8)?, 8);
        if length == 1 {
            length = u64::from(long(bytes, 8)?) << 32 | u64::from(long(bytes, 12)?);
            head = 16;
        } else if length == 0 {
            length = bytes.len() as u64;
        }
        let length = usize::try_from(length).ok().filter(|n| *n >= head && *n <= bytes.len())?;
        let body = &bytes[head..length];
        match kind {
            b"trak" => tracks.push(Track::default()),
            b"moov" | b"mdia" | b"minf" | b"stbl" => {}
            _ => {
                if let Some(track) = tracks.last_mut() {
                    leaf(kind, body, track)?;
                }
                bytes = &bytes[length..];
                continue;
            }
        }
        if depth >= DEPTH_MAX {
            return None;
        }
        walk(body, depth + 1, tracks)?;
        bytes = &bytes[length..];
    }
    Some(())
}

fn leaf(kind: &[u8], body: &[u8], track: &mut Track) -> Option<()> {
    match kind {
        b"hdlr" => track.is_video = body.get(8..12)? == b"vide",
        b"mdhd" => {
            let wide = *body.first()? == 1;
            track.timescale = long(body, if wide { 20 } else { 12 })?;
            track.duration = match wide {
                true => u64::from(long(body, 24)?) << 32 | u64::from(long(body, 28)?),
                false => u64::from(long(body, 16)?),
            };
        }
        b"stsz" => track.frames = long(body, 8)?,
        b"stsd" => {
            // One sample entry: size, format, 24 bytes, width, height, ..., then its own boxes.
            let entry = body.get(8..)?;
            if entry.get(4..8)? == b"avc1" {
                let inner = entry.get(86..)?;
                let at = inner.windows(4).position(|w| w == b"avcC")?;
                let (profile, level) = (*inner.get(at + 5)?, *inner.get(at + 7)?);
                track.entry =
                    Some(Entry { columns: word(entry, 32)?, rows: word(entry, 34)?, profile, level });
            }
        }
        _ => {}
    }
    Some(())
}
