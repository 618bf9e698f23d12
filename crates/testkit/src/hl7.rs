//! HL7 v2.5.1 messages as a Mexican registration desk and radiology information system send them (chapters 2, 3, 4; IHE RAD TF-2).
//!
//! Built as text, without the product's own HL7 words, so that each can be checked against the other. MLLP framing is not here.

use crate::order::{Order, PROCEDURE_SYSTEM};
use crate::people::Person;
use badiano_mexico::{PersonName, Sex};

/// How the text becomes bytes, and what MSH-18 says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `UNICODE UTF-8`.
    Utf8,
    /// `8859/1`.
    Latin1,
    /// `WINDOWS-1252`, which is in no HL7 table; real senders write it, or `8859/1`, or nothing.
    Windows1252,
    /// Windows-1252 bytes under an empty MSH-18.
    Undeclared,
}

impl Encoding {
    pub const ALL: [Encoding; 4] =
        [Encoding::Utf8, Encoding::Latin1, Encoding::Windows1252, Encoding::Undeclared];

    /// MSH-18.
    pub const fn declared(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UNICODE UTF-8",
            Encoding::Latin1 => "8859/1",
            Encoding::Windows1252 => "WINDOWS-1252",
            Encoding::Undeclared => "",
        }
    }

    /// What the set cannot hold becomes `?`, as real senders do it.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
            Encoding::Windows1252 | Encoding::Undeclared => text.chars().map(windows_1252).collect(),
        }
    }
}

/// The signs between 0x80 and 0x9F that our texts may hold; the rest of the set is that of ISO 8859-1.
fn windows_1252(c: char) -> u8 {
    match c {
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '™' => 0x99,
        '\u{80}'..='\u{9F}' => b'?',
        c => u8::try_from(u32::from(c)).unwrap_or(b'?'),
    }
}

/// Who sends to whom, and under which names the hospital gives numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// MSH-3 and MSH-4.
    pub application: String,
    pub facility: String,
    /// MSH-5 and MSH-6.
    pub receiving_application: String,
    pub receiving_facility: String,
    /// Namespace of the assigning authority of the hospital's patient numbers.
    pub authority: String,
    /// `-0600`, at the end of MSH-7.
    pub timezone_offset: String,
}

/// One message to come: who sends it, how, when, under which number.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    pub sender: &'a Sender,
    pub encoding: Encoding,
    /// MSH-10.
    pub control_id: &'a str,
    /// `YYYYMMDDHHMMSS`, local time of the sender.
    pub at: &'a str,
    /// Adds a Z segment and a field beyond the standard's last one: what a receiver does not understand and must not lose.
    pub with_something_unknown: bool,
}

impl Envelope<'_> {
    /// Registration of an outpatient.
    pub fn adt_a04(&self, person: &Person, order: &Order) -> Vec<u8> {
        let body = [self.evn("A04"), self.pid(person), pv1(order, &self.sender.facility)];
        self.message("ADT^A04^ADT_A01", &body)
    }

    /// Update of what the desk knows of a person.
    pub fn adt_a08(&self, person: &Person, order: &Order) -> Vec<u8> {
        let body = [self.evn("A08"), self.pid(person), pv1(order, &self.sender.facility)];
        self.message("ADT^A08^ADT_A01", &body)
    }

    /// `retired_mrn` was the same person: it is merged into `survivor`.
    pub fn adt_a40(&self, survivor: &Person, retired_mrn: &str) -> Vec<u8> {
        let retired = format!("MRG|{}^^^{}^MR", escape(retired_mrn), escape(&self.sender.authority));
        self.message("ADT^A40^ADT_A39", &[self.evn("A40"), self.pid(survivor), retired])
    }

    /// A new imaging order, with the study UID in a ZDS segment (IHE RAD-4).
    pub fn orm_o01(&self, person: &Person, order: &Order) -> Vec<u8> {
        let zds = format!("ZDS|{}^{}^Application^DICOM", order.study_uid, escape(&self.sender.application));
        let start = start_of(order);
        let orc = format!(
            "ORC|NW|{placer}|{filler}||SC||^^^{start}^^R||{at}|||{requester}",
            placer = self.number(&order.placer_number),
            filler = self.number(&order.filler_number),
            at = self.at,
            requester = professional(order),
        );
        let mut obr: Vec<String> = vec![String::new(); 45];
        obr[0] = "OBR".into();
        obr[1] = "1".into();
        obr[2] = self.number(&order.placer_number);
        obr[3] = self.number(&order.filler_number);
        obr[4] = procedure(order);
        obr[16] = professional(order);
        obr[18] = order.accession.clone();
        obr[19] = order.requested_procedure.clone();
        obr[20] = order.scheduled_step.clone();
        // Filler field 2: many systems put the scheduled station there.
        obr[21] = escape(&order.scheduled_ae);
        obr[24] = order.procedure.modality.into();
        obr[27] = format!("^^^{start}^^R");
        obr[31] = format!("^{}", escape(order.procedure.reason));
        obr[44] = procedure(order);
        let body = [self.pid(person), pv1(order, &self.sender.facility), orc, obr.join("|"), zds];
        self.message("ORM^O01^ORM_O01", &body)
    }

    /// A new imaging order with an IPC segment (HL7 2.5 chapter 4.16, IHE RAD-4).
    pub fn omi_o23(&self, person: &Person, order: &Order) -> Vec<u8> {
        let orc = format!(
            "ORC|NW|{}|{}||SC||||{}|||{}",
            self.number(&order.placer_number),
            self.number(&order.filler_number),
            self.at,
            professional(order)
        );
        let tq1 = format!("TQ1|1||||||{}||R", start_of(order));
        let mut obr: Vec<String> = vec![String::new(); 32];
        obr[0] = "OBR".into();
        obr[1] = "1".into();
        obr[2] = self.number(&order.placer_number);
        obr[3] = self.number(&order.filler_number);
        obr[4] = procedure(order);
        obr[16] = professional(order);
        obr[31] = format!("^{}", escape(order.procedure.reason));
        let ipc = format!(
            "IPC|{}|{}|{}^{}|{}|{}|{}|||{}",
            order.accession,
            order.requested_procedure,
            order.study_uid,
            escape(&self.sender.application),
            order.scheduled_step,
            order.procedure.modality,
            procedure(order),
            escape(&order.scheduled_ae)
        );
        let body = [self.pid(person), pv1(order, &self.sender.facility), orc, tq1, obr.join("|"), ipc];
        self.message("OMI^O23^OMI_O23", &body)
    }

    fn message(&self, kind: &str, body: &[String]) -> Vec<u8> {
        let s = self.sender;
        let mut text = format!(
            "MSH|^~\\&|{}|{}|{}|{}|{}{}||{kind}|{}|P|2.5.1|||AL|NE|MEX|{}|es^Español^ISO639\r",
            escape(&s.application),
            escape(&s.facility),
            escape(&s.receiving_application),
            escape(&s.receiving_facility),
            self.at,
            s.timezone_offset,
            escape(self.control_id),
            self.encoding.declared()
        );
        for segment in body {
            text.push_str(segment);
            if self.with_something_unknown && segment.starts_with("PID|") {
                text.push_str(&"|".repeat(41usize.saturating_sub(segment.matches('|').count())));
                text.push_str("GRUPO Ñ");
            }
            text.push('\r');
        }
        if self.with_something_unknown {
            text.push_str("ZMX|1|Derechohabiencia^IMSS-Bienestar|Ñandú & compañía^no prevista\r");
        }
        self.encoding.encode(&text)
    }

    fn evn(&self, event: &str) -> String {
        format!("EVN|{event}|{}{}", self.at, self.sender.timezone_offset)
    }

    fn number(&self, number: &str) -> String {
        format!("{}^{}", escape(number), escape(&self.sender.application))
    }

    fn pid(&self, p: &Person) -> String {
        let sex = match p.sex {
            Sex::Man => "M",
            Sex::Woman => "F",
            Sex::NonBinary => "O",
        };
        let identifiers = format!(
            "{}^^^{}^MR~{}^^^RENAPO&2.16.840.1.113883.4.629&ISO^NI~{}^^^IMSS^SS",
            p.mrn,
            escape(&self.sender.authority),
            p.curp,
            p.nss
        );
        let a = &p.address;
        let address = format!(
            "{}^{}^{}^{}^{}^MEX^H",
            escape(&a.street),
            escape(&a.neighbourhood),
            escape(&a.city),
            a.entity.code,
            a.postal_code
        );
        let phone = format!("^PRN^CP^^52^{}^{}", &p.phone[..3], &p.phone[3..]);
        let name = format!("{}^L", extended_name(&p.name, 5));
        format!("PID|1||{identifiers}||{name}||{}|{sex}|||{address}||{phone}", p.born.to_compact())
    }
}

/// XPN or the name part of XCN: both surnames in the family component, then given names, then empty components.
fn extended_name(name: &PersonName, empty: usize) -> String {
    format!("{}^{}{}", escape(&name.surnames()), escape(name.given()), "^".repeat(empty.saturating_sub(1)))
}

fn pv1(order: &Order, facility: &str) -> String {
    let doctor = professional(order);
    format!("PV1|1|O|IMAGEN^^^{}||||{doctor}||||||||||||{}", escape(facility), order.visit)
}

/// XCN with the cédula profesional.
fn professional(order: &Order) -> String {
    let r = &order.requester;
    format!("{}^{}^^^^^SEP&2.16.840.1.113883.3.215.12.18&ISO", r.cedula, extended_name(&r.name, 2))
}

fn procedure(order: &Order) -> String {
    format!("{}^{}^{PROCEDURE_SYSTEM}", order.procedure.code, escape(order.procedure.text))
}

fn start_of(order: &Order) -> String {
    format!("{}{}", order.scheduled_day.to_compact(), order.scheduled_time)
}

/// The delimiters of MSH-1 and MSH-2 as escape sequences (chapter 2.7).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{order, people};
    use badiano_mexico::Date;

    fn sender() -> Sender {
        Sender {
            application: "HIS|NORTE".into(),
            facility: "HOSPITAL REGIONAL NORTE".into(),
            receiving_application: "BADIANO".into(),
            receiving_facility: "NORTE".into(),
            authority: "NORTE".into(),
            timezone_offset: "-0600".into(),
        }
    }

    fn envelope(sender: &Sender, encoding: Encoding) -> Envelope<'_> {
        Envelope {
            sender,
            encoding,
            control_id: "M0001",
            at: "20261123101500",
            with_something_unknown: false,
        }
    }

    fn case() -> (Person, Order) {
        let day = Date::new(2026, 11, 23).expect("a day");
        let person = people::population(11, 80).into_iter().find(|p| p.name.full().contains('ñ'));
        (person.expect("a name with ñ"), order::order(11, 1, "MG", "NORTE_MG1", day).expect("a mammogram"))
    }

    /// Field `n` of the first segment of a name, in UTF-8.
    fn field(message: &str, segment: &str, n: usize) -> String {
        let line = message.split('\r').find(|l| l.starts_with(segment)).expect("the segment is there");
        let n = if segment == "MSH" { n - 1 } else { n };
        line.split('|').nth(n).unwrap_or("").to_owned()
    }

    #[test]
    fn an_imaging_order_has_each_number_in_the_field_of_the_standard() {
        let (s, (person, order)) = (sender(), case());
        let bytes = envelope(&s, Encoding::Utf8).orm_o01(&person, &order);
        let m = String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(field(&m, "MSH", 9), "ORM^O01^ORM_O01");
        assert_eq!(field(&m, "MSH", 18), "UNICODE UTF-8");
        assert_eq!(field(&m, "MSH", 3), "HIS\\F\\NORTE");
        assert_eq!(field(&m, "PID", 7), person.born.to_compact());
        assert!(field(&m, "PID", 3).contains(person.curp.as_str()));
        assert!(field(&m, "PID", 5).starts_with(&format!(
            "{}^{}^",
            person.name.surnames(),
            person.name.given()
        )));
        assert_eq!(field(&m, "PID", 5).split('^').nth(6), Some("L"), "name type");
        assert_eq!(field(&m, "PV1", 19), order.visit);
        assert_eq!(field(&m, "ORC", 5), "SC");
        assert!(field(&m, "ORC", 12).starts_with(order.requester.cedula.as_str()));
        assert_eq!(field(&m, "ORC", 12).split('^').nth(8), Some("SEP&2.16.840.1.113883.3.215.12.18&ISO"));
        assert_eq!(field(&m, "OBR", 18), order.accession);
        assert_eq!(field(&m, "OBR", 24), "MG");
        assert!(field(&m, "OBR", 27).contains("20261123"));
        assert_eq!(field(&m, "ZDS", 1).split('^').next(), Some(order.study_uid.as_str()));
    }

    #[test]
    fn an_omi_says_the_same_in_its_ipc_segment() {
        let (s, (person, order)) = (sender(), case());
        let m = String::from_utf8(envelope(&s, Encoding::Utf8).omi_o23(&person, &order)).expect("UTF-8");
        assert_eq!(field(&m, "IPC", 1), order.accession);
        assert_eq!(field(&m, "IPC", 3).split('^').next(), Some(order.study_uid.as_str()));
        assert_eq!(field(&m, "IPC", 5), "MG");
        assert_eq!(field(&m, "IPC", 9), "NORTE_MG1");
        assert_eq!(field(&m, "TQ1", 7), start_of(&order));
    }

    #[test]
    fn one_message_in_four_encodings_differs_only_in_its_bytes() {
        let (s, (person, order)) = (sender(), case());
        let of = |encoding| envelope(&s, encoding).orm_o01(&person, &order);
        assert!(std::str::from_utf8(&of(Encoding::Latin1)).is_err());
        assert!(of(Encoding::Latin1).contains(&0xF1), "ñ in ISO 8859-1");
        // The dash of the reason is in Windows-1252 and not in ISO 8859-1.
        assert!(of(Encoding::Windows1252).contains(&0x96) && of(Encoding::Undeclared).contains(&0x96));
        assert!(!of(Encoding::Latin1).contains(&0x96) && of(Encoding::Latin1).contains(&b'?'));
        let undeclared: String = of(Encoding::Undeclared).iter().map(|b| char::from(*b)).collect();
        assert_eq!(field(&undeclared, "MSH", 18), "");
    }

    #[test]
    fn what_no_standard_foresees_is_added_only_when_asked_for() {
        let (s, (person, order)) = (sender(), case());
        let plain = envelope(&s, Encoding::Utf8);
        let strange = Envelope { with_something_unknown: true, ..plain };
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (plain, strange) = (text(plain.adt_a04(&person, &order)), text(strange.adt_a04(&person, &order)));
        assert!(!plain.contains("ZMX") && strange.contains("\rZMX|"));
        assert_eq!(field(&strange, "PID", 41), "GRUPO Ñ", "PID ends at 40 in 2.8");
        assert_eq!(field(&strange, "PID", 5), field(&plain, "PID", 5));
    }

    #[test]
    fn a_merge_names_the_number_that_goes() {
        let (s, (person, order)) = (sender(), case());
        let m = String::from_utf8(envelope(&s, Encoding::Utf8).adt_a40(&person, "777")).expect("UTF-8");
        assert_eq!(field(&m, "MRG", 1), "777^^^NORTE^MR");
        let m = String::from_utf8(envelope(&s, Encoding::Utf8).adt_a08(&person, &order)).expect("UTF-8");
        assert_eq!((field(&m, "MSH", 9), field(&m, "EVN", 1)), ("ADT^A08^ADT_A01".into(), "A08".into()));
        assert!(m.ends_with('\r') && !m.contains('\n'));
    }
}
