//! Packages of definitions from disk: a folder, a `.tgz` as FHIR registries give them, or one file
//! (FHIR Package Specification: a gzip-compressed tar with everything under `package/`).

use badiano_fhir::validate::Definitions;
use badiano_fhir::{Value, json, xml};
use badiano_kernel::Fault;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Bytes of one file in a package; a longer one is refused.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Files in a package; the largest published ones have 15,000.
const FILES_MAX: usize = 100_000;
/// A tar is made of blocks.
const BLOCK: usize = 512;

/// Adds what a package defines; gives how many definitions it had.
pub fn load(path: &Path, definitions: &mut Definitions) -> Result<usize, Fault> {
    match each(path, &mut |resource| definitions.add(resource))? {
        0 => Err(Fault::invalid("has no StructureDefinition, ValueSet or CodeSystem")
            .at(path.display().to_string())),
        count => Ok(count),
    }
}

/// Offers every resource of a package; gives how many were taken.
pub fn each(path: &Path, take: &mut dyn FnMut(Value) -> bool) -> Result<usize, Fault> {
    let failed = |e: std::io::Error| Fault::invalid(e.to_string()).at(path.display().to_string());
    let mut count = 0;
    if path.is_dir() {
        for file in super::inputs::files(&[path.to_owned()])? {
            let mut bytes = Vec::new();
            let opened = File::open(&file).map_err(failed)?;
            opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
            count += usize::from(add(&bytes, take));
        }
    } else {
        let mut head = [0; 2];
        File::open(path).and_then(|mut f| f.read_exact(&mut head)).map_err(failed)?;
        let file = BufReader::new(File::open(path).map_err(failed)?);
        if head == [0x1f, 0x8b] {
            count = tar(GzDecoder::new(file), take).map_err(failed)?;
        } else {
            let mut bytes = Vec::new();
            file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
            count = usize::from(add(&bytes, take));
        }
    }
    Ok(count)
}

/// Only what is a definition is kept; a package has examples and manifests too.
fn add(bytes: &[u8], take: &mut dyn FnMut(Value) -> bool) -> bool {
    let is_xml = bytes.trim_ascii_start().starts_with(b"<");
    let value = if is_xml { xml::parse(bytes).ok() } else { json::parse(bytes).ok() };
    value.is_some_and(take)
}

/// Reads a tar (POSIX.1-1988 ustar): names are looked at only for their ending, so long-name records need no care.
fn tar(mut from: impl Read, take: &mut dyn FnMut(Value) -> bool) -> std::io::Result<usize> {
    let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let mut count = 0;
    for _ in 0..FILES_MAX {
        let mut header = Vec::with_capacity(BLOCK);
        (&mut from).take(BLOCK as u64).read_to_end(&mut header)?;
        if header.iter().all(|b| *b == 0) {
            // To the end, so that the sum at the end of the compressed form is looked at.
            std::io::copy(&mut from, &mut std::io::sink())?;
            return Ok(count);
        }
        if header.len() < BLOCK {
            return Err(wrong("the package ends early"));
        }
        let digits = header[124..136].iter().take_while(|b| b.is_ascii_digit() || **b == b' ');
        let size: String = digits.map(|b| char::from(*b)).collect();
        let size = u64::from_str_radix(size.trim(), 8).map_err(|_| wrong("not a tar archive"))?;
        if size > FILE_BYTES_MAX {
            return Err(wrong("a file in the package is longer than 64 MiB"));
        }
        let mut bytes = Vec::new();
        let padded = size.next_multiple_of(BLOCK as u64);
        (&mut from).take(padded).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(wrong("the package ends early"));
        }
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let is_file = matches!(header[156], b'0' | 0);
        let name = header[..100].split(|b| *b == 0).next().unwrap_or(&[]);
        // Only the top of `package/` holds definitions; `package/example`, `package/openapi` and others do not.
        let is_definition = name.starts_with(b"package/") && name.iter().filter(|b| **b == b'/').count() == 1;
        if is_file && is_definition && name.ends_with(b".json") {
            count += usize::from(add(&bytes, take));
        }
    }
    Err(wrong("the package has more than 100,000 files"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn entry(name: &str, text: &str) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        block[156] = b'0';
        block.extend_from_slice(text.as_bytes());
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    #[test]
    fn a_package_is_read_and_a_damaged_one_is_refused() {
        let set = r#"{"resourceType":"ValueSet","url":"urn:set","compose":{"include":[{"system":"urn:s","concept":[{"code":"a"}]}]}}"#;
        let tar = [
            entry("package/package.json", "{}"),
            entry("package/ValueSet-set.json", set),
            vec![0; 2 * BLOCK],
        ]
        .concat();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&tar).expect("packed");
        let packed = packed.finish().expect("packed");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.tgz");
        std::fs::write(&path, &packed).expect("written");
        let mut definitions = Definitions::new();
        assert_eq!(load(&path, &mut definitions), Ok(1));
        assert_eq!(definitions.terminology().contains("urn:set", Some("urn:s"), "a"), Some(true));
        for cut in [1, packed.len() / 2, packed.len() - 9] {
            std::fs::write(&path, &packed[..cut]).expect("written");
            assert!(load(&path, &mut Definitions::new()).is_err(), "cut at {cut}");
        }
    }
}
