//! The modules of the image objects: patient, study, series, equipment, image (PS3.3 annexes A.3, A.4, A.7, A.26 and C).

use super::part10::Elements;
use super::{Study, pixels};
use crate::order::PROCEDURE_SYSTEM;
use crate::rng::Rng;

const CT_SIZE: u16 = 512;
const MR_SIZE: u16 = 256;
const MAMMOGRAM_ROWS: u16 = 2294;
const MAMMOGRAM_COLUMNS: u16 = 1914;
const ULTRASOUND_ROWS: u16 = 480;
const ULTRASOUND_COLUMNS: u16 = 640;

/// Patient, General Study, General Series, General Equipment, SOP Common, Request Attributes.
pub(super) fn of_every_image(study: &Study, uid: &str, number: u32, e: &mut Elements) {
    let (person, order, scanner) = (&study.person, &study.order, &study.scanner);
    let day = order.scheduled_day.to_compact();
    let sex = if person.sex == badiano_mexico::Sex::Man { "M" } else { "F" };
    let sex = if person.sex == badiano_mexico::Sex::NonBinary { "O" } else { sex };
    e.text((0x0008, 0x0005), "CS", scanner.charset.term())
        .text((0x0008, 0x0016), "UI", study.sop_class())
        .text((0x0008, 0x0018), "UI", uid)
        .text((0x0008, 0x0020), "DA", &day)
        .text((0x0008, 0x0021), "DA", &day)
        .text((0x0008, 0x0023), "DA", &day)
        .text((0x0008, 0x0030), "TM", &order.scheduled_time)
        .text((0x0008, 0x0031), "TM", &order.scheduled_time)
        .text((0x0008, 0x0033), "TM", &order.scheduled_time)
        .text((0x0008, 0x0050), "SH", &order.accession)
        .text((0x0008, 0x0060), "CS", study.modality())
        .text((0x0008, 0x0070), "LO", "Badiano testkit")
        .text((0x0008, 0x0080), "LO", &scanner.institution)
        .text((0x0008, 0x0090), "PN", &person_name(&order.requester.name))
        .text((0x0008, 0x1010), "SH", &scanner.station)
        .text((0x0008, 0x1030), "LO", order.procedure.text)
        .text((0x0008, 0x1090), "LO", "Synthetic phantom")
        .coded((0x0008, 0x1032), order.procedure.code, PROCEDURE_SYSTEM, order.procedure.text)
        .text((0x0010, 0x0010), "PN", &person_name(&person.name))
        .text((0x0010, 0x0020), "LO", &person.mrn)
        .text((0x0010, 0x0030), "DA", &person.born.to_compact())
        .text((0x0010, 0x0040), "CS", sex)
        .text((0x0010, 0x1010), "AS", &age(study))
        .text((0x0018, 0x0015), "CS", order.procedure.body_part)
        .text((0x0018, 0x1020), "LO", env!("CARGO_PKG_VERSION"))
        .text((0x0020, 0x000D), "UI", study.uid())
        .text((0x0020, 0x000E), "UI", study.series_uid())
        .text((0x0020, 0x0010), "SH", &order.requested_procedure)
        .text((0x0020, 0x0011), "IS", "1")
        .text((0x0020, 0x0013), "IS", &number.to_string())
        .text((0x0028, 0x0301), "CS", "NO");
    if !scanner.timezone_offset.is_empty() {
        e.text((0x0008, 0x0201), "SH", &scanner.timezone_offset);
    }
    let mut curp = Elements::new(e.charset());
    curp.text((0x0010, 0x0020), "LO", person.curp.as_str()).text((0x0010, 0x0021), "LO", "RENAPO").text(
        (0x0010, 0x0022),
        "CS",
        "TEXT",
    );
    e.sequence((0x0010, 0x1002), &[curp]);
    let mut request = Elements::new(e.charset());
    request
        .text((0x0008, 0x0050), "SH", &order.accession)
        .text((0x0020, 0x000D), "UI", study.uid())
        .text((0x0032, 0x1060), "LO", order.procedure.text)
        .text((0x0040, 0x0009), "SH", &order.scheduled_step)
        .text((0x0040, 0x1001), "SH", &order.requested_procedure);
    e.sequence((0x0040, 0x0275), &[request]);
}

/// Both surnames as the family component, given names as the second (PS3.5 6.2.1).
fn person_name(name: &badiano_mexico::PersonName) -> String {
    format!("{}^{}", name.surnames(), name.given())
}

fn age(study: &Study) -> String {
    format!("{:03}Y", study.person.born.age_on(study.order.scheduled_day))
}

/// Image Pixel with one sample a pixel.
fn grey(e: &mut Elements, rows: u16, columns: u16, bits_stored: u16, signed: bool, photometric: &str) {
    e.unsigned((0x0028, 0x0002), &[1])
        .text((0x0028, 0x0004), "CS", photometric)
        .unsigned((0x0028, 0x0010), &[rows])
        .unsigned((0x0028, 0x0011), &[columns])
        .unsigned((0x0028, 0x0100), &[16])
        .unsigned((0x0028, 0x0101), &[bits_stored])
        .unsigned((0x0028, 0x0102), &[bits_stored - 1])
        .unsigned((0x0028, 0x0103), &[u16::from(signed)]);
}

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Frame of Reference and Image Plane: `step` millimetres between slices.
fn plane(study: &Study, e: &mut Elements, orientation: &str, position: &str, spacing: &str, step: &str) {
    e.text((0x0018, 0x0050), "DS", step)
        .text((0x0018, 0x5100), "CS", "HFS")
        .text((0x0020, 0x0032), "DS", position)
        .text((0x0020, 0x0037), "DS", orientation)
        .text((0x0020, 0x0052), "UI", &study.frame_of_reference_uid)
        .text((0x0020, 0x1040), "LO", "")
        .text((0x0028, 0x0030), "DS", spacing);
}

pub(super) fn ct(study: &Study, number: u32, slices: u32, noise: Rng, e: &mut Elements) {
    let z = -1.25 * f64::from(number - 1);
    plane(study, e, r"1\0\0\0\1\0", &format!("-180\\-180\\{z:.2}"), r"0.703125\0.703125", "1.25");
    grey(e, CT_SIZE, CT_SIZE, 16, true, "MONOCHROME2");
    let depth = number as f32 / slices as f32;
    let hounsfield = pixels::ct_slice(noise, usize::from(CT_SIZE), depth);
    e.text((0x0008, 0x0008), "CS", r"ORIGINAL\PRIMARY\AXIAL")
        .text((0x0008, 0x103E), "LO", &format!("{}, 1.25 mm", study.order.procedure.text))
        .text((0x0018, 0x0060), "DS", "120")
        .text((0x0018, 0x1151), "IS", "180")
        .text((0x0018, 0x1210), "SH", "B70f")
        .text((0x0020, 0x0012), "IS", "1")
        .text((0x0020, 0x1041), "DS", &format!("{z:.2}"))
        .signed((0x0028, 0x0120), &[-2000])
        .text((0x0028, 0x1050), "DS", r"40\-600")
        .text((0x0028, 0x1051), "DS", r"400\1500")
        .text((0x0028, 0x1055), "LO", r"MEDIASTINO\PULMÓN")
        .text((0x0028, 0x1052), "DS", "0")
        .text((0x0028, 0x1053), "DS", "1")
        .text((0x0028, 0x1054), "LO", "HU")
        .bytes((0x7FE0, 0x0010), "OW", hounsfield.iter().flat_map(|v| v.to_le_bytes()).collect());
}

pub(super) fn mammogram(number: u32, monochrome1: bool, noise: Rng, e: &mut Elements) {
    const BITS: u16 = 12;
    // The usual order of a screening: craniocaudal right and left, then oblique right and left.
    let (side, oblique) = (if number % 2 == 1 { "R" } else { "L" }, number > 2);
    let (view, code) = if oblique { ("MLO", "399368009") } else { ("CC", "399162004") };
    let on_the_right = side == "R";
    let (columns, rows) = (usize::from(MAMMOGRAM_COLUMNS), usize::from(MAMMOGRAM_ROWS));
    let mut values = pixels::mammogram(noise, columns, rows, u32::from(BITS), on_the_right, oblique);
    if monochrome1 {
        values.iter_mut().for_each(|v| *v = (1 << BITS) - 1 - *v);
    }
    let photometric = if monochrome1 { "MONOCHROME1" } else { "MONOCHROME2" };
    grey(e, MAMMOGRAM_ROWS, MAMMOGRAM_COLUMNS, BITS, false, photometric);
    let toward = if on_the_right { "P" } else { "A" };
    let down = match (side, oblique) {
        ("R", false) => "L",
        ("R", true) => "FL",
        (_, false) => "R",
        (_, true) => "FR",
    };
    let meaning = if oblique { "medio-lateral oblique" } else { "cranio-caudal" };
    let mut view_code = Elements::new(e.charset());
    view_code
        .text((0x0008, 0x0100), "SH", code)
        .text((0x0008, 0x0102), "SH", "SCT")
        .text((0x0008, 0x0104), "LO", meaning)
        .sequence((0x0054, 0x0222), &[]);
    e.text((0x0008, 0x0008), "CS", r"DERIVED\PRIMARY")
        .text((0x0008, 0x0068), "CS", "FOR PRESENTATION")
        .text((0x0008, 0x103E), "LO", &format!("Mastografía {side} {view}"))
        .coded((0x0008, 0x2218), "76752008", "SCT", "Breast")
        .text((0x0018, 0x0060), "DS", "29")
        .text((0x0018, 0x1110), "DS", "650")
        .text((0x0018, 0x1111), "DS", "634")
        .text((0x0018, 0x1114), "DS", "1.025")
        .text((0x0018, 0x1164), "DS", r"0.094\0.094")
        .text((0x0018, 0x11A0), "DS", "54")
        .text((0x0018, 0x1508), "CS", "MAMMOGRAPHIC")
        .text((0x0018, 0x5101), "CS", view)
        .text((0x0018, 0x7004), "CS", "DIRECT")
        .text((0x0020, 0x0020), "CS", &format!("{toward}\\{down}"))
        .text((0x0020, 0x0062), "CS", side)
        .text((0x0028, 0x1040), "CS", "LOG")
        .signed((0x0028, 0x1041), &[if monochrome1 { -1 } else { 1 }])
        .text((0x0028, 0x1050), "DS", "2047")
        .text((0x0028, 0x1051), "DS", "4095")
        .text((0x0028, 0x1052), "DS", "0")
        .text((0x0028, 0x1053), "DS", "1")
        .text((0x0028, 0x1054), "LO", "US")
        .text((0x0028, 0x1300), "CS", "NO")
        .text((0x0028, 0x2110), "CS", "00")
        .text((0x2050, 0x0020), "CS", if monochrome1 { "INVERSE" } else { "IDENTITY" })
        .sequence((0x0040, 0x0555), &[])
        .sequence((0x0054, 0x0220), &[view_code])
        .bytes((0x7FE0, 0x0010), "OW", words(&values));
}

pub(super) fn mr(study: &Study, number: u32, slices: u32, noise: Rng, e: &mut Elements) {
    let x = -2.0 * f64::from(slices) + 4.0 * f64::from(number - 1);
    plane(study, e, r"0\1\0\0\0\-1", &format!("{x:.2}\\-140\\140"), r"1.09375\1.09375", "4");
    grey(e, MR_SIZE, MR_SIZE, 12, false, "MONOCHROME2");
    let values = pixels::mr_slice(noise, usize::from(MR_SIZE), number as f32 / slices as f32);
    e.text((0x0008, 0x0008), "CS", r"ORIGINAL\PRIMARY\M\SE")
        .text((0x0008, 0x103E), "LO", "T2 sagital, columna")
        .text((0x0018, 0x0020), "CS", "SE")
        .text((0x0018, 0x0021), "CS", "SK")
        .text((0x0018, 0x0022), "CS", "")
        .text((0x0018, 0x0023), "CS", "2D")
        .text((0x0018, 0x0080), "DS", "3500")
        .text((0x0018, 0x0081), "DS", "102")
        .text((0x0018, 0x0087), "DS", "1.5")
        .text((0x0018, 0x0091), "IS", "17")
        .text((0x0020, 0x0012), "IS", "1")
        .text((0x0020, 0x1041), "DS", &format!("{x:.2}"))
        .text((0x0028, 0x1050), "DS", "1200")
        .text((0x0028, 0x1051), "DS", "2400")
        .bytes((0x7FE0, 0x0010), "OW", words(&values));
}

pub(super) fn ultrasound(frames: u32, mut noise: Rng, e: &mut Elements) {
    let (columns, rows) = (usize::from(ULTRASOUND_COLUMNS), usize::from(ULTRASOUND_ROWS));
    let mut clip = Vec::with_capacity(columns * rows * 3 * frames as usize);
    for frame in 0..frames {
        let phase = (frame % 20) as f32 / 20.0;
        clip.extend(pixels::ultrasound_frame(Rng::new(noise.next_u64()), columns, rows, phase));
    }
    let mut region = Elements::new(e.charset());
    region
        .unsigned((0x0018, 0x6012), &[1])
        .unsigned((0x0018, 0x6014), &[1])
        .long((0x0018, 0x6016), 0)
        .long((0x0018, 0x6018), 0)
        .long((0x0018, 0x601A), 0)
        .long((0x0018, 0x601C), u32::from(ULTRASOUND_COLUMNS) - 1)
        .long((0x0018, 0x601E), u32::from(ULTRASOUND_ROWS) - 1)
        .unsigned((0x0018, 0x6024), &[3])
        .unsigned((0x0018, 0x6026), &[3])
        .double((0x0018, 0x602C), 0.025)
        .double((0x0018, 0x602E), 0.025);
    e.text((0x0008, 0x0008), "CS", r"ORIGINAL\PRIMARY\\0001")
        .text((0x0008, 0x103E), "LO", "Clip con Doppler a color")
        .text((0x0018, 0x1063), "DS", "40")
        .sequence((0x0018, 0x6011), &[region])
        .text((0x0020, 0x0020), "CS", "")
        .unsigned((0x0028, 0x0002), &[3])
        .text((0x0028, 0x0004), "CS", "RGB")
        .unsigned((0x0028, 0x0006), &[0])
        .text((0x0028, 0x0008), "IS", &frames.to_string())
        .tag((0x0028, 0x0009), (0x0018, 0x1063))
        .unsigned((0x0028, 0x0010), &[ULTRASOUND_ROWS])
        .unsigned((0x0028, 0x0011), &[ULTRASOUND_COLUMNS])
        .unsigned((0x0028, 0x0014), &[1])
        .unsigned((0x0028, 0x0100), &[8])
        .unsigned((0x0028, 0x0101), &[8])
        .unsigned((0x0028, 0x0102), &[7])
        .unsigned((0x0028, 0x0103), &[0])
        .text((0x0028, 0x2110), "CS", "00")
        .bytes((0x7FE0, 0x0010), "OB", clip);
}
