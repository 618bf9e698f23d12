//! That each kind of file becomes an object that says the truth of its pixels and holds its bytes untouched.

use super::*;
use crate::part10::Parser;
use crate::pixel::{self, ImageInfo};

fn around() -> DataSet {
    let mut set = DataSet::new();
    set.set_charset(&Charset::utf8());
    set.set_text(tags::SOP_INSTANCE_UID, "2.25.1");
    set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA");
    set
}

fn read(wrapped: Wrapped) -> (crate::part10::Header, Vec<u8>) {
    let syntax = wrapped.transfer_syntax;
    let bytes = wrapped.write(&around());
    let mut parser = Parser::data_set(syntax, 0).expect("a syntax");
    parser.feed(&bytes).expect("it is read");
    (parser.finish().expect("it is whole"), bytes)
}

fn jpeg_of(
    colour: jpeg_encoder::ColorType,
    samples: usize,
    sampling: jpeg_encoder::SamplingFactor,
) -> Vec<u8> {
    let pixels: Vec<u8> = (0..48 * 32 * samples).map(|n| (n * 7 % 256) as u8).collect();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&pixels, 48, 32, colour).expect("a JPEG");
    bytes
}

#[test]
fn a_jpeg_passes_untouched_and_its_colours_are_named_as_they_are() {
    use jpeg_encoder::{ColorType, SamplingFactor};
    for (bytes, photometric, samples) in [
        (jpeg_of(ColorType::Rgb, 3, SamplingFactor::R_4_2_0), "YBR_FULL_422", 3),
        (jpeg_of(ColorType::Rgb, 3, SamplingFactor::R_4_4_4), "YBR_FULL", 3),
        (jpeg_of(ColorType::Luma, 1, SamplingFactor::R_4_4_4), "MONOCHROME2", 1),
    ] {
        let (header, whole) = read(wrap(bytes.clone(), Origin::Photograph).expect("wrapped"));
        let set = &header.dataset;
        assert_eq!(set.text(tags::PHOTOMETRIC_INTERPRETATION).as_deref(), Some(photometric));
        assert_eq!((set.int(tags::ROWS), set.int(tags::COLUMNS)), (Some(32), Some(48)));
        assert_eq!(set.int(tags::SAMPLES_PER_PIXEL), Some(samples));
        assert_eq!(set.text(tags::LOSSY_IMAGE_COMPRESSION).as_deref(), Some("01"));
        assert_eq!(set.text(tags::PATIENT_NAME).as_deref(), Some("MUÑOZ^ANA"));
        let [frame] = &header.frames[..] else { panic!("one frame") };
        let held = &whole[frame.offset as usize..(frame.offset + frame.length) as usize];
        assert_eq!(&held[..bytes.len()], bytes, "the JPEG as it came");
        let info = ImageInfo::of_header(&header, 0).expect("an image");
        pixel::plain_frame(&info, &header.transfer_syntax, held).expect("it is decoded");
    }
}

#[test]
fn a_png_is_decoded_exactly_and_what_is_transparent_stands_on_white() {
    let encode = |colour, depth, pixels: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.write_header().expect("a header").write_image_data(pixels).expect("pixels");
        bytes
    };
    use png::{BitDepth, ColorType};
    let pixels = |bytes: Vec<u8>, origin| {
        let (header, whole) = read(wrap(bytes, origin).expect("wrapped"));
        let frame = header.frames[0].clone();
        let photometric = header.dataset.text(tags::PHOTOMETRIC_INTERPRETATION).expect("colours");
        (photometric, whole[frame.offset as usize..(frame.offset + frame.length) as usize].to_vec())
    };
    let photograph = Origin::Photograph;
    let of = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let rgb = encode(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(pixels(rgb, photograph), of("RGB", &[1, 2, 3, 4, 5, 6]));
    let clear = encode(ColorType::Rgba, BitDepth::Eight, &[10, 20, 30, 255, 10, 20, 30, 0]);
    assert_eq!(pixels(clear, photograph), of("RGB", &[10, 20, 30, 255, 255, 255]));
    let grey = encode(ColorType::Grayscale, BitDepth::Sixteen, &[0x12, 0x34, 0xFF, 0x00]);
    assert_eq!(pixels(grey.clone(), Origin::Capture), of("MONOCHROME2", &[0x34, 0x12, 0x00, 0xFF]));
    assert_eq!(pixels(grey, photograph), of("MONOCHROME2", &[0x12, 0xFF]));
}

/// A box of ISO/IEC 14496-12.
fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len() + 8).expect("short").to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(body);
    out
}

fn mp4_of(profile: u8, level: u8, frames: u32) -> Vec<u8> {
    let mut entry = vec![0_u8; 78];
    entry[24..26].copy_from_slice(&640_u16.to_be_bytes());
    entry[26..28].copy_from_slice(&480_u16.to_be_bytes());
    entry.extend(boxed(b"avcC", &[1, profile, 0, level, 0xFF]));
    let stsd = [vec![0, 0, 0, 0, 0, 0, 0, 1], boxed(b"avc1", &entry)].concat();
    let stsz = [vec![0; 8], frames.to_be_bytes().to_vec()].concat();
    let stbl = [boxed(b"stsd", &stsd), boxed(b"stsz", &stsz)].concat();
    let mdhd = [vec![0; 12], 1_000_u32.to_be_bytes().to_vec(), 4_000_u32.to_be_bytes().to_vec()].concat();
    let hdlr = [vec![0; 8], b"vide".to_vec(), vec![0; 12]].concat();
    let mdia =
        [boxed(b"mdhd", &mdhd), boxed(b"hdlr", &hdlr), boxed(b"minf", &boxed(b"stbl", &stbl))].concat();
    let moov = boxed(b"trak", &boxed(b"mdia", &mdia));
    [boxed(b"ftyp", b"isom\0\0\0\0"), boxed(b"moov", &moov), boxed(b"mdat", &[7; 31])].concat()
}

#[test]
fn a_video_is_one_stream_with_its_frames_and_time_and_what_is_beyond_the_standard_is_refused() {
    let bytes = mp4_of(100, 41, 100);
    let (header, whole) = read(wrap(bytes.clone(), Origin::Photograph).expect("wrapped"));
    let set = &header.dataset;
    assert_eq!(header.transfer_syntax, "1.2.840.10008.1.2.4.102");
    assert_eq!((set.int(tags::ROWS), set.int(tags::COLUMNS)), (Some(480), Some(640)));
    assert_eq!((set.int(tags::NUMBER_OF_FRAMES), set.float(tags::FRAME_TIME)), (Some(100), Some(40.0)));
    assert!(whole.windows(bytes.len()).any(|w| w == bytes), "the MP4 as it came");
    assert!(wrap(mp4_of(110, 41, 100), Origin::Photograph).is_err(), "High 10");
    assert!(wrap(mp4_of(100, 51, 100), Origin::Photograph).is_err(), "Level 5.1");
    assert!(wrap(mp4_of(100, 41, 0), Origin::Photograph).is_err(), "no frames");
}

#[test]
fn documents_are_told_by_their_bytes_and_come_out_as_they_went_in() {
    let pdf = b"%PDF-1.7\nodd".to_vec();
    let cda = "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".as_bytes().to_vec();
    for (bytes, class) in [(pdf, ENCAPSULATED_PDF), (cda, ENCAPSULATED_CDA)] {
        let wrapped = wrap(bytes.clone(), Origin::Photograph).expect("wrapped");
        assert_eq!(wrapped.sop_class, class);
        let (header, _) = read(wrapped);
        let element = header.dataset.get(tags::ENCAPSULATED_DOCUMENT).expect("the document");
        assert_eq!(&element.bytes()[..bytes.len()], bytes);
        assert_eq!(header.dataset.int(tags::ENCAPSULATED_DOCUMENT_LENGTH), Some(bytes.len() as i64));
    }
}

#[test]
fn what_is_cut_off_or_of_another_kind_is_refused_and_never_breaks_anything() {
    let good = [
        jpeg_of(jpeg_encoder::ColorType::Rgb, 3, jpeg_encoder::SamplingFactor::R_4_2_0),
        mp4_of(100, 41, 100),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
    ];
    let mut tried = 0;
    for whole in &good {
        for end in 0..whole.len().min(1_500) {
            drop(wrap(whole[..end].to_vec(), Origin::Photograph));
            let mut bent = whole.clone();
            bent[end] ^= 0xFF;
            drop(wrap(bent, Origin::Capture));
            tried += 2;
        }
    }
    assert!(tried > 2_000, "{tried} cases");
    for other in [&b"GIF89a"[..], b"", b"MZ", b"<html></html>", b"{}"] {
        assert!(wrap(other.to_vec(), Origin::Photograph).is_err());
    }
    let mut progressive = good[0].clone();
    let at = progressive.windows(2).position(|w| w == [0xFF, 0xC0]).expect("SOF0");
    progressive[at + 1] = 0xC2;
    assert!(wrap(progressive, Origin::Photograph).expect_err("refused").0.contains("progressive"));
}

fn tiff_of<C: tiff::encoder::colortype::ColorType>(values: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).expect("an encoder");
    encoder.write_image::<C>(3, 2, values).expect("an image");
    bytes.into_inner()
}

#[test]
fn a_tiff_is_decoded_exactly_and_one_of_several_pages_or_cut_short_is_refused() {
    use tiff::encoder::colortype::{Gray16, RGB8};
    let colours: Vec<u8> = (0..18).map(|n| n * 14).collect();
    let grey: Vec<u16> = (0..6).map(|n| n * 10_000).collect();
    let (header, whole) = read(wrap(tiff_of::<RGB8>(&colours), Origin::Photograph).expect("wrapped"));
    assert_eq!(header.dataset.text(tags::PHOTOMETRIC_INTERPRETATION).as_deref(), Some("RGB"));
    let [frame] = &header.frames[..] else { panic!("one frame") };
    assert_eq!(&whole[frame.offset as usize..][..18], colours);
    let (header, whole) = read(wrap(tiff_of::<Gray16>(&grey), Origin::Capture).expect("wrapped"));
    let [frame] = &header.frames[..] else { panic!("one frame") };
    let held: Vec<u16> = whole[frame.offset as usize..][..12]
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    assert_eq!(held, grey, "sixteen bits of a capture stay");
    let one = tiff_of::<RGB8>(&colours);
    for cut in 0..one.len() {
        // Whatever is missing: a refusal or the picture, never a panic.
        if let Ok(wrapped) = wrap(one[..cut].to_vec(), Origin::Photograph) {
            assert_eq!(wrapped.set.int(tags::ROWS), Some(2), "cut at {cut}");
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).expect("an encoder");
    for _ in 0..2 {
        encoder.write_image::<RGB8>(3, 2, &colours).expect("a page");
    }
    assert!(wrap(bytes.into_inner(), Origin::Photograph).expect_err("two pages").0.contains("several pages"));
}
