//! Frames built here, through every step.

use super::*;
use crate::dataset::DataSet;
use crate::dictionary::uids;
use crate::{VR, tags};

fn image(photometric: &str, samples: &str, bits: &str, stored: &str) -> DataSet {
    let mut set = DataSet::new();
    set.set_text(tags::PHOTOMETRIC_INTERPRETATION, photometric);
    set.set_text(tags::SAMPLES_PER_PIXEL, samples);
    set.set_text(tags::ROWS, "2");
    set.set_text(tags::COLUMNS, "2");
    set.set_text(tags::BITS_ALLOCATED, bits);
    set.set_text(tags::BITS_STORED, stored);
    set.set_ints(tags::HIGH_BIT, &[stored.parse::<i64>().expect("a number") - 1]);
    set.set_text(tags::PIXEL_REPRESENTATION, "0");
    set
}

fn shown(set: &DataSet, syntax: &str, bytes: &[u8]) -> Vec<u8> {
    let info = ImageInfo::of(set, 0).expect("an image");
    let frame = decode_frame(&info, syntax, bytes, 0).expect("a frame");
    render(&info, &frame, &View::default()).data
}

const LITTLE: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

#[test]
fn a_linear_window_follows_the_standard() {
    let mut set = image("MONOCHROME2", "1", "16", "12");
    set.set_text(tags::RESCALE_SLOPE, "1");
    set.set_text(tags::RESCALE_INTERCEPT, "-1024");
    set.set_text(tags::WINDOW_CENTER, "40");
    set.set_text(tags::WINDOW_WIDTH, "400");
    // -1024, -160, 40, 240 HU.
    let bytes: Vec<u8> = [0_u16, 864, 1064, 1264].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(shown(&set, LITTLE, &bytes), [0, 0, 128, 255]);
    let big: Vec<u8> = [0_u16, 864, 1064, 1264].iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(shown(&set, uids::EXPLICIT_VR_BIG_ENDIAN, &big), [0, 0, 128, 255]);
    set.set_text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1");
    assert_eq!(shown(&set, LITTLE, &bytes), [255, 255, 127, 0]);
    set.set_text(tags::VOILUT_FUNCTION, "SIGMOID");
    assert_eq!(shown(&set, LITTLE, &bytes), [255, 225, 128, 30]);
}

#[test]
fn without_a_window_the_frame_spans_black_to_white_and_padding_is_left_out() {
    let mut set = image("MONOCHROME2", "1", "16", "16");
    set.set_text(tags::PIXEL_REPRESENTATION, "1");
    set.set_text_as(tags::PIXEL_PADDING_VALUE, VR::SS, "-2000");
    let bytes: Vec<u8> = [-2000_i16, -100, 0, 100].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(shown(&set, LITTLE, &bytes), [0, 0, 128, 255]);
}

#[test]
fn a_voi_lut_and_a_modality_lut_are_applied() {
    let lut = |descriptor: [u16; 3], entries: &[u16]| {
        let bytes = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut item = DataSet::new();
        item.set_bytes(tags::LUT_DESCRIPTOR, VR::US, bytes(&descriptor));
        item.set_bytes(tags::LUT_DATA, VR::OW, bytes(entries));
        item
    };
    let mut set = image("MONOCHROME2", "1", "8", "8");
    set.set_items(tags::VOILUT_SEQUENCE, vec![lut([3, 10, 12], &[0, 4095, 2048])]);
    assert_eq!(shown(&set, LITTLE, &[0, 10, 11, 200]), [0, 0, 255, 128]);
    set.set_items(tags::MODALITY_LUT_SEQUENCE, vec![lut([4, 0, 16], &[12, 12, 11, 10])]);
    assert_eq!(shown(&set, LITTLE, &[0, 1, 2, 3]), [128, 128, 255, 0]);
}

#[test]
fn colours_come_by_pixel_by_plane_and_by_palette() {
    let rgb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let mut set = image("RGB", "3", "8", "8");
    assert_eq!(shown(&set, LITTLE, &rgb), rgb);
    set.set_text(tags::PLANAR_CONFIGURATION, "1");
    assert_eq!(shown(&set, LITTLE, &[1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]), rgb);
    let set = image("YBR_FULL", "3", "8", "8");
    assert_eq!(
        shown(&set, LITTLE, &[76, 85, 255, 0, 128, 128, 255, 128, 128, 150, 44, 21])[..9],
        [254, 0, 0, 0, 0, 0, 255, 255, 255]
    );
    let set = image("YBR_FULL_422", "3", "8", "8");
    assert_eq!(shown(&set, LITTLE, &[10, 20, 128, 128, 30, 40, 128, 128])[..6], [10, 10, 10, 20, 20, 20]);
    let mut set = image("PALETTE COLOR", "1", "8", "8");
    for (descriptor, data, shade) in [
        (
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            0x1000_u16,
        ),
        (
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            0x2000,
        ),
        (
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            0x3000,
        ),
    ] {
        set.set_bytes(
            descriptor,
            VR::US,
            [2_u16, 0, 16].iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>(),
        );
        set.set_bytes(data, VR::OW, [0, shade].iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
    }
    assert_eq!(shown(&set, LITTLE, &[0, 1, 0, 9])[..6], [0, 0, 0, 0x10, 0x20, 0x30]);
}

#[test]
fn rle_planes_are_put_together() {
    let mut set = image("MONOCHROME2", "1", "16", "16");
    set.set_text(tags::WINDOW_CENTER, "128");
    set.set_text(tags::WINDOW_WIDTH, "256");
    let mut bytes = vec![0_u8; 64];
    bytes[0] = 2;
    bytes[4] = 64;
    bytes[8] = 66;
    // Four zero bytes as a run; four bytes as they are.
    bytes.extend([0xFD, 0, 3, 0, 100, 200, 255]);
    assert_eq!(shown(&set, uids::RLE_LOSSLESS, &bytes), [0, 100, 200, 255]);
}

#[test]
fn one_bit_frames_begin_inside_a_byte() {
    let mut set = image("MONOCHROME2", "1", "1", "1");
    set.set_text(tags::ROWS, "3");
    set.set_text(tags::COLUMNS, "1");
    let info = ImageInfo::of(&set, 0).expect("an image");
    // Frame 1 of 3 pixels begins at bit 3.
    let frame = decode_frame(&info, LITTLE, &[0b0010_1000], 1);
    assert_eq!(frame, Ok(Frame::Grey { values: vec![1, 0, 1], signed: false }));
}

#[test]
fn what_is_shown_survives_png_and_nearly_jpeg() {
    let data: Vec<u8> = (0..64 * 48).map(|at| ((at % 64) * 4) as u8).collect();
    let picture = Rendered { width: 64, height: 48, samples: 1, data };
    let mut reader =
        png::Decoder::new(std::io::Cursor::new(png(&picture).expect("a png"))).read_info().expect("ours");
    let mut read = vec![0; 64 * 48];
    reader.next_frame(&mut read).expect("ours");
    assert_eq!(read, picture.data);
    let mut set = image("MONOCHROME2", "1", "8", "8");
    set.set_text(tags::ROWS, "48");
    set.set_text(tags::COLUMNS, "64");
    set.set_text(tags::WINDOW_CENTER, "128");
    set.set_text(tags::WINDOW_WIDTH, "256");
    let back = shown(&set, uids::JPEG_BASELINE, &jpeg(&picture, 95).expect("a jpeg"));
    assert!(back.iter().zip(&picture.data).all(|(a, b)| a.abs_diff(*b) <= 4));
}

#[test]
fn a_viewport_keeps_the_shape_and_the_mean() {
    let picture =
        Rendered { width: 4, height: 2, samples: 1, data: vec![0, 100, 0, 100, 100, 200, 100, 200] };
    let small = fit(&picture, 2, 2);
    assert_eq!((small.width, small.height, small.data), (2, 1, vec![100, 100]));
    let large = fit(&picture, 8, 800);
    assert_eq!((large.width, large.height), (8, 4));
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let info = ImageInfo::of(&image("MONOCHROME2", "1", "16", "12"), 0).expect("an image");
    let error = decode_frame(&info, "1.2.840.10008.1.2.4.80", &[0xFF, 0xD8], 0).expect_err("no decoder");
    assert_eq!(
        error.to_string(),
        "decoding JPEG-LS Lossless Image Compression (1.2.840.10008.1.2.4.80) is not supported"
    );
    assert_eq!(decode_frame(&info, LITTLE, &[0; 7], 0), Err(PixelError::Corrupt("too few bytes")));
    let mut set = image("MONOCHROME2", "1", "16", "12");
    set.set_text(tags::HIGH_BIT, "5");
    assert_eq!(ImageInfo::of(&set, 0), Err(PixelError::Attribute("Bits Stored or High Bit")));
}

/// Pixels of 12 bits that rise by 7 a column and 13 a row, from `first`, 32 by 32.
fn slope(first: i64) -> Vec<u32> {
    (0..1024).map(|at| ((at % 32 * 7 + at / 32 * 13) + first) as u32).collect()
}

fn slope_image(signed: &str) -> ImageInfo {
    let mut set = image("MONOCHROME2", "1", "16", "12");
    set.set_text(tags::ROWS, "32");
    set.set_text(tags::COLUMNS, "32");
    set.set_text(tags::PIXEL_REPRESENTATION, signed);
    ImageInfo::of(&set, 0).expect("an image")
}

fn bytes_of(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).expect("a fixture")
}

/// `slope(-2048)` as another program (OpenJPEG) wrote it: JPEG 2000 lossless, signed.
const SLOPE_JPEG_2000: &str = "\
    /0//UQApAAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABiwEB/1IADAAAAAEABQQEAAH/XAATQGBoaHBoaHBoaHBo\
    aHBoaHD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjL/kAAKAAAAAABhAAH/k8/kDAmHP8D8AGB+AEAEAEfA\
    faBQH2ggDQMLOAFfwD6gOAfUCiIaFQN+YYYfwB84SAPnDjahmc89pi7WWtRXwAfCLAD5BABfp8cz352sKV1H51wf/9k=";
/// `slope(0)` as another program (DCMTK) wrote it: JPEG lossless, first-order prediction.
const SLOPE_JPEG_LOSSLESS: &str = "\
    /9j/4AAQSkZJRgABAQAAAQABAAD/wwALEAAgACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAAAwQQ/9oACAEBAAEAAM7u7u7u7u7u\
    7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7\
    u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7\
    u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u\
    7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u\
    9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7\
    u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u\
    7u7u7u7u7u7u7u7u72u7u7u7u7u7u7u7u7u7u7va7u7u7u7u7u7u7u7u7u7u9ru7u7u7u7u7u7u7u7u7u7///9k=";

#[test]
fn lossless_frames_of_other_programs_are_exact() {
    let decoded = decode_frame(&slope_image("1"), uids::JPEG_2000_LOSSLESS, &bytes_of(SLOPE_JPEG_2000), 0);
    assert_eq!(decoded, Ok(Frame::Grey { values: slope(-2048), signed: true }));
    let decoded = decode_frame(&slope_image("0"), uids::JPEG_LOSSLESS_SV1, &bytes_of(SLOPE_JPEG_LOSSLESS), 0);
    assert_eq!(decoded, Ok(Frame::Grey { values: slope(0), signed: false }));
}

#[test]
fn spoilt_frames_never_panic() {
    let picture = Rendered { width: 16, height: 16, samples: 3, data: (0..768).map(|at| at as u8).collect() };
    let mut set = image("YBR_FULL_422", "3", "8", "8");
    set.set_text(tags::ROWS, "16");
    set.set_text(tags::COLUMNS, "16");
    let colour = ImageInfo::of(&set, 0).expect("an image");
    let samples = [
        (colour.clone(), uids::JPEG_BASELINE, jpeg(&picture, 80).expect("a jpeg")),
        (
            colour,
            uids::RLE_LOSSLESS,
            [vec![3, 0, 0, 0, 64, 0, 0, 0, 80, 0, 0, 0, 96, 0, 0, 0], vec![200; 300]].concat(),
        ),
        (slope_image("1"), uids::JPEG_2000_LOSSLESS, bytes_of(SLOPE_JPEG_2000)),
        (slope_image("0"), uids::JPEG_LOSSLESS_SV1, bytes_of(SLOPE_JPEG_LOSSLESS)),
    ];
    let seed = 0x91CE_u64;
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let cases = 4_000;
    let mut refused = 0;
    for case in 0..cases {
        let (info, syntax, mut bytes) = samples[case % 4].clone();
        for _ in 0..=next(5) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        if next(4) == 0 {
            bytes.truncate(1 + next(bytes.len()));
        }
        refused += usize::from(decode_frame(&info, syntax, &bytes, 0).is_err());
    }
    println!("seed {seed:#x}, {cases} cases, {refused} refused");
    assert!(refused > cases / 10 && refused < cases);
}
