//! Files built here, read whole, by the byte, cut and spoilt.

use super::*;
use crate::charset::Charset;
use crate::element::{Element, Value};
use crate::tags;
use dicom_core::Tag;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// A data set with nested items, accents, numbers and a private block.
fn sample() -> DataSet {
    let mut set = DataSet::new();
    set.set_text(crate::dataset::SPECIFIC_CHARACTER_SET, "ISO_IR 100");
    set.set_text(tags::SOP_CLASS_UID, CT);
    set.set_text(tags::SOP_INSTANCE_UID, "1.2.3.4");
    set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA");
    set.set_text(tags::ROWS, "2");
    set.set_text(tags::COLUMNS, "3");
    set.set_text(tags::BITS_ALLOCATED, "16");
    set.set_text(tags::SAMPLES_PER_PIXEL, "1");
    set.set_text(tags::NUMBER_OF_FRAMES, "2");
    set.set_text(tags::PIXEL_REPRESENTATION, "1");
    set.set_text_as(tags::SMALLEST_IMAGE_PIXEL_VALUE, VR::SS, "-7");
    set.set_text(Tag(0x0009, 0x0010), "ACME");
    set.set_bytes(Tag(0x0009, 0x1001), VR::UN, [1, 2, 3, 4]);
    let mut inner = DataSet::with_charset(Charset::latin1());
    inner.set_text(tags::CODE_MEANING, "Tórax");
    let mut item = DataSet::with_charset(Charset::latin1());
    item.set_text(tags::CODE_VALUE, "T-D3000");
    item.set_items(
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        vec![inner, DataSet::with_charset(Charset::latin1())],
    );
    set.set_items(tags::REFERENCED_IMAGE_SEQUENCE, vec![item]);
    set.set_items(tags::REQUEST_ATTRIBUTES_SEQUENCE, vec![]);
    set
}

fn native() -> DataSet {
    let mut set = sample();
    set.set_bytes(tags::PIXEL_DATA, VR::OW, (0..24).collect::<Vec<u8>>());
    set
}

fn encapsulated(fragments: &[&[u8]]) -> DataSet {
    let mut set = sample();
    let fragments = fragments.iter().map(|f| (*f).into()).collect();
    set.put(Element { tag: tags::PIXEL_DATA, vr: VR::OB, value: Value::Fragments(fragments) });
    set
}

fn file(set: &DataSet, transfer_syntax: &str) -> Vec<u8> {
    let mut file = write_file_meta(CT, "1.2.3.4", transfer_syntax, "NORTE");
    file.extend(set.write(coding_of(transfer_syntax).expect("a known syntax")));
    file
}

fn read(bytes: &[u8], piece: usize) -> Result<Header, ParseError> {
    let mut parser = Parser::part10();
    for chunk in bytes.chunks(piece) {
        parser.feed(chunk)?;
    }
    parser.finish()
}

const SYNTAXES: [&str; 4] = [
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_BIG_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
];

#[test]
fn what_is_written_is_read_back_exactly_in_every_syntax() {
    for syntax in SYNTAXES {
        let coding = coding_of(syntax).expect("a known syntax");
        let mut set = native();
        if coding != Coding::ImplicitLittle {
            // UN has no bytes to turn; in implicit VR the element of a private block has no VR but UN either.
            assert!(set.remove(Tag(0x0009, 0x1001)).is_some());
        }
        let bytes = set.write(coding);
        assert_eq!(DataSet::read(&bytes, coding), Ok(set.clone()), "{syntax}");
        assert_eq!(
            DataSet::read(&bytes, coding).expect("read once already").write(coding),
            bytes,
            "{syntax}"
        );
    }
    let set = encapsulated(&[b"", b"\xFF\xD8ab", b"\xFF\xD8cd"]);
    let bytes = set.write(Coding::ExplicitLittle);
    assert_eq!(DataSet::read(&bytes, Coding::ExplicitLittle), Ok(set));
}

#[test]
fn byte_by_byte_equals_whole() {
    for syntax in SYNTAXES {
        let bytes = file(&native(), syntax);
        let whole = read(&bytes, bytes.len()).expect("a whole file");
        assert_eq!(whole.issues, Vec::<String>::new());
        assert_eq!(whole.meta.source_aet, "NORTE");
        for piece in [1, 2, 3, 7, 131, 133] {
            assert_eq!(read(&bytes, piece), Ok(whole.clone()), "{syntax} in pieces of {piece}");
        }
    }
    let bytes = file(&encapsulated(&[b"", b"\xFF\xD8ab", b"cdef", b"\xFF\xD8cd"]), uids::JPEG_BASELINE);
    assert_eq!(read(&bytes, 1), read(&bytes, bytes.len()));
}

#[test]
fn native_frames_are_located_in_the_stored_bytes() {
    let bytes = file(&native(), uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let header = read(&bytes, 5).expect("a whole file");
    assert!(!header.dataset.contains(tags::PIXEL_DATA));
    assert_eq!(header.dataset.text(tags::PATIENT_NAME).as_deref(), Some("MUÑOZ^ANA"));
    let bulk = &header.bulk[0];
    assert_eq!((bulk.length, bulk.vr, bulk.path.to_string().as_str()), (24, VR::OW, "7FE00010"));
    let second = &header.frames[1];
    let at = second.offset as usize;
    assert_eq!(&bytes[at..at + second.length as usize], (12..24).collect::<Vec<u8>>());
}

#[test]
fn a_bare_data_set_counts_from_its_prefix() {
    let prefix = write_file_meta(CT, "1.2.3.4", uids::IMPLICIT_VR_LITTLE_ENDIAN, "NORTE");
    let body = native().write(Coding::ImplicitLittle);
    let mut parser = Parser::data_set(uids::IMPLICIT_VR_LITTLE_ENDIAN, prefix.len() as u64).expect("known");
    parser.feed(&body).expect("well formed");
    let bare = parser.finish().expect("whole");
    let stored = read(&[prefix, body].concat(), 1000).expect("a whole file");
    assert_eq!((bare.frames, bare.bulk, bare.dataset), (stored.frames, stored.bulk, stored.dataset));
}

#[test]
fn encapsulated_frames_are_told_apart_by_table_number_or_marks() {
    let frames = |fragments: &[&[u8]]| {
        let bytes = file(&encapsulated(fragments), uids::JPEG_BASELINE);
        let header = read(&bytes, 64).expect("a whole file");
        let frame = |span: &FrameSpan| {
            let pieces = span.pieces().into_iter();
            pieces
                .flat_map(|(at, length)| bytes[at as usize..(at + length) as usize].to_vec())
                .collect::<Vec<u8>>()
        };
        (header.frames.iter().map(frame).collect::<Vec<_>>(), header.issues)
    };
    let told = |a: &[u8], b: &[u8]| (vec![a.to_vec(), b.to_vec()], Vec::<String>::new());
    let table = [0_u32.to_le_bytes(), 20_u32.to_le_bytes()].concat();
    assert_eq!(frames(&[&table, b"ab", b"cd", b"efgh"]), told(b"abcd", b"efgh"));
    assert_eq!(frames(&[b"", b"abcd", b"ef"]), told(b"abcd", b"ef"));
    assert_eq!(frames(&[b"", b"\xFF\xD8", b"ab", b"\xFF\xD8cd"]), told(b"\xFF\xD8ab", b"\xFF\xD8cd"));
    let (none, issues) = frames(&[b"", b"ab", b"cd", b"ef"]);
    assert_eq!((none.len(), issues.len()), (0, 1));
}

#[test]
fn the_extended_offset_table_locates_frames() {
    let mut set = encapsulated(&[b"", b"ab", b"cd", b"efgh"]);
    let table = [0_u64.to_le_bytes(), 20_u64.to_le_bytes()].concat();
    set.set_bytes(Tag(0x7FE0, 0x0001), VR::OV, table);
    let header = read(&file(&set, uids::JPEG_BASELINE), 10).expect("a whole file");
    assert_eq!(header.frames.iter().map(|f| f.length).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn long_values_are_located_and_not_kept() {
    let mut set = sample();
    let mut item = DataSet::with_charset(Charset::latin1());
    item.set_bytes(tags::ENCAPSULATED_DOCUMENT, VR::OB, vec![7; 70_000]);
    set.set_items(tags::SOURCE_IMAGE_SEQUENCE, vec![DataSet::new(), item]);
    let bytes = file(&set, uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let header = read(&bytes, 4096).expect("a whole file");
    let bulk = &header.bulk[0];
    assert_eq!(bulk.path.to_string(), "00082112/1/00420011");
    assert_eq!(bulk.path.to_string().parse(), Ok(bulk.path.clone()));
    assert!(bytes[bulk.offset as usize..][..bulk.length as usize].iter().all(|byte| *byte == 7));
    assert_eq!(header.dataset.at(&bulk.path), None);
}

#[test]
fn undefined_lengths_and_un_sequences_are_read() {
    let mut bytes = Vec::new();
    // (0008,1140) SQ of undefined length with an item of undefined length.
    bytes.extend(b"\x08\x00\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF");
    bytes.extend(b"\x08\x00\x55\x11UI\x04\x001.2\0\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0");
    // (0009,1001) UN of undefined length: a sequence in implicit VR.
    bytes.extend(
        b"\x09\x00\x01\x10UN\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x0A\0\0\0\x08\x00\x60\x00\x02\0\0\0CT",
    );
    bytes.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0\x10\x00\x20\x00LO\x02\x00ID");
    // (0040,0275) UN of defined length: a known sequence, relayed by somebody without a dictionary.
    bytes.extend(b"\x40\x00\x75\x02UN\0\0\x12\0\0\0\xFE\xFF\x00\xE0\x0A\0\0\0\x40\x00\x09\x00\x02\0\0\0P1");
    let set = DataSet::read(&bytes, Coding::ExplicitLittle).expect("well formed");
    let request = &set.items(tags::REQUEST_ATTRIBUTES_SEQUENCE)[0];
    assert_eq!(request.text(tags::SCHEDULED_PROCEDURE_STEP_ID).as_deref(), Some("P1"));
    assert_eq!(set.items(tags::REFERENCED_IMAGE_SEQUENCE)[0].uid(Tag(8, 0x1155)).as_deref(), Some("1.2"));
    assert_eq!(set.items(Tag(9, 0x1001))[0].text(tags::MODALITY).as_deref(), Some("CT"));
    assert_eq!(set.text(tags::PATIENT_ID).as_deref(), Some("ID"));
}

#[test]
fn every_truncation_is_refused_with_its_position() {
    let mut cases = 0;
    for syntax in SYNTAXES {
        let bytes = file(&native(), syntax);
        // Cutting between two elements of the data set leaves a shorter data set: those cuts alone are read.
        // The last byte of a deflated data set is padding.
        let end = bytes.len() - usize::from(syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
        for length in 0..end {
            cases += 1;
            match read(&bytes[..length], 50) {
                Err(error) => assert!(error.position <= 10_000, "{syntax} {length}: {error}"),
                Ok(header) => {
                    assert!(header.dataset.len() < native().len() && header.frames.is_empty(), "{length}")
                }
            }
        }
    }
    println!("{cases} cases");
}

#[test]
fn spoilt_files_neither_panic_nor_grow() {
    let seed = 0xD1C0_u64;
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let samples = [
        file(&native(), SYNTAXES[0]),
        file(&native(), SYNTAXES[1]),
        file(&native(), SYNTAXES[2]),
        file(&native(), SYNTAXES[3]),
        file(&encapsulated(&[b"\0\0\0\0\x14\0\0\0", b"ab", b"cd", b"efgh"]), uids::JPEG_BASELINE),
    ];
    let mut refused = 0;
    let cases = 20_000;
    for case in 0..cases {
        let mut bytes = samples[case % samples.len()].clone();
        for _ in 0..=next(4) {
            let at = 132 + next(bytes.len() - 132);
            bytes[at] = match next(3) {
                0 => 0xFF,
                1 => next(256) as u8,
                _ => bytes[at] ^ (1 << next(8)),
            };
        }
        let piece = 1 + next(300);
        match read(&bytes, piece) {
            Ok(header) => {
                let _ = header.dataset.write(Coding::ExplicitLittle);
            }
            Err(_) => refused += 1,
        }
    }
    println!("seed {seed:#x}, {cases} cases, {refused} refused");
    assert!(refused > cases / 10);
}

#[test]
fn a_length_of_four_gigabytes_costs_no_memory_before_it_comes() {
    let mut bytes = write_file_meta(CT, "1.2.3.4", uids::EXPLICIT_VR_LITTLE_ENDIAN, "");
    bytes.extend(b"\x28\x00\x10\x00UT\0\0\xFE\xFF\xFF\xFF");
    let error = read(&bytes, 10).expect_err("the value never comes");
    assert_eq!(error.kind, ParseErrorKind::Truncated);
    let whole =
        DataSet::read(&bytes[bytes.len() - 12..], Coding::ExplicitLittle).expect_err("beyond the limit");
    assert_eq!(whole.kind, ParseErrorKind::TooLarge);
}

#[test]
fn deep_nesting_and_endless_headers_are_refused() {
    let open = b"\x08\x00\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
    let deep = DataSet::read(&open.repeat(1000), Coding::ExplicitLittle).expect_err("too deep");
    assert_eq!(deep.kind, ParseErrorKind::TooDeep);
    let endless = b"\x08\x00\x60\x00CS\x00\x00".repeat(1 << 20);
    let endless = DataSet::read(&endless, Coding::ExplicitLittle).expect_err("too many");
    assert_eq!(endless.kind, ParseErrorKind::TooLarge);
    // Backward order costs no more than forward order.
    let backward: Vec<u8> = (0..200_000_u32)
        .rev()
        .flat_map(|n| [&[9, 0][..], &(0x1000 + (n % 60_000) as u16).to_le_bytes(), b"LO\0\0"].concat())
        .collect();
    let set = DataSet::read(&backward, Coding::ExplicitLittle).expect("lenient in order");
    assert_eq!(set.len(), 60_000);
}

#[test]
fn what_is_no_dicom_file_is_refused() {
    assert_eq!(read(&[0; 200], 200).expect_err("no DICM").kind, ParseErrorKind::NotPart10);
    let unknown = file(&sample(), uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let at = unknown.windows(19).position(|w| w == b"1.2.840.10008.1.2.1").expect("the transfer syntax");
    let mut unknown = unknown;
    unknown[at + 18] = b'7';
    let error = read(&unknown, 64).expect_err("not a syntax");
    assert_eq!(error.kind, ParseErrorKind::UnknownTransferSyntax("1.2.840.10008.1.2.7".into()));
}

#[test]
fn the_data_set_begins_behind_group_two_whatever_its_group_length_says() {
    let file = write_file_meta("1.2.3", "1.2.3.4", "1.2.840.10008.1.2", "AE");
    let mut whole = file.clone();
    whole.extend([8, 0, 5, 0, 0, 0, 0, 0]);
    assert_eq!(data_set_start(&whole), Some(file.len() as u64));
    assert_eq!(data_set_start(&file), Some(file.len() as u64), "nothing but group 0002");
    whole[140] = 0xFF;
    assert_eq!(data_set_start(&whole), Some(file.len() as u64), "a wrong group length misleads nobody");
    for cut in 0..file.len() {
        assert!(data_set_start(&file[..cut]).is_none_or(|at| at as usize <= cut), "cut at {cut}");
    }
    assert_eq!(data_set_start(b"no preamble"), None);
}
