//! Acknowledgements, original and enhanced mode, with ERR where something failed (HL7 v2.5.1 sections 2.9, 2.15.1, 2.15.5, 2.15.8).

use crate::message::{Location, Message, MessageWriter, ParseError, SegmentWriter};
use badiano_kernel::fault::{Fault, FaultKind};

/// MSA-1 (table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    Accept,
    Error,
    Reject,
    CommitAccept,
    CommitError,
    CommitReject,
}

impl AckCode {
    pub fn code(self) -> &'static str {
        match self {
            AckCode::Accept => "AA",
            AckCode::Error => "AE",
            AckCode::Reject => "AR",
            AckCode::CommitAccept => "CA",
            AckCode::CommitError => "CE",
            AckCode::CommitReject => "CR",
        }
    }

    /// The answer to a message that was kept (`None`) or met a fault. Rejected is what sending again will not mend by
    /// itself and what this version does not do; an error is about the content, or passes.
    pub fn of(fault: Option<&Fault>, enhanced: bool) -> AckCode {
        let rejected = fault.map(|f| {
            matches!(
                f.kind,
                FaultKind::NotSupported
                    | FaultKind::Forbidden
                    | FaultKind::Unauthenticated
                    | FaultKind::TooCostly
            )
        });
        match (rejected, enhanced) {
            (None, false) => AckCode::Accept,
            (Some(false), false) => AckCode::Error,
            (Some(true), false) => AckCode::Reject,
            (None, true) => AckCode::CommitAccept,
            (Some(false), true) => AckCode::CommitError,
            (Some(true), true) => AckCode::CommitReject,
        }
    }
}

/// What an answer needs beside the message: nothing here reads a clock or makes a number.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// `YYYYMMDDHHMMSS`, local time, with or without an offset: MSH-7.
    pub now: &'a str,
    /// MSH-10 of the answer.
    pub control_id: &'a str,
}

/// Whether the sender asks for enhanced mode (MSH-15 or MSH-16 has a value).
pub fn is_enhanced(message: &Message) -> bool {
    !message.get("MSH-15").trim().is_empty() || !message.get("MSH-16").trim().is_empty()
}

/// Whether the sender wants this answer at all (MSH-15 in enhanced mode: AL, NE, ER, SU; table 0155).
pub fn wants_commit(message: &Message, accepted: bool) -> bool {
    match message.get("MSH-15").trim() {
        "NE" => false,
        "ER" => !accepted,
        "SU" => accepted,
        _ => true,
    }
}

/// The answer to a message, in the sender's delimiters, version and character set; sender and receiver swapped.
pub fn acknowledge(message: &Message, code: AckCode, fault: Option<&Fault>, stamp: Stamp<'_>) -> Vec<u8> {
    let mut out = MessageWriter::new(*message.delimiters());
    let kind = match &*message.get("MSH-9.2") {
        "" => vec!["ACK".to_owned()],
        trigger => vec!["ACK".to_owned(), trigger.to_owned(), "ACK".to_owned()],
    };
    let kind: Vec<&str> = kind.iter().map(String::as_str).collect();
    let version = message.get("MSH-12.1").trim().to_owned();
    let header = answering(&out, message, &kind, stamp);
    out.push(&header);
    let acknowledged = out.segment("MSA").text(1, code.code()).raw(2, raw(message, "MSH-10"));
    out.push(&acknowledged.text(3, fault.map_or("", |f| f.text.as_str())));
    if let Some(fault) = fault {
        let error = error_segment(&out, fault, &version);
        out.push(&error);
    }
    out.finish(message.charset()).0
}

/// A field of a message as it was written.
pub(crate) fn raw(message: &Message, place: &str) -> String {
    let part = Location::parse(place).and_then(|l| message.part(&l));
    part.map_or(String::new(), |p| message.charset().decode(p.raw()).into_owned())
}

/// MSH of an answer: sender and receiver swapped, in the sender's version and character set.
pub(crate) fn answering(
    out: &MessageWriter,
    message: &Message,
    kind: &[&str],
    stamp: Stamp<'_>,
) -> SegmentWriter {
    let or = |place: &str, usual: &str| {
        let said = raw(message, place);
        if said.trim().is_empty() { usual.to_owned() } else { said }
    };
    out.segment("MSH")
        .raw(3, raw(message, "MSH-5"))
        .raw(4, raw(message, "MSH-6"))
        .raw(5, raw(message, "MSH-3"))
        .raw(6, raw(message, "MSH-4"))
        .text(7, stamp.now)
        .components(9, kind)
        .text(10, stamp.control_id)
        .raw(11, or("MSH-11", "P"))
        .raw(12, or("MSH-12", "2.5.1"))
        .text(18, &charset_name(message))
}

/// The answer to bytes that are no message: rejected, with no control id to name.
pub fn refuse_unreadable(error: &ParseError, stamp: Stamp<'_>) -> Vec<u8> {
    let fault = Fault::invalid(error.to_string());
    let mut out = MessageWriter::default();
    let header = out.segment("MSH").text(7, stamp.now).text(9, "ACK").text(10, stamp.control_id);
    out.push(&header.text(11, "P").text(12, "2.5.1"));
    let rejected = out.segment("MSA").text(1, AckCode::Reject.code()).text(3, &fault.text);
    out.push(&rejected);
    let error = error_segment(&out, &fault, "2.5.1");
    out.push(&error);
    out.finish(crate::message::Charset::Utf8).0
}

/// The sender's own word for its character set where it was true, ours where it was not.
fn charset_name(message: &Message) -> String {
    let declared = message.get("MSH-18").trim().to_owned();
    let said = crate::message::Charset::of_name(&declared);
    if said == Some(message.charset()) { declared } else { message.charset().name() }
}

pub(crate) fn error_segment(out: &MessageWriter, fault: &Fault, version: &str) -> SegmentWriter {
    let (number, text) = error_code(fault.kind);
    let place = Location::parse(&fault.place);
    let part = |n: usize| if n == 0 { String::new() } else { n.to_string() };
    let error = out.segment("ERR");
    let before_2_5 = matches!(version, "2.1" | "2.2" | "2.3" | "2.3.1" | "2.4");
    if before_2_5 {
        // ELD: segment, sequence, field, code of the error as subcomponents.
        let located = place.map_or([String::new(), String::new(), String::new()], |l| {
            [l.segment_name(), part(l.occurrence), part(l.field)]
        });
        let [segment, sequence, field] = &located;
        let delimiters = out.delimiters();
        let code = [number, text, "HL70357"].join(&char::from(delimiters.subcomponent).to_string());
        let sign = char::from(delimiters.component);
        return error.raw(1, format!("{segment}{sign}{sequence}{sign}{field}{sign}{code}"));
    }
    let error = match place {
        Some(l) => {
            let numbers = [
                part(l.occurrence),
                part(l.field),
                part(l.repetition),
                part(l.component),
                part(l.subcomponent),
            ];
            let name = l.segment_name();
            let located: Vec<&str> =
                std::iter::once(name.as_str()).chain(numbers.iter().map(String::as_str)).collect();
            error.components(2, &located)
        }
        None => error,
    };
    error.components(3, &[number, text, "HL70357"]).text(4, "E").text(8, &fault.text)
}

/// Table 0357.
fn error_code(kind: FaultKind) -> (&'static str, &'static str) {
    match kind {
        FaultKind::Invalid => ("102", "Data type error"),
        FaultKind::NotFound => ("204", "Unknown key identifier"),
        FaultKind::Conflict | FaultKind::Unmet => ("205", "Duplicate key identifier"),
        FaultKind::NotSupported => ("200", "Unsupported message type"),
        FaultKind::Forbidden | FaultKind::Unauthenticated => ("207", "Application internal error"),
        FaultKind::TooCostly | FaultKind::Unavailable | FaultKind::Bug => {
            ("207", "Application internal error")
        }
    }
}
