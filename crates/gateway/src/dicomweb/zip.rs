//! A ZIP archive while it streams (PKWARE APPNOTE 6.3.9): entries of unknown checksum, ZIP64 where sizes need it.

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write;

/// Bit 3: checksum and lengths follow the bytes. Bit 11: names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const DEFLATE: u16 = 8;
/// From here on lengths and offsets stand in ZIP64 fields.
const WIDE: u64 = 0xFFFF_0000;
const FULL: u32 = u32::MAX;
/// 1980-01-01, the first day that there is: entries bear no time.
const NO_DATE: u16 = 1 << 5 | 1;

/// The directory of an archive whose entries have left already, and the entry that is being written. Bytes are deflated without
/// compression: images gain little, and every reader that streams takes it.
#[derive(Default)]
pub struct Zip {
    central: Vec<u8>,
    entries: u64,
    at: u64,
    open: Option<Open>,
}

struct Open {
    name: String,
    begins: u64,
    is_wide: bool,
    crc: Crc,
    deflater: DeflateEncoder<Vec<u8>>,
    packed: u64,
}

fn put(out: &mut Vec<u8>, signature: u32, halves: &[u16]) {
    out.extend(signature.to_le_bytes());
    halves.iter().for_each(|n| out.extend(n.to_le_bytes()));
}

fn version(is_wide: bool) -> u16 {
    if is_wide { 45 } else { 20 }
}

fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

impl Zip {
    /// Begins an entry of about this length.
    pub fn begin(&mut self, name: &str, length: u64) -> Vec<u8> {
        // Blocks of deflate add five bytes each to 65,535.
        let is_wide = length + length / 1024 >= WIDE;
        let extra: u16 = if is_wide { 20 } else { 0 };
        let mut out = Vec::new();
        put(&mut out, 0x0403_4b50, &[version(is_wide), FLAGS, DEFLATE, 0, NO_DATE]);
        out.extend([0; 4]);
        let said = if is_wide { FULL } else { 0 };
        out.extend(said.to_le_bytes());
        out.extend(said.to_le_bytes());
        out.extend(short(name.len()).to_le_bytes());
        out.extend(extra.to_le_bytes());
        out.extend(name.as_bytes());
        if is_wide {
            out.extend([1, 0, 16, 0]);
            out.extend([0; 16]);
        }
        let deflater = DeflateEncoder::new(Vec::new(), Compression::none());
        let name = name.to_owned();
        self.open = Some(Open { name, begins: self.at, is_wide, crc: Crc::new(), deflater, packed: 0 });
        self.at += out.len() as u64;
        out
    }

    /// Bytes of the entry.
    pub fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(open) = &mut self.open else { return Vec::new() };
        open.crc.update(bytes);
        open.deflater.write_all(bytes).expect("memory takes what is written to it");
        let out = std::mem::take(open.deflater.get_mut());
        open.packed += out.len() as u64;
        self.at += out.len() as u64;
        out
    }

    /// Ends the entry.
    pub fn end(&mut self) -> Vec<u8> {
        let Some(open) = self.open.take() else { return Vec::new() };
        let length = open.deflater.total_in();
        let crc = open.crc.sum();
        let mut out = open.deflater.finish().expect("memory takes what is written to it");
        let packed = open.packed + out.len() as u64;
        put(&mut out, 0x0807_4b50, &[]);
        out.extend(crc.to_le_bytes());
        for n in [packed, length] {
            match open.is_wide {
                true => out.extend(n.to_le_bytes()),
                false => out.extend(u32::try_from(n).unwrap_or(FULL).to_le_bytes()),
            }
        }
        self.at += out.len() as u64;
        self.list(&open.name, open.begins, crc, packed, length);
        out
    }

    fn list(&mut self, name: &str, begins: u64, crc: u32, packed: u64, length: u64) {
        let is_wide = [packed, length, begins].iter().any(|n| *n >= WIDE);
        let narrow = |n: u64| if is_wide { FULL } else { u32::try_from(n).unwrap_or(FULL) };
        let out = &mut self.central;
        put(out, 0x0201_4b50, &[version(is_wide), version(is_wide), FLAGS, DEFLATE, 0, NO_DATE]);
        out.extend(crc.to_le_bytes());
        out.extend(narrow(packed).to_le_bytes());
        out.extend(narrow(length).to_le_bytes());
        let extra: u16 = if is_wide { 28 } else { 0 };
        for n in [short(name.len()), extra, 0, 0, 0] {
            out.extend(n.to_le_bytes());
        }
        out.extend([0; 4]);
        out.extend(narrow(begins).to_le_bytes());
        out.extend(name.as_bytes());
        if is_wide {
            out.extend([1, 0, 24, 0]);
            for n in [length, packed, begins] {
                out.extend(n.to_le_bytes());
            }
        }
        self.entries += 1;
    }

    /// The directory, which ends the archive.
    pub fn close(self) -> Vec<u8> {
        let (length, begins) = (self.central.len() as u64, self.at);
        let mut out = self.central;
        let is_wide = self.entries >= 0xFFFF || begins + length >= WIDE;
        if is_wide {
            put(&mut out, 0x0606_4b50, &[]);
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 0, 45, 0]);
            out.extend([0; 8]);
            for n in [self.entries, self.entries, length, begins] {
                out.extend(n.to_le_bytes());
            }
            put(&mut out, 0x0706_4b50, &[0, 0]);
            out.extend((begins + length).to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        let entries = if is_wide { u16::MAX } else { u16::try_from(self.entries).unwrap_or(u16::MAX) };
        let narrow = |n: u64| if is_wide { FULL } else { u32::try_from(n).unwrap_or(FULL) };
        put(&mut out, 0x0605_4b50, &[0, 0, entries, entries]);
        out.extend(narrow(length).to_le_bytes());
        out.extend(narrow(begins).to_le_bytes());
        out.extend([0, 0]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn another_program_finds_every_entry_whole() {
        let (mut zip, mut file) = (Zip::default(), Vec::new());
        let entries = [
            ("LEAME.TXT", b"hola".to_vec()),
            ("DICOM/\u{d1}/IM000000", vec![7; 300_000]),
            ("VACIO", Vec::new()),
        ];
        for (name, bytes) in &entries {
            // The second is said to be huge, so that its lengths are written wide.
            let said = if name.starts_with("DICOM") { 5 << 30 } else { bytes.len() as u64 };
            file.extend(zip.begin(name, said));
            for piece in bytes.chunks(70_000) {
                file.extend(zip.bytes(piece));
            }
            file.extend(zip.end());
        }
        file.extend(zip.close());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.zip");
        std::fs::write(&path, file).expect("written");
        let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                      print([(i.filename, i.file_size, sum(z.read(i))) for i in z.infolist()])";
        let said =
            Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3 is there");
        assert_eq!(
            String::from_utf8_lossy(&said.stdout).trim(),
            "[('LEAME.TXT', 4, 420), ('DICOM/\u{d1}/IM000000', 300000, 2100000), ('VACIO', 0, 0)]",
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
