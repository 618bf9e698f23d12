//! DICOM: PDUs, command sets, data sets, files, the JSON model, questions, character sets, and the bytes of frames.

use super::{Answer, Target, about};
use badiano_dicom::charset::{self, Charset};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::dimse::CommandSet;
use badiano_dicom::part10::Parser;
use badiano_dicom::pdu::{AeTitle, AssociateRq, Decoder, Encoder, Limits};
use badiano_dicom::pixel::{ImageInfo, Rendered, View, decode_frame, jpeg, render};
use badiano_dicom::query::{Level, parse_qido};
use badiano_dicom::{json, tags};
use badiano_kernel::id::Uid;
use badiano_testkit::studies::part10::Elements;
use badiano_testkit::studies::{self};

const PDU_WORDS: &[&[u8]] = &[
    &[1, 0, 0, 0, 0, 0x40],
    &[2, 0, 0, 0, 0, 0x40],
    &[4, 0, 0, 0, 0, 10],
    &[5, 0, 0, 0, 0, 4, 0, 0, 0, 0],
    &[7, 0, 0, 0, 0, 4, 0, 0, 0, 0],
    &[0x10, 0, 0, 4],
    &[0x20, 0, 0, 8, 1, 0, 0, 0],
    &[0x30, 0, 0, 4],
    &[0x40, 0, 0, 4],
    &[0x50, 0, 0, 8],
    &[0x51, 0, 0, 4, 0, 0, 0x40, 0],
    &[0x52, 0, 0, 3],
    &[0x53, 0, 0, 4, 0, 1, 0, 1],
    &[0x54, 0, 0, 6],
    &[0x56, 0, 0, 6],
    &[0x57, 0, 0, 6],
    &[0x58, 0, 0, 6, 2, 1, 0, 1],
    b"1.2.840.10008.1.1",
];
pub const PDU: Target =
    Target { name: "pdu", seeds: streams, words: PDU_WORDS, read: read_pdus, bytes_per_byte: 400 };

pub const COMMAND_SET: Target =
    Target { name: "command_set", seeds: commands, words: SET_WORDS, read: read_command, bytes_per_byte: 64 };

const SET_WORDS: &[&[u8]] = &[
    b"SQ\0\0\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xfe\xff\x00\xe0\x08\0\0\0",
    b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff",
    b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff",
    b"UN\0\0\xff\xff\xff\xff",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192",
    b"\x02\x00\x00\x00UL\x04\x00",
    b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.2",
    b"1.2.840.10008.1.2.1.99",
    b"OW\0\0",
    b"\x00\x00\x00\x01\x10\x00",
    b"DS",
    b"IS",
    b"\\",
    b"\x28\x00\x10\x00US\x02\x00",
];
pub const DATA_SET: Target =
    Target { name: "data_set", seeds: sets, words: SET_WORDS, read: read_set, bytes_per_byte: 200 };
/// A deflated file may grow a thousand times; what is kept of it has its own limit.
pub const PART_10: Target =
    Target { name: "part_10", seeds: files, words: SET_WORDS, read: read_file, bytes_per_byte: 1_200 };

const JSON_WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"\"vr\":\"SQ\",",
    b"\"Value\":[",
    b"\"00081140\":{\"vr\":\"SQ\",\"Value\":[{",
    b"\"InlineBinary\":\"",
    b"\"BulkDataURI\":\"x\"",
    b"\"Alphabetic\":",
    b"null",
    b"1e999",
    b"\"vr\":\"FD\"",
    b"\\ud800",
    b",",
    b"\"vr\":\"AT\"",
    b"\"NaN\"",
];
pub const JSON: Target =
    Target { name: "dicom_json", seeds: texts, words: JSON_WORDS, read: read_json, bytes_per_byte: 600 };

const QIDO_WORDS: &[&[u8]] = &[
    b"&",
    b"=",
    b".",
    b"00080018",
    b"PatientName",
    b"*",
    b"?",
    b"-",
    b"\\",
    b"includefield",
    b"all",
    b"limit",
    b"offset",
    b"20260101-",
];
pub const QIDO: Target = Target {
    name: "qido_query",
    seeds: questions,
    words: QIDO_WORDS,
    read: read_question,
    bytes_per_byte: 256,
};

const CHARSET_WORDS: &[&[u8]] = &[
    b"\x1b$B",
    b"\x1b(B",
    b"\x1b$)C",
    b"\x1b-F",
    b"\x1b",
    b"ISO 2022 IR 87",
    b"\\",
    b"GB18030",
    b"GBK",
    b"\x81\x30\x81\x30",
    b"=",
    b"^",
    b"\xff",
];
pub const CHARACTER_SETS: Target = Target {
    name: "character_sets",
    seeds: names,
    words: CHARSET_WORDS,
    read: read_name,
    bytes_per_byte: 64,
};

const JPEG_WORDS: &[&[u8]] = &[
    b"\xff\xd8",
    b"\xff\xc0\0\x0b\x08",
    b"\xff\xc2",
    b"\xff\xc3",
    b"\xff\xc4\0\x1f",
    b"\xff\xda",
    b"\xff\xd9",
    b"\xff\xdd\0\x04",
    b"\xff\xd0",
    b"\xff\xff",
    b"\xff\xee\0\x0eAdobe",
    b"\0\x20\0\x20",
];
const JPEG_2000_WORDS: &[&[u8]] = &[
    b"\xff\x4f\xff\x51",
    b"\xff\x52",
    b"\xff\x5c",
    b"\xff\x90\0\x0a",
    b"\xff\x93",
    b"\xff\xd9",
    b"\0\0\0\x20",
    b"\xff\x53",
    b"\xff\x61",
    b"\xff\x5f",
];
pub const RLE: Target = Target {
    name: "pixel_rle",
    seeds: runs,
    words: &[b"\x80", b"\x81\0", b"\x7f"],
    read: read_rle,
    bytes_per_byte: 256,
};
pub const JPEG: Target =
    Target { name: "pixel_jpeg", seeds: jpegs, words: JPEG_WORDS, read: read_jpeg, bytes_per_byte: 256 };
pub const JPEG_LOSSLESS: Target = Target {
    name: "pixel_jpeg_lossless",
    seeds: Vec::new,
    words: JPEG_WORDS,
    read: read_jpeg_lossless,
    bytes_per_byte: 256,
};
pub const JPEG_2000: Target = Target {
    name: "pixel_jpeg2000",
    seeds: Vec::new,
    words: JPEG_2000_WORDS,
    read: read_jpeg_2000,
    bytes_per_byte: 512,
};

fn uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}

fn streams() -> Vec<Vec<u8>> {
    let title = |text| AeTitle::parse(text).expect("a title");
    let ct = (uid("1.2.840.10008.5.1.4.1.1.2"), vec![uid("1.2.840.10008.1.2.1"), uid("1.2.840.10008.1.2")]);
    let verification = (uid("1.2.840.10008.1.1"), vec![uid("1.2.840.10008.1.2")]);
    let mut request = Encoder::new(16_384);
    request.associate_rq(&AssociateRq::new(title("TOMOGRAFO 1"), title("NORTE"), vec![verification, ct]));
    let mut data = Encoder::new(16_384);
    data.data(1, true, &echo().to_bytes(), true);
    data.data(1, false, &[7; 300], true);
    data.release_rq();
    data.release_rp();
    let (request, data) = (request.take(), data.take());
    vec![[request.clone(), data.clone()].concat(), request, data]
}

fn echo() -> CommandSet {
    CommandSet::parse(&commands()[0]).expect("a C-ECHO")
}

/// C-ECHO-RQ, implicit VR little endian (PS3.7 9.3.5).
fn commands() -> Vec<Vec<u8>> {
    let element = |number: u16, value: &[u8]| {
        [&[0, 0], &number.to_le_bytes()[..], &(value.len() as u32).to_le_bytes(), value].concat()
    };
    let rest = [
        element(0x0002, b"1.2.840.10008.1.1\0"),
        element(0x0100, &[0x30, 0]),
        element(0x0110, &[1, 0]),
        element(0x0800, &[1, 1]),
    ]
    .concat();
    vec![[element(0x0000, &(rest.len() as u32).to_le_bytes()), rest].concat()]
}

fn image() -> Elements {
    let mut set = Elements::new(studies::Charset::IsoIr192);
    set.text((0x0008, 0x0005), "CS", "ISO_IR 192")
        .text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.2")
        .text((0x0008, 0x0018), "UI", "2.25.7")
        .text((0x0010, 0x0010), "PN", "Muñoz^María")
        .coded((0x0008, 0x1032), "P1", "99X", "Tórax")
        .unsigned((0x0028, 0x0002), &[1])
        .text((0x0028, 0x0004), "CS", "MONOCHROME2")
        .text((0x0028, 0x0008), "IS", "2")
        .unsigned((0x0028, 0x0010), &[4])
        .unsigned((0x0028, 0x0011), &[4])
        .unsigned((0x0028, 0x0100), &[16])
        .unsigned((0x0028, 0x0101), &[12])
        .unsigned((0x0028, 0x0102), &[11])
        .unsigned((0x0028, 0x0103), &[0])
        .text((0x0028, 0x1050), "DS", "40\\400")
        .bytes((0x7FE0, 0x0010), "OW", vec![5; 64]);
    set
}

/// The first byte says how the rest is encoded.
fn sets() -> Vec<Vec<u8>> {
    let explicit = [vec![1], image().encode()].concat();
    let implicit = [&[0], &commands()[0][12..]].concat();
    vec![explicit, implicit]
}

fn files() -> Vec<Vec<u8>> {
    let plain = image().file("1.2.840.10008.5.1.4.1.1.2", "2.25.7");
    // The same in fragments: the pixel data's element made one of undefined length.
    let pixels = plain.windows(6).position(|w| w == b"\xe0\x7f\x10\x00OW").expect("it has pixels");
    let items = b"OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0\xff\xd8\xff\xd9\xfe\xff\xdd\xe0\0\0\0\0";
    let fragments = [&plain[..pixels + 4], items].concat();
    vec![plain, fragments]
}

fn texts() -> Vec<Vec<u8>> {
    let text = r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Muñoz^María"}]},
        "00280010":{"vr":"US","Value":[512]},"00281050":{"vr":"DS","Value":[40.5,"400"]},"00081140":{"vr":"SQ","Value":[{"00081155":
        {"vr":"UI","Value":["1.2.3"]}},{}]},"7FE00010":{"vr":"OW","BulkDataURI":"/frames"},"00420011":{"vr":"OB","InlineBinary":"AAEC"}}"#;
    vec![text.as_bytes().to_vec(), format!("[{text},{{}}]").into_bytes()]
}

fn questions() -> Vec<Vec<u8>> {
    let all = [
        "PatientName=Mu*oz^M?ria&StudyDate=20260101-20261231&includefield=all",
        "00080050=A1&00400275.00400007=x&limit=25&offset=5&fuzzymatching=true",
        "StudyInstanceUID=1.2.3\\1.2.4&ModalitiesInStudy=CT&includefield=00081030,PatientSex",
    ];
    all.map(|t| t.as_bytes().to_vec()).to_vec()
}

/// The terms of the character set, a zero, and the text.
fn names() -> Vec<Vec<u8>> {
    let all: [&[u8]; 5] = [
        b"ISO_IR 100\0Mu\xf1oz^Mar\xeda",
        b"ISO_IR 192\0Mu\xc3\xb1oz",
        b"\\ISO 2022 IR 87\0Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        b"\\ISO 2022 IR 149\0Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
        b"GB18030\0Wang=\xcd\xf5",
    ];
    all.map(<[u8]>::to_vec).to_vec()
}

fn runs() -> Vec<Vec<u8>> {
    let mut head = [3_u32, 64, 64 + 16, 64 + 32].iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    head.resize(64, 0);
    // Three planes of 32 x 32: eight runs of 128 bytes each.
    let plane = [0x81_u8, 9].repeat(8);
    vec![[head, plane.repeat(3)].concat()]
}

fn jpegs() -> Vec<Vec<u8>> {
    let picture = Rendered { width: 32, height: 32, samples: 3, data: (0..3072).map(|n| n as u8).collect() };
    vec![jpeg(&picture, 80).expect("a jpeg")]
}

/// Fed in pieces whose lengths the input itself gives.
fn read_pdus(input: &[u8]) -> Answer {
    let mut decoder = Decoder::new(Limits::default());
    let (mut rest, mut count) = (input, 0);
    while let Some(first) = rest.first() {
        let (mut piece, later) = rest.split_at((usize::from(*first) + 1).min(rest.len()));
        while decoder.next(&mut piece).map_err(|why| why.to_string())?.is_some() {
            count += 1;
        }
        assert!(piece.is_empty(), "a decoder that wants more has taken all");
        rest = later;
    }
    assert!(decoder.memory() <= 2 * input.len() + 64, "what is held is what has arrived");
    if count == 0 { Err("nothing whole".to_owned()) } else { Ok(about(count)) }
}

fn read_command(input: &[u8]) -> Answer {
    let set = CommandSet::parse(input).map_err(|why| why.to_string())?;
    assert_eq!(CommandSet::parse(&set.to_bytes()).as_ref(), Ok(&set), "a command set reads itself");
    let command = badiano_dicom::dimse::read_command(input).map_err(|why| why.to_string());
    Ok(format!("{:?}", command.map(|(_, has_data)| has_data)))
}

fn read_set(input: &[u8]) -> Answer {
    let (first, rest) = input.split_first().ok_or("empty")?;
    let codings = [Coding::ImplicitLittle, Coding::ExplicitLittle, Coding::ExplicitBig];
    let set = DataSet::read(rest, codings[usize::from(*first) % 3]).map_err(|why| why.to_string())?;
    let written = json::print(&set, &[], &|_| String::new());
    let again = json::parse(written.as_bytes()).map_err(|why| format!("the JSON of a data set: {why}"));
    assert!(again.is_ok(), "{}", again.err().unwrap_or_default());
    let texts: usize = set.iter().map(|e| set.texts(e.tag).len() + set.floats(e.tag).len()).sum();
    Ok(format!("{} {}", about(set.len()), about(texts)))
}

fn read_file(input: &[u8]) -> Answer {
    let mut parser = Parser::part10();
    for piece in input.chunks(usize::from(*input.first().unwrap_or(&0)) * 8 + 1) {
        parser.feed(piece).map_err(|why| why.to_string())?;
    }
    let header = parser.finish().map_err(|why| why.to_string())?;
    let image = ImageInfo::of_header(&header, 0).map_err(|why| why.to_string());
    Ok(format!("{} {} {:?}", about(header.dataset.len()), header.issues.len().min(3), image.err()))
}

fn read_json(input: &[u8]) -> Answer {
    let all = json::parse(input).map_err(|why| why.to_string())?;
    for parsed in &all {
        let text = json::print(&parsed.dataset, &[], &|_| String::new());
        assert!(json::parse(text.as_bytes()).is_ok(), "what was printed is read");
    }
    let bulk: usize = all.iter().map(|p| p.bulk.len()).sum();
    Ok(format!("{} {}", about(all.len()), about(bulk)))
}

fn read_question(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let pairs: Vec<(String, String)> = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (_, include) = parse_qido(&pairs, Level::Study).map_err(|why| why.to_string())?;
    Ok(about(format!("{include:?}").len()))
}

fn read_name(input: &[u8]) -> Answer {
    let end = input.iter().position(|b| *b == 0).ok_or("no term")?;
    let (set, odd) = Charset::parse(&String::from_utf8_lossy(&input[..end]));
    let (text, issue) = charset::decode(&input[end + 1..], &set);
    let (_, lost) = charset::encode(&text, &set);
    let _ = charset::fold(&text);
    Ok(format!("{} {issue:?} {}", odd.is_some(), about(lost.len())))
}

fn frame_of(photometric: &str, samples: i64, bits: i64) -> ImageInfo {
    let mut set = DataSet::new();
    set.set_text(tags::PHOTOMETRIC_INTERPRETATION, photometric);
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, samples),
        (tags::ROWS, 32),
        (tags::COLUMNS, 32),
        (tags::BITS_ALLOCATED, bits),
        (tags::BITS_STORED, bits),
        (tags::HIGH_BIT, bits - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        set.set_ints(tag, &[value]);
    }
    ImageInfo::of(&set, 0).expect("an image")
}

/// As a grey image of 8 and of 16 bits and as a coloured one; accepted where one of them is.
fn read_frame(syntax: &str, input: &[u8]) -> Answer {
    let kinds = [("MONOCHROME2", 1, 8), ("MONOCHROME2", 1, 16), ("RGB", 3, 8)];
    let answers = kinds.map(|(photometric, samples, bits)| {
        let info = frame_of(photometric, samples, bits);
        let frame = decode_frame(&info, syntax, input, 0).map_err(|why| why.to_string())?;
        let shown = render(&info, &frame, &View::default());
        assert_eq!(shown.data.len(), 32 * 32 * shown.samples, "a picture of all its pixels");
        Ok::<_, String>(())
    });
    if answers.iter().any(Result::is_ok) { Ok(format!("{answers:?}")) } else { Err(format!("{answers:?}")) }
}

fn read_rle(input: &[u8]) -> Answer {
    read_frame(uids::RLE_LOSSLESS, input)
}
fn read_jpeg(input: &[u8]) -> Answer {
    read_frame(uids::JPEG_BASELINE, input)
}
fn read_jpeg_lossless(input: &[u8]) -> Answer {
    read_frame(uids::JPEG_LOSSLESS_SV1, input)
}
fn read_jpeg_2000(input: &[u8]) -> Answer {
    read_frame(uids::JPEG_2000, input)
}
