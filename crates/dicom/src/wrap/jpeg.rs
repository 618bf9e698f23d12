//! What the markers of a JPEG say: process, size, samples, bits, colours (ISO/IEC 10918-1 B.2, PS3.5 8.2.1).

use super::NotWrapped;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// SOF0.
    Baseline,
    /// SOF1.
    Extended,
    /// SOF3 with the first predictor.
    Lossless,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub process: Process,
    pub rows: u32,
    pub columns: u32,
    pub samples: u32,
    pub bits: u32,
    pub photometric: &'static str,
}

pub(super) fn read(bytes: &[u8]) -> Result<Facts, NotWrapped> {
    let wrong = || NotWrapped("the JPEG cannot be read".into());
    let (mut at, mut adobe, mut frame) = (2, None, None);
    loop {
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let [0xFF, marker] = *bytes.get(at..at + 2).ok_or_else(wrong)? else { return Err(wrong()) };
        if matches!(marker, 0x01 | 0xD0..=0xD7) {
            at += 2;
            continue;
        }
        let length = bytes.get(at + 2..at + 4).ok_or_else(wrong)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let body = bytes.get(at + 4..at + 2 + length).ok_or_else(wrong)?;
        match marker {
            0xC0 | 0xC1 | 0xC3 => frame = Some((marker, body)),
            0xC2 => return Err(NotWrapped("progressive JPEG has no transfer syntax in DICOM".into())),
            0xC4 | 0xC8 | 0xCC => {}
            0xC5..=0xCF => {
                return Err(NotWrapped("this process of JPEG has no transfer syntax in DICOM".into()));
            }
            0xEE if body.starts_with(b"Adobe") => adobe = body.get(11).copied(),
            0xDA => {
                let (sof, frame) = frame.ok_or_else(wrong)?;
                // Ss of the scan is the predictor of the lossless process.
                let predictor = body.len().checked_sub(3).and_then(|n| body.get(n)).copied();
                return facts(sof, frame, predictor, adobe).ok_or_else(wrong)?;
            }
            _ => {}
        }
        at += 2 + length;
    }
}

fn facts(
    sof: u8,
    frame: &[u8],
    predictor: Option<u8>,
    adobe: Option<u8>,
) -> Option<Result<Facts, NotWrapped>> {
    let word = |at: usize| Some(u32::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])));
    let (bits, rows, columns, samples) =
        (u32::from(*frame.first()?), word(1)?, word(3)?, u32::from(*frame.get(5)?));
    let component = |n: usize| Some((*frame.get(6 + 3 * n)?, *frame.get(7 + 3 * n)?));
    let process = match sof {
        0xC0 => Process::Baseline,
        0xC1 => Process::Extended,
        _ => Process::Lossless,
    };
    if process == Process::Lossless && predictor != Some(1) {
        return Some(Err(NotWrapped("lossless JPEG is taken with its first predictor alone".into())));
    }
    if rows == 0 {
        return Some(Err(NotWrapped("a JPEG that does not say its rows at its head is not taken".into())));
    }
    let photometric = match samples {
        1 => "MONOCHROME2",
        3 => {
            let named_rgb =
                [0, 1, 2].iter().zip(b"RGB").all(|(n, letter)| component(*n).is_some_and(|c| c.0 == *letter));
            let halved = component(0)?.1 != component(1)?.1;
            match () {
                () if adobe == Some(0) || (adobe.is_none() && named_rgb) => "RGB",
                // The lossless process does not transform colours by itself.
                () if process == Process::Lossless && adobe != Some(1) => "RGB",
                () if halved => "YBR_FULL_422",
                () => "YBR_FULL",
            }
        }
        _ => return Some(Err(NotWrapped("a JPEG of four colours has no place in DICOM".into()))),
    };
    if samples == 3 && bits != 8 {
        return Some(Err(NotWrapped("colours have 8 bits".into())));
    }
    Some(Ok(Facts { process, rows, columns, samples, bits, photometric }))
}
