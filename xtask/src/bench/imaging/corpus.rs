//! CT studies of a seed as Part 10 files (PS3.10), explicit VR little endian: 512 x 512, 12 bits in 16, textured so that nothing is zero.

use std::fs;
use std::path::Path;

pub const ROWS: u16 = 512;
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// One study of one series.
#[derive(Debug, Clone, Copy)]
pub struct Study {
    pub seed: u64,
    pub images: u32,
    /// Of each image.
    pub frames: u32,
}

impl Study {
    pub fn uid(&self) -> String {
        format!("2.25.{}", 1_000_000_007 * self.seed)
    }
    pub fn series(&self) -> String {
        format!("{}.1", self.uid())
    }
    pub fn sop(&self, number: u32) -> String {
        format!("{}.{number}", self.series())
    }

    /// Its files, `00001.dcm` and on.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        for number in 1..=self.images {
            fs::write(folder.join(format!("{number:05}.dcm")), self.file(number)).map_err(failed)?;
        }
        Ok(())
    }

    fn file(&self, number: u32) -> Vec<u8> {
        let mut meta = Vec::new();
        put(&mut meta, (2, 1), b"OB", &[0, 1]);
        text(&mut meta, (2, 2), b"UI", CT);
        text(&mut meta, (2, 3), b"UI", &self.sop(number));
        text(&mut meta, (2, 0x10), b"UI", EXPLICIT_LITTLE);
        text(&mut meta, (2, 0x12), b"UI", "2.25.1552");
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        put(&mut file, (2, 0), b"UL", &(meta.len() as u32).to_le_bytes());
        file.extend(meta);
        self.header(number, &mut file);
        put(&mut file, (0x7FE0, 0x10), b"OW", &self.pixels(number));
        file
    }

    fn header(&self, number: u32, out: &mut Vec<u8>) {
        text(out, (8, 5), b"CS", "ISO_IR 192");
        text(out, (8, 8), b"CS", "ORIGINAL\\PRIMARY\\AXIAL");
        text(out, (8, 0x16), b"UI", CT);
        text(out, (8, 0x18), b"UI", &self.sop(number));
        text(
            out,
            (8, 0x20),
            b"DA",
            &format!("202{}{:02}{:02}", self.seed % 7, 1 + self.seed % 12, 1 + self.seed % 28),
        );
        text(out, (8, 0x30), b"TM", "101500");
        text(out, (8, 0x50), b"SH", &format!("ACC{}", self.seed));
        text(out, (8, 0x60), b"CS", "CT");
        text(out, (8, 0x1030), b"LO", "TC de tórax");
        text(out, (0x10, 0x10), b"PN", "MUÑOZ PÉREZ^ANA");
        text(out, (0x10, 0x20), b"LO", &format!("BANCO{}", self.seed));
        text(out, (0x10, 0x30), b"DA", "19700101");
        text(out, (0x10, 0x40), b"CS", "F");
        text(out, (0x18, 0x50), b"DS", "1.25");
        text(out, (0x20, 0xD), b"UI", &self.uid());
        text(out, (0x20, 0xE), b"UI", &self.series());
        text(out, (0x20, 0x10), b"SH", "1");
        text(out, (0x20, 0x11), b"IS", "1");
        text(out, (0x20, 0x13), b"IS", &number.to_string());
        text(out, (0x20, 0x32), b"DS", &format!("0\\0\\{number}"));
        text(out, (0x20, 0x37), b"DS", "1\\0\\0\\0\\1\\0");
        number_of(out, 0x2, 1);
        text(out, (0x28, 4), b"CS", "MONOCHROME2");
        text(out, (0x28, 8), b"IS", &self.frames.to_string());
        for (element, value) in
            [(0x10, ROWS), (0x11, ROWS), (0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)]
        {
            number_of(out, element, value);
        }
        text(out, (0x28, 0x1050), b"DS", "1040");
        text(out, (0x28, 0x1051), b"DS", "400");
        text(out, (0x28, 0x1052), b"DS", "-1024");
        text(out, (0x28, 0x1053), b"DS", "1");
    }

    /// A body's outline with noise in the lower bits.
    fn pixels(&self, number: u32) -> Vec<u8> {
        let mut state = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(number);
        let side = i64::from(ROWS);
        let mut out = Vec::with_capacity(self.frames as usize * usize::from(ROWS).pow(2) * 2);
        for _ in 0..self.frames {
            for at in 0..side * side {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let (x, y) = (at % side - side / 2, at / side - side / 2);
                let inside = x * x + 2 * y * y < side * side / 5;
                let value = if inside { 1000 + (state & 0x7F) as u16 } else { (state & 0xF) as u16 };
                out.extend(value.to_le_bytes());
            }
        }
        out
    }
}

fn number_of(out: &mut Vec<u8>, element: u16, value: u16) {
    put(out, (0x28, element), b"US", &value.to_le_bytes());
}

fn text(out: &mut Vec<u8>, tag: (u16, u16), vr: &[u8; 2], value: &str) {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == b"UI" { 0 } else { b' ' });
    }
    put(out, tag, vr, &bytes);
}

fn put(out: &mut Vec<u8>, (group, element): (u16, u16), vr: &[u8; 2], value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend(vr);
    if matches!(vr, b"OB" | b"OW") {
        out.extend([0, 0]);
        out.extend((value.len() as u32).to_le_bytes());
    } else {
        out.extend((value.len() as u16).to_le_bytes());
    }
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::Study;

    #[test]
    fn the_same_seed_makes_the_same_file() {
        let study = Study { seed: 7, images: 1, frames: 1 };
        let file = study.file(1);
        assert_eq!(file, study.file(1));
        assert_eq!(&file[128..132], b"DICM");
        assert!(file.len() > 512 * 512 * 2 && file.len() < 512 * 512 * 2 + 4096);
    }
}
