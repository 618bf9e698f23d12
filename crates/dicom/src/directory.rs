//! A medium's index, DICOMDIR: the Basic Directory of patients, studies, series and objects (PS3.3 annex F, PS3.10 section 8).

use crate::dataset::DataSet;
use crate::dataset::write::{header, item_header};
use crate::dictionary::{Coding, uids};
use crate::part10::write_file_meta;
use crate::tags;
use dicom_core::{Tag, VR};

/// Media Storage Directory Storage.
const SOP_CLASS: &str = "1.2.840.10008.1.3.10";
const NEXT: Tag = Tag(0x0004, 0x1400);
const IN_USE: Tag = Tag(0x0004, 0x1410);
const LOWER: Tag = Tag(0x0004, 0x1420);
const TYPE: Tag = Tag(0x0004, 0x1430);
const SEQUENCE: Tag = Tag(0x0004, 0x1220);
const ITEM: Tag = Tag(0xFFFE, 0xE000);
/// Group length aside, an explicit sequence header and an item header.
const SEQUENCE_HEADER: usize = 12;
const ITEM_HEADER: usize = 8;

/// What a record of an object is called and which attributes it repeats, by the beginning of its SOP class (PS3.3 F.4, F.5).
/// What no row names is an image.
const KINDS: &[(&str, &str, &[Tag])] = &[
    ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC", DOCUMENT),
    (
        "1.2.840.10008.5.1.4.1.1.88.",
        "SR DOCUMENT",
        &[
            tags::CONTENT_DATE,
            tags::CONTENT_TIME,
            tags::CONCEPT_NAME_CODE_SEQUENCE,
            tags::COMPLETION_FLAG,
            tags::VERIFICATION_FLAG,
        ],
    ),
    (
        "1.2.840.10008.5.1.4.1.1.11.",
        "PRESENTATION",
        &[
            tags::CONTENT_LABEL,
            tags::CONTENT_DESCRIPTION,
            tags::PRESENTATION_CREATION_DATE,
            tags::PRESENTATION_CREATION_TIME,
            tags::CONTENT_CREATOR_NAME,
            tags::REFERENCED_SERIES_SEQUENCE,
        ],
    ),
    (
        "1.2.840.10008.5.1.4.1.1.104.",
        "ENCAP DOC",
        &[
            tags::CONTENT_DATE,
            tags::CONTENT_TIME,
            tags::DOCUMENT_TITLE,
            tags::CONCEPT_NAME_CODE_SEQUENCE,
            tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT,
        ],
    ),
    ("1.2.840.10008.5.1.4.1.1.9.", "WAVEFORM", &[tags::CONTENT_DATE, tags::CONTENT_TIME]),
    ("1.2.840.10008.5.1.4.1.1.66.1", "REGISTRATION", LABELLED),
    ("1.2.840.10008.5.1.4.1.1.66.2", "FIDUCIAL", LABELLED),
    ("1.2.840.10008.5.1.4.1.1.66.3", "REGISTRATION", LABELLED),
    ("1.2.840.10008.5.1.4.1.1.66.5", "SURFACE", LABELLED),
    ("1.2.840.10008.5.1.4.1.1.481.2", "RT DOSE", &[tags::DOSE_SUMMATION_TYPE]),
    (
        "1.2.840.10008.5.1.4.1.1.481.3",
        "RT STRUCTURE SET",
        &[tags::STRUCTURE_SET_LABEL, tags::STRUCTURE_SET_DATE, tags::STRUCTURE_SET_TIME],
    ),
    (
        "1.2.840.10008.5.1.4.1.1.481.5",
        "RT PLAN",
        &[tags::RT_PLAN_LABEL, tags::RT_PLAN_DATE, tags::RT_PLAN_TIME],
    ),
    ("1.2.840.10008.5.1.4.1.1.481.4", "RT TREAT RECORD", &[tags::TREATMENT_DATE, tags::TREATMENT_TIME]),
];
const DOCUMENT: &[Tag] = &[tags::CONTENT_DATE, tags::CONTENT_TIME, tags::CONCEPT_NAME_CODE_SEQUENCE];
const LABELLED: &[Tag] = &[
    tags::CONTENT_DATE,
    tags::CONTENT_TIME,
    tags::CONTENT_LABEL,
    tags::CONTENT_DESCRIPTION,
    tags::CONTENT_CREATOR_NAME,
];
/// These are one class, not the beginning of others.
const WHOLE: &[&str] = &["1.2.840.10008.5.1.4.1.1.66"];

/// What each level repeats, and what stands where an object lacks what the index must have (type 1 in F.5).
type Level = (&'static str, &'static str, &'static [(Tag, &'static str)]);
const LEVELS: [Level; 3] = [
    ("PATIENT", "PT", &[(tags::PATIENT_NAME, ""), (tags::PATIENT_ID, "SIN_NUMERO")]),
    (
        "STUDY",
        "ST",
        &[
            (tags::STUDY_DATE, "19000101"),
            (tags::STUDY_TIME, "000000"),
            (tags::ACCESSION_NUMBER, ""),
            (tags::STUDY_DESCRIPTION, ""),
            (tags::STUDY_INSTANCE_UID, ""),
            (tags::STUDY_ID, "1"),
        ],
    ),
    (
        "SERIES",
        "SE",
        &[
            (tags::MODALITY, "OT"),
            (tags::SERIES_DESCRIPTION, ""),
            (tags::SERIES_INSTANCE_UID, ""),
            (tags::SERIES_NUMBER, "1"),
        ],
    ),
];

/// An index while objects are added to it.
#[derive(Debug, Default)]
pub struct Directory {
    patients: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// By what it is found again.
    key: String,
    record: DataSet,
    below: Vec<Entry>,
}

impl Directory {
    pub fn new() -> Directory {
        Directory::default()
    }

    /// Adds an object; the answer is the names of its folders and file, each of at most eight characters.
    pub fn add(
        &mut self,
        object: &DataSet,
        sop_class: &str,
        sop_instance: &str,
        syntax: &str,
    ) -> Vec<String> {
        let text = |tag| object.text(tag).unwrap_or_default();
        let keys = [
            format!("{}\\{}", text(tags::PATIENT_ID), text(tags::PATIENT_NAME)),
            text(tags::STUDY_INSTANCE_UID),
            text(tags::SERIES_INSTANCE_UID),
        ];
        let mut path = vec!["DICOM".to_owned()];
        let mut level = &mut self.patients;
        for ((kind, letters, repeats), key) in LEVELS.into_iter().zip(keys) {
            let at = match level.iter().position(|e| e.key == key) {
                Some(at) => at,
                None => {
                    let mut record = new_record(kind, object);
                    repeats.iter().for_each(|(tag, otherwise)| repeat(&mut record, object, *tag, otherwise));
                    level.push(Entry { key, record, below: Vec::new() });
                    level.len() - 1
                }
            };
            path.push(format!("{letters}{at:06}"));
            level = &mut level[at].below;
        }
        let number = level.len();
        path.push(format!("IM{number:06}"));
        let (kind, repeats) = kind_of(sop_class);
        let mut record = new_record(kind, object);
        record.set_text(tags::REFERENCED_FILE_ID, &path.join("\\"));
        record.set_text(tags::REFERENCED_SOP_CLASS_UID_IN_FILE, sop_class);
        record.set_text(tags::REFERENCED_SOP_INSTANCE_UID_IN_FILE, sop_instance);
        record.set_text(tags::REFERENCED_TRANSFER_SYNTAX_UID_IN_FILE, syntax);
        repeat(&mut record, object, tags::INSTANCE_NUMBER, &(number + 1).to_string());
        repeats.iter().for_each(|tag| repeat(&mut record, object, *tag, ""));
        level.push(Entry { key: String::new(), record, below: Vec::new() });
        path
    }

    /// The file DICOMDIR.
    pub fn write(&self, file_set: &str, instance_uid: &str) -> Vec<u8> {
        let mut file = write_file_meta(SOP_CLASS, instance_uid, uids::EXPLICIT_VR_LITTLE_ENDIAN, "");
        let head = |first: usize, last: usize| {
            let mut head = DataSet::new();
            head.set_text(tags::FILE_SET_ID, file_set);
            head.set_ints(Tag(0x0004, 0x1200), &[offset(first)]);
            head.set_ints(Tag(0x0004, 0x1202), &[offset(last)]);
            head.set_ints(tags::FILE_SET_CONSISTENCY_FLAG, &[0]);
            head.write(Coding::ExplicitLittle)
        };
        let mut start = file.len() + head(0, 0).len() + SEQUENCE_HEADER;
        let (mut records, mut tops) = (Vec::new(), Vec::new());
        lay(&self.patients, &mut start, &mut records, &mut tops);
        let (first, last) = (tops.first().copied().unwrap_or(0), tops.last().copied().unwrap_or(0));
        file.extend(head(first, last));
        header(&mut file, SEQUENCE, VR::SQ, records.len(), Coding::ExplicitLittle);
        file.extend(records);
        file
    }
}

/// Offsets are of 32 bits; an index is far smaller.
fn offset(at: usize) -> i64 {
    i64::from(u32::try_from(at).unwrap_or(0))
}

fn new_record(kind: &str, object: &DataSet) -> DataSet {
    let mut record = DataSet::with_charset(object.charset().clone());
    record.set_ints(NEXT, &[0]);
    record.set_ints(IN_USE, &[0xFFFF]);
    record.set_ints(LOWER, &[0]);
    record.set_text(TYPE, kind);
    if let Some(charset) = object.get(tags::SPECIFIC_CHARACTER_SET) {
        record.put(charset.clone());
    }
    record
}

fn repeat(record: &mut DataSet, object: &DataSet, tag: Tag, otherwise: &str) {
    match object.get(tag).filter(|e| !e.is_empty()) {
        Some(element) => record.put(element.clone()),
        None => {
            record.set_text(tag, otherwise);
        }
    }
}

fn kind_of(sop_class: &str) -> (&'static str, &'static [Tag]) {
    let begins = |row: &&(&str, &str, &[Tag])| {
        sop_class
            .strip_prefix(row.0)
            .is_some_and(|rest| row.0.ends_with('.') || rest.is_empty() || rest.starts_with('.'))
    };
    match KINDS.iter().find(begins) {
        Some((_, kind, repeats)) => (kind, repeats),
        None if WHOLE.contains(&sop_class) => ("RAW DATA", &[tags::CONTENT_DATE, tags::CONTENT_TIME]),
        None => ("IMAGE", &[]),
    }
}

/// Writes the entries of a level one behind the other, each followed by those below it; `at` is where the next one begins.
fn lay(entries: &[Entry], at: &mut usize, out: &mut Vec<u8>, starts: &mut Vec<usize>) {
    let mut records: Vec<(usize, DataSet)> = Vec::with_capacity(entries.len());
    let mut below: Vec<Vec<u8>> = Vec::with_capacity(entries.len());
    for entry in entries {
        starts.push(*at);
        let mut record = entry.record.clone();
        let begin = *at;
        *at += ITEM_HEADER + record.write(Coding::ExplicitLittle).len();
        let (mut inner, mut lower) = (Vec::new(), Vec::new());
        lay(&entry.below, at, &mut inner, &mut lower);
        record.set_ints(LOWER, &[offset(lower.first().copied().unwrap_or(0))]);
        records.push((begin, record));
        below.push(inner);
    }
    for (n, inner) in below.into_iter().enumerate() {
        let next = records.get(n + 1).map_or(0, |(begin, _)| *begin);
        let record = &mut records[n].1;
        record.set_ints(NEXT, &[offset(next)]);
        let bytes = record.write(Coding::ExplicitLittle);
        item_header(out, ITEM, u32::try_from(bytes.len()).unwrap_or(0), Coding::ExplicitLittle);
        out.extend(bytes);
        out.extend(inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(patient: &str, study: &str, series: &str, number: i64) -> DataSet {
        let mut set = DataSet::new();
        set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        set.set_text(tags::PATIENT_ID, patient);
        set.set_text(tags::PATIENT_NAME, "MUÑOZ^ANA");
        set.set_text(tags::STUDY_INSTANCE_UID, study);
        set.set_text(tags::SERIES_INSTANCE_UID, series);
        set.set_ints(tags::INSTANCE_NUMBER, &[number]);
        set
    }

    /// Type and the file of the records that an offset leads to, and what is below each.
    fn walk(file: &[u8], at: i64, depth: usize, said: &mut Vec<String>) {
        let mut at = usize::try_from(at).expect("an offset");
        while at != 0 {
            assert_eq!(file[at..at + 4], [0xFE, 0xFF, 0x00, 0xE0], "an item begins at {at}");
            let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().expect("four bytes")) as usize;
            let record =
                DataSet::read(&file[at + 8..at + 8 + length], Coding::ExplicitLittle).expect("a record");
            let name = record.texts(tags::REFERENCED_FILE_ID).join("/");
            let kind = record.text(TYPE).expect("a type");
            said.push(format!("{}{kind} {name}", " ".repeat(depth)).trim_end().to_owned());
            walk(file, record.int(LOWER).expect("an offset"), depth + 1, said);
            at = usize::try_from(record.int(NEXT).expect("an offset")).expect("an offset");
        }
    }

    #[test]
    fn every_object_is_reached_through_its_patient_study_and_series() {
        let mut directory = Directory::new();
        let (ct, sr) = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11");
        for (patient, study, series, class) in [
            ("1", "1.1", "1.1.1", ct),
            ("1", "1.1", "1.1.1", ct),
            ("1", "1.1", "1.1.2", sr),
            ("2", "2.1", "2.1.1", ct),
        ] {
            directory.add(&object(patient, study, series, 1), class, "1.9", "1.2.840.10008.1.2.1");
        }
        let file = directory.write("BADIANO", "1.2.3");
        let start = crate::part10::data_set_start(&file).expect("group 0002 ends");
        let set = DataSet::read(&file[start as usize..], Coding::ExplicitLittle).expect("it is read");
        assert_eq!(set.items(SEQUENCE).len(), 2 + 2 + 3 + 4);
        let mut said = Vec::new();
        walk(&file, set.int(Tag(0x0004, 0x1200)).expect("an offset"), 0, &mut said);
        assert_eq!(
            said,
            [
                "PATIENT",
                " STUDY",
                "  SERIES",
                "   IMAGE DICOM/PT000000/ST000000/SE000000/IM000000",
                "   IMAGE DICOM/PT000000/ST000000/SE000000/IM000001",
                "  SERIES",
                "   SR DOCUMENT DICOM/PT000000/ST000000/SE000001/IM000000",
                "PATIENT",
                " STUDY",
                "  SERIES",
                "   IMAGE DICOM/PT000001/ST000000/SE000000/IM000000",
            ]
        );
    }

    #[test]
    fn objects_are_of_the_kind_of_their_class() {
        for (class, kind) in [
            ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC"),
            ("1.2.840.10008.5.1.4.1.1.88.67", "SR DOCUMENT"),
            ("1.2.840.10008.5.1.4.1.1.66", "RAW DATA"),
            ("1.2.840.10008.5.1.4.1.1.66.4", "IMAGE"),
            ("1.2.840.10008.5.1.4.1.1.481.1", "IMAGE"),
            ("1.2.840.10008.5.1.4.1.1.481.2", "RT DOSE"),
            ("1.2.840.10008.5.1.4.1.1.2", "IMAGE"),
            ("1.3.12.2.1107.5.9.1", "IMAGE"),
        ] {
            assert_eq!(kind_of(class).0, kind, "{class}");
        }
    }
}
