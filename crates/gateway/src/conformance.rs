//! What this version conforms to, printed from the tables that serve: DICOM (PS3.2), the FHIR CapabilityStatement, IHE.
//!
//! `docs/conformance` holds the result; a test compares them, so that they cannot drift.

use crate::{dimse, fhir_rest::capabilities};
use badiano_dicom::deidentify::Keep;
use badiano_dicom::dictionary::{STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES};
use badiano_dicom::dimse::sop_class::service_sop_class;
use badiano_fhir::json;
use std::fmt::Write as _;

/// IHE profiles that a part of is claimed of: profile, actor, what is there, the story's step or the test that shows it.
const IHE: &[(&str, &str, &str, &str)] = &[
    (
        "RAD SWF.b",
        "Order Filler, Image Manager/Archive",
        "RAD-2 to RAD-8 and RAD-10: order, worklist, MPPS, storage, commitment",
        "01-order, 02-worklist, 03-acquisition",
    ),
    ("RAD WIA", "Image Manager/Archive", "QIDO-RS, WADO-RS, STOW-RS", "04-archive"),
    (
        "RAD PDI",
        "Portable Media Creator",
        "DICOMDIR, objects, INDEX.HTM and README.TXT in a ZIP archive",
        "crates/server/tests/deidentify.rs",
    ),
    (
        "ITI BALP",
        "Audit Creator, Audit Repository",
        "AuditEvent for every access, in a Merkle log with proofs",
        "08-citizen",
    ),
    (
        "ITI PCF",
        "Consent Registry, Consent Enforcement Point",
        "deny and permit by institution, data class and purpose",
        "09-at-once",
    ),
    (
        "ITI PDQm",
        "Patient Demographics Supplier",
        "ITI-78 (search of Patient), ITI-119 ($match, each candidate with grade, score and why)",
        "who_is_who",
    ),
    (
        "ITI PDQ",
        "Patient Demographics Supplier",
        "ITI-21 (QBP^Q22, RSP^K22) over MLLP, with QRI for how sure each is; the pediatric option and ITI-22 are not there",
        "a_listed_sender_finds_a_person_by_name_and_by_number_and_a_stranger_finds_nobody",
    ),
    (
        "ITI PIX",
        "Patient Identifier Cross-reference Manager",
        "ITI-8 (ADT feed), ITI-9 (QBP^Q23, RSP^K23) over MLLP; no notifications (ITI-10)",
        "a_listed_sender_finds_a_person_by_name_and_by_number_and_a_stranger_finds_nobody",
    ),
    (
        "ITI PIXm",
        "Patient Identifier Cross-reference Manager",
        "ITI-83 ($ihe-pix), ITI-104 (conditional update of Patient)",
        "who_is_who",
    ),
    ("ITI IUA", "Authorization Server", "client credentials with a signed assertion", ""),
];

/// Name and text of each document.
pub fn documents() -> Vec<(&'static str, String)> {
    let statement = capabilities::statement("Badiano", "https://badiano.example");
    vec![
        ("capability-statement.json", json::to_string_pretty(&statement)),
        ("dicom.md", dicom()),
        ("ihe.md", ihe()),
    ]
}

fn dicom() -> String {
    let mut out = String::from(
        "# DICOM conformance\n\nMade from the tables that serve (`crates/gateway/src/conformance.rs`); a test compares it with them.\n\n\
         ## Services as SCP over DIMSE\n\n| SOP class | UID | operations |\n|---|---|---|\n",
    );
    for class in dimse::SERVICES.iter().filter_map(|uid| service_sop_class(uid)) {
        let operations: Vec<String> = class.operations.iter().map(|o| format!("{o:?}")).collect();
        let _ = writeln!(out, "| {} | {} | {} |", class.name, class.uid, operations.join(", "));
    }
    out.push_str(
        "\nC-FIND, C-MOVE and C-GET: relational queries and retrieval, combined date-time matching and fuzzy matching of names are \
         negotiated (PS3.4 C.5); without that, the unique keys of the levels above are needed. Names match without case and accents. \
         An object leaves in the transfer syntax in which it stands where the peer takes it; else implicit and explicit VR little endian \
         are given for each other, and for RLE, JPEG baseline, extended of 8 bits and lossless, and JPEG 2000, which are expanded \
         frame by frame. What cannot be given (JPEG-LS, HTJ2K, JPEG XL, video, JPEG of 12 bits) is counted as failed. Asynchronous operations: 16 asked by a peer, 8 asked of it. \
         C-CANCEL is heard between two messages.\n\n\
         UPS and instance availability are not there yet: their SOP classes are refused.\n\n\
         ## TLS (PS3.15 annex B)\n\nThe one address of DICOM speaks in the clear and over TLS 1.3, or 1.2 with ECDHE and AEAD; the first byte tells. A \
         peer whose certificate is listed is admitted by it alone, from whatever address, and is called over TLS alone, when it shows that \
         certificate; this node shows its own. Other listed peers may use TLS, and are known by their address. No earlier version and no \
         other cipher is taken.\n\n\
         ## As SCU\n\nC-ECHO (to test a peer), C-STORE (sub-operations of C-MOVE, routes, earlier studies ahead of an order, studies sent by a person) and N-EVENT-REPORT of storage commitment, on associations of our own.\n\n\
         ## Storage\n\nEvery SOP class below, every other below 1.2.840.10008.5.1.4.1.1, and private ones, in these transfer syntaxes; \
         the requestor's first is taken and the object is kept as it came. Where rules of the archive correct headers, the object is \
         given with the corrected header and the values before in Original Attributes (0400,0561); pixel data are never changed, and \
         no rule changes UIDs (docs/operations/corrections.md).\n\n\
         A Key Object Selection titled 113001, 113037, 113038 or 113039 (DCM) is a rejection note (IHE RAD IOCM): what it names of its own \
         patient, and the note, are no longer found or given, also where the note comes first or an object is sent again; what was rejected \
         as 113039 may be sent anew. Staff make such notes and take their effect back. Other key objects are kept and given as any object.\n\n| transfer syntax | UID |\n|---|---|\n",
    );
    for syntax in TRANSFER_SYNTAXES {
        let _ = writeln!(out, "| {} | {} |", syntax.name, syntax.uid);
    }
    out.push_str("\n| storage SOP class | UID |\n|---|---|\n");
    for class in STORAGE_SOP_CLASSES.iter().filter(|c| !c.retired) {
        let _ = writeln!(out, "| {} | {} |", class.name, class.uid);
    }
    out.push_str(
        "\n## Character sets\n\nRead: ISO_IR 6, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 13, 192, GB18030, GBK and code extensions. \
         Answers are in the character set of the question where it can say them, else ISO_IR 192.\n\n\
         ## DICOMweb (PS3.18)\n\nQIDO-RS, WADO-RS (objects, frames, bulk data, metadata, rendered, thumbnails), WADO-URI, STOW-RS (`application/dicom`, and `application/dicom+json` and `application/dicom+xml` with bulk data) \
         and capabilities (OPTIONS). Objects and frames are given as they are stored, or in explicit or implicit VR little endian where \
         Accept names that and the compression can be undone; 406 says that it cannot. \
         QIDO-RS takes includefield by keyword, tag and `all`, repeated and by commas; of instances any attribute of the header is given, \
         of studies and series those that the index keeps. \
         STOW-RS names bulk data by their Content-Location as the metadata's BulkDataURI; each part of compressed pixels is a frame, its transfer syntax that of its Content-Type, else of the metadata, else of its media type; an object put together so is in explicit VR little endian and UTF-8. Not there yet: UPS-RS.\n\n\
         ## Media (PS3.10, PS3.11)\n\nStudies leave as a file-set in a ZIP archive: `GET /api/export?study=UID` (repeated for several), and WADO-RS of a \
         study as `application/zip`. In it are DICOMDIR (Basic Directory), the objects as they are stored, INDEX.HTM with pictures that are \
         not for diagnosis, and README.TXT (IHE PDI). What a type 1 key of the directory lacks is made up there, not in the objects.\n\n\
         ## De-identification (PS3.15 annex E)\n\nBasic Application Level Confidentiality Profile, by the table in `data/dicom-confidentiality`, at every depth: \
         `badiano deidentify`, and `deidentify=true` of `/api/export`. Options: ",
    );
    let options: Vec<String> = Keep::ALL.iter().map(|k| format!("`{}` ({})", k.name(), k.code().1)).collect();
    out.push_str(&options.join(", "));
    out.push_str(
        ". The pseudonym, new UIDs and the shift of dates are made from a key and what they stand for: the same each time under \
         one key. Private attributes, curves and overlays go; report contents and graphic annotations are taken out, not cleaned. Objects \
         that say Burned In Annotation YES, encapsulated documents and deflated objects are held back. Pixels are not looked at. Not there: \
         the options that clean (pixel data, recognizable visual features, graphics, structured content, descriptors) and Retain Safe Private.\n",
    );
    out
}

fn ihe() -> String {
    let mut out = String::from(
        "# IHE\n\nParts of profiles that are there; no profile is claimed whole. Made by `crates/gateway/src/conformance.rs`.\n\n\
         | profile | actor | what is there | shown by |\n|---|---|---|---|\n",
    );
    for (profile, actor, what, shown) in IHE {
        let shown = if shown.is_empty() { "nothing yet" } else { shown };
        let _ = writeln!(out, "| {profile} | {actor} | {what} | {shown} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_conformance_documents_are_what_the_tables_say() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance");
        for (name, text) in super::documents() {
            let path = folder.join(name);
            if std::env::var_os("BADIANO_WRITE_CONFORMANCE").is_some() {
                std::fs::write(&path, &text).expect("written");
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == text, "{name} is not up to date: run the test with BADIANO_WRITE_CONFORMANCE=1");
        }
    }
}
