//! Numbers with units, money, durations, timings, and codes that stand for a yes or a number (HL7 v2.5.1 sections 2.A.14 to 2.A.81).

use super::mapping::{Answer, Mapping};
use super::reading::{read_concept, system_of, typed};
use super::result::number;
use super::tables::Row;
use super::time;
use crate::message::Part;
use badiano_fhir::{Value, fhir};

const NO_NUMBER: &str = "it is no number";
const UCUM: &str = "http://unitsofmeasure.org";

fn decimal(m: &mut Mapping<'_>, part: Part<'_>) -> Result<Option<Value>, &'static str> {
    let Some(sent) = m.take(part) else { return Ok(None) };
    let read = number(&sent).ok_or(NO_NUMBER)?;
    Ok(Some(Value::Number(read.into())))
}

pub(super) fn first_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    m.take(part.piece(1)).map_or(Ok(None), |t| typed("string", t))
}

/// The words of a coded element: its text, its name, or its code.
pub(super) fn concept_text(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(concept) = read_concept(m, part, None) else { return Ok(None) };
    let coding = concept["coding"].at(0);
    let said = [concept.str_of("text"), coding.str_of("display"), coding.str_of("code")];
    let text = said.into_iter().find(|t| !t.is_empty()).map(str::to_owned);
    text.map_or(Ok(None), |t| typed("string", t))
}

/// `en`, `es-MX`; names of languages are not codes.
pub(super) fn language_code(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let sound =
        sent.split('-').all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if sound { typed("code", sent) } else { Err("it is no code of a language") }
}

/// A number whose unit stands in another field (`unit=RXA-7`).
pub(super) fn quantity(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(value) = decimal(m, part.piece(1))? else { return Ok(None) };
    let made = fhir!({ "value": value });
    let unit = row.option("unit").and_then(|at| m.beside(at));
    let made = unit.map_or(made.clone(), |unit| with_unit(m, made, [1, 2, 3].map(|n| unit.component(n))));
    typed("Quantity", made)
}

/// CQ: a number and its unit in one field.
pub(super) fn quantity_cq(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(value) = decimal(m, part.component(1))? else { return Ok(None) };
    let unit = part.component(2);
    let made = with_unit(m, fhir!({ "value": value }), [1, 2, 3].map(|n| unit.subcomponent(n)));
    typed("Quantity", made)
}

fn with_unit(m: &mut Mapping<'_>, mut made: Value, unit: [Part<'_>; 3]) -> Value {
    let [code, text, named] = unit.map(|p| m.take(p));
    let ucum = named.as_deref().is_some_and(|s| system_of(m, s) == UCUM);
    if let Some(shown) = text.or_else(|| code.clone()) {
        made.set("unit", shown);
    }
    if let (true, Some(code)) = (ucum, code) {
        made.set("system", UCUM);
        made.set("code", code);
    }
    made
}

/// A code and its words as a class of a coverage: its value and its name.
pub(super) fn class(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let [code, words] = [1, 2].map(|n| m.take(part.component(n)));
    let Some(value) = code.or_else(|| words.clone()) else { return Ok(None) };
    let made = fhir!({ "value": value });
    typed("BackboneElement", words.map_or(made.clone(), |words| made.with("name", words)))
}

/// The number of a CQ, and its unit where it is one of time.
pub(super) fn value_cq(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    decimal(m, part.component(1))?.map_or(Ok(None), |value| typed("decimal", value))
}

pub(super) fn unit_of_time(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part.component(2).subcomponent(1)) else { return Ok(None) };
    typed("code", time_unit(&sent).ok_or("its unit of time is not known")?)
}

/// Units of time as FHIR's Timing has them (UCUM).
fn time_unit(sent: &str) -> Option<&'static str> {
    match sent.to_lowercase().as_str() {
        "s" | "sec" | "seconds" => Some("s"),
        "min" | "minutes" => Some("min"),
        "h" | "hr" | "hours" => Some("h"),
        "d" | "day" | "days" => Some("d"),
        "wk" | "w" | "weeks" => Some("wk"),
        "mo" | "months" => Some("mo"),
        "a" | "y" | "years" => Some("a"),
        _ => None,
    }
}

pub(super) fn time_of_day(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part) else { return Ok(None) };
    typed("time", time::time(&sent).ok_or("it is no time of day")?)
}

/// CP, MO: an amount and its currency.
pub(super) fn money(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(value) = decimal(m, part.component(1).subcomponent(1))? else { return Ok(None) };
    let currency = m.take(part.component(1).subcomponent(2)).or_else(|| m.take(part.component(2)));
    let mut made = fhir!({ "value": value });
    if let Some(currency) = currency.filter(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase())) {
        made.set("currency", currency);
    }
    typed("Money", made)
}

/// A duration as whole minutes, by the unit beside it; without a unit it is in minutes.
pub(super) fn minutes(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let unit = row.option("unit").and_then(|at| m.beside(at)).and_then(|u| m.take(u.component(1)));
    let seconds = match unit.unwrap_or_default().to_uppercase().as_str() {
        "S" | "SEC" | "SECONDS" => 1,
        "" | "M" | "MIN" | "MINUTE" | "MINUTES" | "MINUTOS" | "ANS+" => 60,
        "H" | "HR" | "HOUR" | "HOURS" | "HORAS" => 3_600,
        "D" | "DAY" | "DAYS" => 86_400,
        _ => return Err("its unit of time is not known"),
    };
    let count: i64 = sent.parse().ok().filter(|n| (0..=1_000_000).contains(n)).ok_or(NO_NUMBER)?;
    let minutes = count * seconds / 60;
    if minutes == 0 { Err("it is less than a minute") } else { typed("positiveInt", minutes) }
}

pub(super) fn days(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(value) = decimal(m, part)? else { return Ok(None) };
    typed("Duration", fhir!({ "value": value, "unit": "d", "system": UCUM, "code": "d" }))
}

/// Codes that say yes (`yes=`) or no (`no=`, all others where it is not given).
pub(super) fn code_boolean(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let listed = |name: &str| row.option(name).map(|codes| codes.split(',').any(|c| c == sent));
    match (listed("yes"), listed("no")) {
        (Some(true), _) => typed("boolean", true),
        (_, Some(true) | None) => typed("boolean", false),
        _ => Err("the code says neither yes nor no"),
    }
}

/// A number that a code stands for (`table=`), or the number itself.
pub(super) fn code_number(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    let tables = m.tables;
    let sent = sent.to_uppercase();
    let coded = row.option("table").and_then(|t| tables.codes(t)).and_then(|c| c.value(&sent));
    let read = sent.parse::<i64>().ok().or_else(|| coded.and_then(|(v, _)| v.parse().ok()));
    read.map_or(Err(NO_NUMBER), |n| typed("unsignedInt", n))
}

/// TQ (RXE-1 of old): repeat pattern, duration, start and end.
pub(super) fn timing_tq(m: &mut Mapping<'_>, part: Part<'_>, row: &Row) -> Answer {
    let mut made = repeat_pattern(m, part.component(2).subcomponent(1));
    for (n, key) in [(4, "start"), (5, "end")] {
        if let Some(sent) = m.take(part.component(n)) {
            let read = time::date_time(&sent, &m.naming.zone).ok_or("it is no date")?;
            let mut repeat = made["repeat"].clone();
            let period = repeat["boundsPeriod"].clone();
            repeat.set("boundsPeriod", period.with(key, read));
            made.set("repeat", repeat);
        }
    }
    let _ = row;
    if made.as_object().is_none_or(badiano_fhir::value::Object::is_empty) {
        Ok(None)
    } else {
        typed("Timing", made)
    }
}

/// RPT: the code of a pattern, its period where it brings one, and its text.
pub(super) fn timing_rpt(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let mut made = repeat_pattern(m, part.component(1).subcomponent(1));
    let display = m.take(part.component(1).subcomponent(2));
    let text = m.take(part.component(1).subcomponent(9));
    if let Some(text) = text.or(display) {
        let code = made["code"].clone();
        made.set("code", code.with("text", text));
    }
    if let (Some(period), Some(unit)) =
        (decimal(m, part.component(5))?, m.take(part.component(6).subcomponent(1)))
    {
        let unit = time_unit(&unit).ok_or("its unit of time is not known")?;
        let repeat = made["repeat"].clone();
        made.set("repeat", repeat.with("period", period).with("periodUnit", unit));
    }
    // RPT.8 and RPT.9: the event it is related to, and how long from it.
    if let Some(sent) = m.take(part.component(8)) {
        let when = EVENTS.iter().find(|(own, _)| *own == sent.to_uppercase());
        match when {
            Some((_, when)) => {
                let mut repeat = made["repeat"].clone();
                repeat.push("when", *when);
                made.set("repeat", repeat);
            }
            None => m.refuse(part.component(8), "the event is not one that FHIR has"),
        }
    }
    if let Some(offset) = decimal(m, part.component(9))? {
        let unit = m.take(part.component(10).subcomponent(1));
        let seconds = match unit.as_deref().map_or(Some("min"), time_unit) {
            Some("s") => 1,
            Some("min") => 60,
            Some("h") => 3_600,
            Some("d") => 86_400,
            _ => return Err("its unit of time is not known"),
        };
        let count = offset.as_number().and_then(|n| n.parse::<i64>().ok()).ok_or(NO_NUMBER)?;
        let minutes = count.saturating_mul(seconds) / 60;
        let repeat = made["repeat"].clone();
        made.set("repeat", repeat.with("offset", minutes));
    }
    if made.as_object().is_none_or(badiano_fhir::value::Object::is_empty) {
        Ok(None)
    } else {
        typed("Timing", made)
    }
}

/// CQ of a time as whole minutes.
pub(super) fn minutes_cq(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(count) = m.take(part.component(1)).map(|t| t.parse::<i64>().ok()) else { return Ok(None) };
    let count = count.filter(|n| (0..=1_000_000).contains(n)).ok_or(NO_NUMBER)?;
    let seconds = match m.take(part.component(2).subcomponent(1)).as_deref().map_or(Some("min"), time_unit) {
        Some("s") => 1,
        Some("min") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => return Err("its unit of time is not known"),
    };
    typed("unsignedInt", count * seconds / 60)
}

/// CQ of a time as a Duration.
pub(super) fn duration_cq(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(value) = decimal(m, part.component(1))? else { return Ok(None) };
    let unit = part.component(2);
    let code = m.take(unit.subcomponent(1)).as_deref().and_then(time_unit);
    let code = code.ok_or("its unit of time is not known")?;
    let shown = m.take(unit.subcomponent(2)).unwrap_or_else(|| code.to_owned());
    typed("Duration", fhir!({ "value": value, "unit": shown, "system": UCUM, "code": code }))
}

/// Events of the day (table 0528) that FHIR has too.
pub(super) const EVENTS: [(&str, &str); 13] = [
    ("AC", "AC"),
    ("ACD", "ACD"),
    ("ACM", "ACM"),
    ("ACV", "ACV"),
    ("HS", "HS"),
    ("PC", "PC"),
    ("PCD", "PCD"),
    ("PCM", "PCM"),
    ("PCV", "PCV"),
    ("C", "C"),
    ("CD", "CD"),
    ("CM", "CM"),
    ("CV", "CV"),
];

/// `BID`, `Q6H`, `QID`, `PRN`: the code as said, and what it means where it is one of the common ones (HL7 table 0335).
fn repeat_pattern(m: &mut Mapping<'_>, part: Part<'_>) -> Value {
    let Some(sent) = m.take(part) else { return Value::object() };
    let system = "http://terminology.hl7.org/CodeSystem/v2-0335";
    let code = sent.split_whitespace().collect::<Vec<_>>().join(" ");
    let made = fhir!({ "code": { "coding": [{ "system": system, "code": code }] } });
    let upper = sent.to_uppercase();
    let often = |frequency: i64, period: i64, unit: &str| fhir!({ "frequency": frequency, "period": period, "periodUnit": unit });
    let every = |unit: &str, letter: char| {
        let count = upper.strip_prefix('Q')?.strip_suffix(letter)?.parse::<i64>().ok()?;
        (1..=999).contains(&count).then(|| often(1, count, unit))
    };
    let repeat = match upper.as_str() {
        "QD" | "QAM" | "QPM" | "QHS" => Some(often(1, 1, "d")),
        "BID" => Some(often(2, 1, "d")),
        "TID" => Some(often(3, 1, "d")),
        "QID" => Some(often(4, 1, "d")),
        "QOD" => Some(often(1, 2, "d")),
        _ => every("h", 'H')
            .or_else(|| every("min", 'M'))
            .or_else(|| every("d", 'D'))
            .or_else(|| every("wk", 'W')),
    };
    match repeat {
        Some(repeat) => made.with("repeat", repeat),
        None => made,
    }
}

/// DR: when it began.
pub(super) fn range_start(m: &mut Mapping<'_>, part: Part<'_>, _: &Row) -> Answer {
    let Some(sent) = m.take(part.component(1)) else { return Ok(None) };
    typed("dateTime", time::date_time(&sent, &m.naming.zone).ok_or("it is no date")?)
}
